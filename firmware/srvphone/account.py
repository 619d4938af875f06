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

The text is read strictly and once: not by `json`, which on MicroPython takes commas and colons for
blanks, so that a value may come to stand in a name's place. A byte-order mark is passed over.

Bounds: a file of 16,384 bytes, lists and objects 8 deep, texts of 256 bytes (none that is allowed
is longer), 6 accounts, the first 100 faults. A fault shows nothing of the file but the names of
known fields, so no password; an unknown field has its number, from 1 on. Beside the text and what
is kept of it, reading takes a few hundred bytes at a time; if they are not there, that is the
fault. Once the settings are loaded, nothing needs this module any more.
"""

from .address import host_port, is_ipv4


class _Fault(Exception):
    """Of the file as a whole: no JSON, from there on."""


class _Reader:
    """The next thing in a JSON text (RFC 8259), and the faults that were found so far.

    What each method reads begins at `at`, which is behind it in the end; only `next` takes nothing
    but blanks. What is no JSON raises _Fault.
    """

    def __init__(self, data):
        self.data = data
        self.at = 3 if data[:3] == b"\xef\xbb\xbf" else 0  # behind a byte-order mark
        self.depth = 0
        self.faults = []

    def fault(self, text):
        if len(self.faults) < 100:
            self.faults.append(text)

    def wrong(self, what="not JSON"):
        line = column = 1
        for c in memoryview(self.data)[: self.at]:
            if c == 10:
                line += 1
                column = 1
            elif c >> 6 != 2:  # of each character's bytes in UTF-8 the first
                column += 1
        raise _Fault("settings: %s at line %d, column %d" % (what, line, column))

    def byte(self):
        return self.data[self.at] if self.at < len(self.data) else 0

    def next(self):
        data = self.data
        at = self.at
        end = len(data)
        while at < end and data[at] in b" \t\r\n":
            at += 1
        self.at = at
        return data[at] if at < end else 0

    def take(self, wanted):
        if self.next() != ord(wanted):
            self.wrong()
        self.at += 1

    def members(self):
        """Of a list or an object: 0, 1, ... before each member, which is to be read then."""
        close = self.next() + 2  # "[" and "]", "{" and "}"
        self.depth += 1
        if self.depth > 8:
            self.wrong("more than 8 deep")
        self.at += 1
        n = 0
        while n or self.next() != close:
            yield n
            n += 1
            if self.next() == close:
                break
            self.take(",")
        self.at += 1
        self.depth -= 1

    def name(self):
        if self.next() != 34:
            self.wrong()
        name = self.text()
        self.take(":")
        return name

    def value(self):
        """A text or a whole number; None for all else, which no field allows."""
        c = self.next()
        if c == 34:
            return self.text()
        if c == 45 or 48 <= c < 58:
            return self.number()
        if c in b"[{":
            for _ in self.members():
                if c == 123:
                    self.name()
                self.value()
            return None
        for word in (b"true", b"false", b"null"):
            if self.data[self.at : self.at + len(word)] == word:
                self.at += len(word)
                return None
        return self.wrong()

    def number(self):
        minus = self.byte() == 45
        self.at += minus
        zero = self.at if self.byte() == 48 else None
        n = self.digits()
        if zero is not None and self.at > zero + 1:
            self.wrong()
        if self.byte() == 46:
            self.at += 1
            self.digits()
            n = None
        if self.byte() in b"eE":
            self.at += 1
            self.at += self.byte() in b"+-"
            self.digits()
            n = None
        return -n if n and minus else n

    def digits(self):
        start = self.at
        n = 0
        while 48 <= self.byte() < 58:
            if n < 10000000:  # beyond what any field allows, so the rest makes no difference
                n = n * 10 + self.byte() - 48
            self.at += 1
        if self.at == start:
            self.wrong()
        return n

    def text(self):
        """None for one that is too long for any field, or no UTF-8."""
        data = self.data
        kept = b""
        self.at += 1
        while True:
            # What needs no look at each byte; in pieces, so that little memory is taken
            end = self.at + 64
            for mark in (b'"', b"\\"):
                found = data.find(mark, self.at, end)
                end = end if found < 0 else found
            piece = data[self.at : end]
            if piece and min(piece) < 32:
                while self.byte() >= 32:
                    self.at += 1
                self.wrong()
            self.at += len(piece)
            c = self.byte()
            if c == 92:
                piece += chr(self.escape()).encode()
            if len(kept) <= 256:
                kept = kept + piece if kept else piece
            if c == 34:
                break
            if c == 0:
                self.wrong()
        self.at += 1
        try:
            return str(kept, "utf-8") if len(kept) <= 256 else None
        except UnicodeError:
            return None

    def escape(self):
        self.at += 1
        c = self.byte()
        self.at += 1
        if c != 117:
            place = b'"\\/bfnrt'.find(bytes([c]))
            if place < 0:
                self.wrong()
            return b'"\\/\b\f\n\r\t'[place]
        high = self.hexadecimal()
        if high >> 10 == 54 and self.data[self.at : self.at + 2] == b"\\u":
            before = self.at
            self.at += 2
            low = self.hexadecimal()
            if low >> 10 == 55:
                return 0x10000 + (high - 0xD800 << 10) + low - 0xDC00
            self.at = before
        # Half a surrogate pair is no character, and becomes one that is allowed nowhere
        return 0 if high >> 11 == 27 else high

    def hexadecimal(self):
        four = self.data[self.at : self.at + 4]
        if len(four) < 4 or four.strip(b"0123456789abcdefABCDEF"):
            self.wrong()
        self.at += 4
        return int(four, 16)


def _fits(allowed, value):
    # Is the text `value` of the kind `allowed`? What matters are the words in it.
    size = len(value)
    for c in value:
        c = ord(c)
        # A control character might end a line, and so begin a header: below 32, from 127 to 159.
        # Half a surrogate pair (0xD800 to 0xDFFF) is no UTF-8.
        if c & ~128 < 32 or c == 127 or c >> 11 == 27:
            return False
        if c > 127:
            size += 1 + (c > 2047) + (c > 65535) + (c > 0x10FFFF)
    word = value.encode().lower()  # of bytes, so ASCII alone
    if size != len(word):  # no UTF-8, though MicroPython takes it: too long a form, or too high
        return False
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
    least, most = map(int, allowed[1:-1].split(" ")[1].split(".."))
    if "letters" in allowed:
        plain = plain[10:36]
    return least <= len(word) <= most and (
        "text" in allowed or not word.strip(plain + b"!~*'()&=+$,;?/%" * ("user" in allowed))
    )


def _take(allowed, text, path):
    # What is kept of the value that comes next, None for a fault
    kept: object = None
    first = allowed[0]
    if first == "[" and text.next() == 91:
        most = int(allowed[-1]) - 1
        known = len(text.faults)
        items = []
        n = -1
        for n in text.members():
            if n < most:
                items.append(_take(allowed[1:-3], text, "%s[%d]" % (path, n)))
            else:
                text.value()
        if n < most:
            kept = items
        else:  # what is wrong with the members doesn't matter then
            del text.faults[known:]
    elif first == "{" and text.next() == 123:
        kept = Network() if "ssid" in allowed else Account()
        _fill(kept, text, path)
    else:
        value = text.value()
        if first == "<":
            if type(value) is str and _fits(allowed, value):
                kept = host_port(value, 53) if "DNS" in allowed else value
        elif first not in "[{":
            kept = _one_of(allowed, value)
    if kept is None:
        text.fault(path + ": not " + allowed)
    return kept


def _one_of(allowed, value):
    for one in allowed.split("|"):
        low, dots, high = one.partition("..")
        if dots:
            if type(value) is int and int(low) <= value <= int(high):
                return value
        elif value == one:
            return choice(allowed, one)
    return None


def choice(allowed, text):
    """What is kept of one of the texts that are allowed: see the module's head."""
    choices = allowed.split("|")
    if "Yes" in choices:
        return text == "Yes"
    return text if ".." in allowed else choices.index(text)


