"""The settings file: one JSON text, the field names of the guide (rules G25, W7, W8).

    settings, faults = load(read("settings.json", fs))
    if not faults:
        settings.accounts[0].sip_server      # "grandstream.com"

`{"dns_servers": ["192.168.10.10"], "accounts": [{"sip_server": "grandstream.com", ...}]}`

The two tables at the end are the one place that knows the fields: `load`, the defaults (attributes
of the classes, so that an object holds only what was set) and the README's table are made from
them. An entry is `names=allowed`. What is allowed, which a fault shows as it stands, is one of

    A|B|C       a choice of texts, the default first. Kept is the place in this list, a number from
                0 on, which is also the value of Grandstream's P-value where there is one; Yes and
                No become True and False
    A|1..9      a text, kept as it is, or a whole number
    1..99       a whole number; the default stands behind each name
    <...>       a kind of text, see _fits; the default is empty; 1..64: so many bytes of UTF-8
    {...}       an account; {ssid, password}: a network
    [...]<5     a list of at most 4 of them; the default is empty

Bounds: a file of 16,384 bytes, 6 accounts, the first 100 faults. A fault shows no value
of the file, so no password. Once the settings are loaded, nothing needs this module any more.
"""

from json import loads

from .address import host_port, is_ipv4


def _fits(allowed, value):
    # Is the text `value` of the kind `allowed`? What matters are the words in it.
    for c in value:
        c = ord(c)
        # A control character might end a line, and so begin a header: below 32, from 127 to 159.
        # Half a surrogate pair (0xD800 to 0xDFFF) is no UTF-8.
        if c & ~128 < 32 or c == 127 or c >> 11 == 27:
            return False
    word = value.encode().lower()  # of bytes, so ASCII alone
    plain = b"0123456789abcdefghijklmnopqrstuvwxyz-._"
    if "IPv4" in allowed:
        host, port = host_port(value)
        if port < 0 or "port" not in allowed and host != value:
            return False
        # 242 leaves room for "_sips._tcp."; RFC 3261 25.1: no digit begins the last label
        labels = host.split(".")
        return is_ipv4(host) or (
            "host" in allowed
            and not word.strip(plain + b":")
            and len(host) <= 242
            and "" not in labels
            and max(map(len, labels)) < 64
            and labels[-1][0] > "9"
        )
    if "hex" in allowed:
        return len(word) in [32, 64] and not word.strip(plain[:16])
    least, most = map(int, allowed[6:-1].split(".."))
    return least <= len(word) <= most and (
        "text" in allowed or not word.strip(plain + b"!~*'()&=+$,;?/%" * ("user" in allowed))
    )


def _take(allowed, value, path):
    # A generator of faults; in the end it returns what is kept of `value`, None for a fault
    kept = None
    kind = type(value)
    first = allowed[0]
    if first == "[":
        if kind is list and len(value) < int(allowed[-1]):
            kept = []
            for one in value:
                one = yield from _take(allowed[1:-3], one, "%s[%d]" % (path, len(kept)))
                kept.append(one)
    elif first == "{":
        if kind is dict:
            kept = Network() if "ssid" in allowed else Account()
            yield from _fill(kept, value, path + ".")
    elif first == "<":
        if kind is str and _fits(allowed, value):
            kept = host_port(value, 53) if "DNS" in allowed else value
    else:
        for one in allowed.split("|"):
            low, dots, high = one.partition("..")
            if dots:
                if kind is int and int(low) <= value <= int(high):
                    kept = value
            elif value == one:
                kept = choice(allowed, one)
    if kept is None:
        yield path + ": not " + allowed
    return kept


def choice(allowed, text):
    """What is kept of one of the texts that are allowed: see the module's head."""
    choices = allowed.split("|")
    if "Yes" in choices:
        return text == "Yes"
    return text if ".." in allowed else choices.index(text)


def _fill(thing, value, path):
    # A generator of faults: the fields of `value` become attributes of `thing` where they differ
    fields = thing.fields
    for name, one in value.items():
        where = path + repr(name[:40])[1:-1]
        allowed = fields.get(name)
        if not allowed:
            yield where + ": unknown"
        elif one != "" or allowed[0] != "<":
            kept = yield from _take(allowed, one, where)
            if kept is not None and kept != getattr(thing, name):
                setattr(thing, name, kept)
    for name in ["ssid", "sip_server", "sip_user_id"]:
        if name in fields and value.get(name, "") == "" and getattr(thing, "account_active", True):
            yield path + name + ": missing"
    if "ha1" in fields:  # an account: what no field shows alone
        first = host_port(thing.sip_server.lower(), 5060)
        if first[0] and first == host_port(thing.secondary_sip_server.lower(), 5060):
            yield path + "secondary_sip_server" + ": is the sip_server"
        if thing.ha1 and thing.authenticate_password:
            yield path + "ha1: beside a password"
        if thing.random_retry_wait_min_s > thing.random_retry_wait_max_s:
            yield path + "random_retry_wait_min_s" + ": above the max"