def _fill(thing, text, path):
    # The fields that come next become attributes of `thing` where they differ
    fields = thing.fields
    given = {}
    dot = path and path + "."
    for n in text.members():
        name = text.name()
        allowed = fields.get(name)
        if not allowed:
            text.value()
            text.fault((path or "settings") + ": field %d is unknown" % (n + 1))
            continue
        kept = ""
        text.next()
        given[name] = text.data[text.at : text.at + 2] != b'""'
        if given[name] or allowed[0] != "<":
            kept = _take(allowed, text, dot + name)
        else:
            text.value()
        if kept is not None and kept != getattr(thing, name):
            setattr(thing, name, kept)
    for name in ["ssid", "sip_server", "sip_user_id"]:
        if name in fields and not given.get(name) and getattr(thing, "account_active", True):
            text.fault(dot + name + ": missing")
    if "ha1" in fields:  # an account: what no field shows alone
        first = host_port(thing.sip_server.lower(), 5060)
        if first[0] and first == host_port(thing.secondary_sip_server.lower(), 5060):
            text.fault(dot + "secondary_sip_server" + ": is the sip_server")
        if thing.ha1 and thing.authenticate_password:
            text.fault(dot + "ha1: beside a password")
        if thing.random_retry_wait_min_s > thing.random_retry_wait_max_s:
            text.fault(dot + "random_retry_wait_min_s" + ": above the max")


def load(text):
    """The file's text (str or bytes; None: there was no memory for it) -> (Settings, faults).

    faults: [], or texts in alphabetical order such as "accounts[0].dns_mode: not A Record|
    SRV|NAPTR/SRV|Use Configured IP"; then the Settings are not for use. Never raises.
    """
    try:
        if text is None:
            return _SHORT
        settings = Settings()
        if len(text) > 16384:
            raise ValueError
        reader = _Reader(text.encode() if type(text) is str else text)
        if reader.next() != 123:
            raise ValueError
        _fill(settings, reader, "")
        reader.next()
        if reader.at < len(reader.data):
            reader.wrong()
        faults = sorted(reader.faults)
    except MemoryError:
        return _SHORT  # which takes no more memory
    except _Fault as e:
        faults = [e.args[0]]
    except Exception:
        faults = ["settings: not JSON {...}, max 16384 bytes"]
    return settings, faults


def save(text, path, fs):
    """Put `text` in the place of the file: a power cut leaves the old or the new one, whole (W7).

    fs: has open and rename, as `os` of a board and `open`. OSError passes through to the caller.
    """
    with fs.open(path + ".new", "wb") as f:
        f.write(text.encode())
    fs.rename(path + ".new", path)


def read(path, fs):
    """The file's bytes for `load`, b"" if there is no file, None if there is no memory for it.

    FAT has no rename over a file, so MicroPython removes the old one first. A power cut between
    the two leaves the whole `path + ".new"` alone; it counts if `load` finds no fault in it.
    """
    for name in (path, path + ".new"):
        try:
            with fs.open(name, "rb") as f:
                text = f.read()  # asking for so many bytes would take them all at once
        except OSError:
            continue
        except MemoryError:
            return None
        if name == path or load(text)[1] in ([], _SHORT[1]):
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
    "country=<letters 2..2>;"
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

_SHORT = Settings(), ["settings: too long for the memory that is free"]