def load(text):
    """The file's text (str or bytes) -> (Settings, faults). Never raises.

    faults: [], or texts in alphabetical order such as "accounts[0].dns_mode: not A Record|
    SRV|NAPTR/SRV|Use Configured IP"; then the Settings are not for use.
    """
    settings = Settings()
    try:
        if len(text) > 16384:
            raise ValueError
        faults = sorted(_fill(settings, loads(text), ""))
    except Exception:
        faults = ["settings: not JSON {...}, max 16384 bytes"]
    return settings, faults[:100]


def save(text, path, fs):
    """Put `text` in the place of the file: a power cut leaves the old or the new one, whole (W7).

    fs: has open and rename, as `os` of a board and `open`. OSError passes through to the caller.
    """
    with fs.open(path + ".new", "wb") as f:
        f.write(text.encode())
    fs.rename(path + ".new", path)


def read(path, fs):
    """The file's bytes for `load`, b"" if there is no file.

    FAT has no rename over a file, so MicroPython removes the old one first. A power cut between
    the two leaves the whole `path + ".new"` alone; it counts if `load` finds no fault in it.
    """
    for name in (path, path + ".new"):
        try:
            with fs.open(name, "rb") as f:
                text = f.read()  # asking for so many bytes would take them all at once
        except OSError:
            continue
        if name == path or not load(text)[1]:
            return text
    return b""


def _class(text):
    # Of a table: a class with the defaults as attributes, and `fields`: {name: what is allowed}
    fields = {}
    defaults = {"fields": fields}
    for entry in text.split(";"):
        names, allowed = entry.split("=")
        for name in names.split():
            name, _, value = name.partition(":")
            if value:
                value = int(value)
            elif allowed[0] == "[":
                value = []
            elif allowed[0] != "<":
                value = choice(allowed, allowed.split("|")[0])
            fields[name] = allowed
            defaults[name] = value
    return type("Settings", (), defaults)


# But dns_servers are kept as [(address, port), ...].
Settings = _class(
    "accounts=[{...}]<7;"
    "networks=[{ssid, password}]<5;"
    "hostname=<word 1..32>;"
    "country=<word 2..2>;"
    "dns_servers=[<DNS IPv4[:port]>]<5;"
    "local_address=<IPv4>;"
    "local_sip_port:5060=1..65535;"
    "sip_t1_ms:500=100..2000;"
    "sip_t2_ms:4000=2000..32000;"
    "edns0 dns_0x20 use_glue=No|Yes;"
    "start_jitter_s:0=0..3600;"
    "icmp_reports=Yes|No;"
    "trace=lines|off|notes|hex"
)

Network = _class("ssid=<text 1..32>;password=<text 8..64>")

Account = _class(
    "account_active=Yes|No;"
    "sip_server secondary_sip_server outbound_proxy backup_outbound_proxy blf_server"
    "=<host|IPv4[:port]>;"
    "outbound_proxy_mode=in route|not in route|always send to;"
    "sip_user_id=<user 1..64>;"
    "account_name authenticate_id authenticate_password name voice_mail_access_number picture "
    "proxy_require=<text 1..64>;"
    "ha1=<hex, 32 or 64>;"
    "account_display=User Name|User ID;"
    "dns_mode=A Record|SRV|NAPTR/SRV|Use Configured IP;"
    "dns_srv_failover_mode=Default|Saved one until DNS TTL|Saved one until no responses"
    "|Saved one until failback timeout;"
    "primary_ip backup_ip_1 backup_ip_2=<IPv4>;"
    "nat_traversal=No;"
    "sip_transport=UDP;"
    "use_sbc use_random_retry_wait register_before_dns_srv_failover=No|Yes;"
    "srv_weight_policy=rfc2782|proportional|highest-first;"
    "register_expiration_s:3600=1..3888000;"
    "reregister_before_expiration_s=auto|0..64800;"
    "failback_timeout_s:3600=1..86400;"
    "registration_failure_retry_wait_s:20 random_retry_wait_min_s:60 random_retry_wait_max_s:600 "
    "keep_alive_interval_s:30=1..3600;"
    "forbidden_retry_wait_s:1200=0..86400;"
    "max_sip_request_retries:2=0..10;"
    "failover_codes=[300..400|402..402|405..406|408..422|424..699]<9;"
    "cseq_on_failover=raise|same;"
    "keep_alive=No|OPTIONS;"
    "keep_alive_max_lost:3=1..10;"
    "unregister_on_reboot=No|All|Instance"
)
