"""The table of all settings, made from the firmware's own tables and the meanings below.

    python -m srvphone_host.settings_doc README.md            # rewrite the part between the marks
    python -m srvphone_host.settings_doc --check README.md    # exit status 1 if it is not the same

The marks are `<!-- settings -->` and `<!-- /settings -->`, each on a line of its own.

P-values are those of Grandstream's HT802V2 (firmware 1.0.9.3), first account; that the same
numbers hold on a GRP26xx is likely, but not proven. Where theirs are in other units, it says so.
"""

import difflib
import json
import re
import sys

from srvphone.account import Account, Network, Settings

BEGIN = "<!-- settings -->"
END = "<!-- /settings -->"

# What the firmware names in short: in words that go on after "is not".
KINDS = {
    "<text 1..64>": "at most 64 bytes of UTF-8 without control characters",
    "<text 1..32>": "at most 32 bytes of UTF-8 without control characters",
    "<text 8..64>": "8 to 64 bytes of UTF-8 without control characters",
    "<word 1..32>": "at most 32 letters, digits and -_.",
    "<letters 2..2>": "2 letters",
    "<user 1..64>": "at most 64 letters, digits and -_.!~*'()&=+$,;?/%",
    "<host|IPv4[:port]>": ("a host name or IPv4 address, alone or with :port (no sip:, no IPv6)"),
    "<IPv4>": "an IPv4 address",
    "<IPv4[:port]>": "an IPv4 address, alone or with :port",
    "<DNS IPv4[:port]>": "an IPv4 address, alone or with :port",
    "<hex, 32 or 64>": "32 or 64 hexadecimal digits",
    "{...}": "an object {...}",
    "{ssid, password}": "an object {ssid, password}",
}
FAULTS = {
    "missing": "must be set",
    "is the sip_server": "must not be the sip_server",
    "beside a password": "must not stand beside a password",
    "above the max": "must not be above the max",
}

# field, in the order of the README: (meaning, P-value or "")
MEANINGS = {
    "accounts": ("The accounts, each an object with the fields of the last table", ""),
    "networks": ("The wireless networks that the board knows, tried in turn (W6)", ""),
    "ssid": ("The network's name. Each network needs it", ""),
    "password": ("Its password; empty: an open network. Never shown", ""),
    "hostname": (
        "The name that the board gives itself in the network; empty: MicroPython's own",
        "",
    ),
    "country": ("The country's code, for the channels that are allowed there", ""),
    "dns_servers": (
        "Whom to ask, in turn (G13a), at port 53 if none is given; empty: whom the network names",
        "",
    ),
    "local_address": (
        "The phone's address in Via and Contact; empty: that of the network, or learnt from the"
        " first answer",
        "",
    ),
    "local_sip_port": ("The UDP port that SIP is sent from and received on", ""),
    "sip_t1_ms": ("T1: the first wait before a request is sent again (G14)", "P209, in 10 ms"),
    "sip_t2_ms": ("T2: the longest wait between two sends (G14)", "P250, in 10 ms"),
    "edns0": ("Queries carry EDNS0 with 1,232 bytes (G12)", ""),
    "dns_0x20": ("Queries have letters of random case, which the answer must repeat (G12)", ""),
    "use_glue": ("Addresses of an answer's Additional section spare the A query (G12)", ""),
    "start_jitter_s": ("The first REGISTER after power-on waits a draw of 0 to this (G22)", ""),
    "icmp_reports": ("Ask the network for reports of closed ports, where it has them (G15)", ""),
    "trace": ("What is written to the serial line", ""),
    "account_active": ("No: no look-up, no REGISTER (G25)", ""),
    "account_name": ("Shown, nothing more (G25)", ""),
    "sip_server": (
        "The domain of Request-URI, From and To; looked up if there is no Outbound Proxy (G1)."
        " An active account needs it",
        "",
    ),
    "secondary_sip_server": ("Registered beside the first, on its own (G22a)", ""),
    "outbound_proxy": ("The name that is looked up and sent to, if set (G1)", ""),
    "backup_outbound_proxy": ("Looked up when the first list is exhausted (G22)", ""),
    "outbound_proxy_mode": ("Whether the Outbound Proxy stands in Route (G1)", ""),
    "blf_server": ("Kept, nothing more (G25)", ""),
    "sip_user_id": ("The user part of From, To and Contact. An active account needs it", ""),
    "authenticate_id": ("The user name in credentials; empty: the SIP User ID", ""),
    "authenticate_password": ("The password in credentials; never shown", ""),
    "ha1": (
        "In place of the password: its hash with ID and realm (32 digits: MD5, 64: SHA-256)",
        "",
    ),
    "name": ("The display name in From (G25)", ""),
    "voice_mail_access_number": ("Kept, nothing more (G25)", ""),
    "picture": ("Kept, nothing more (G25)", ""),
    "account_display": ("Which of the two is shown (G25)", ""),
    "dns_mode": ("How a name becomes addresses (G3, G4, G5, G7)", "P103"),
    "dns_srv_failover_mode": ("Where a cycle starts (G18, G19, G20, G21)", "P26040"),
    "primary_ip": (
        "Sent to first in the mode Use Configured IP, at the SIP Server's port (G7)",
        "P2308",
    ),
    "backup_ip_1": ("Then this", "P2309"),
    "backup_ip_2": ("Then this, then the first again", "P2310"),
    "nat_traversal": ("`rport` is asked for in any case (G25)", "P52"),
    "proxy_require": ("The header of that name, in every request but CANCEL and ACK (G25)", ""),
    "use_sbc": ("Kept, nothing more (G25)", ""),
    "sip_transport": ("The transport of the account", "P130"),
    "srv_weight_policy": ("How the weights of one priority are drawn (G8)", ""),
    "register_expiration_s": ("The Expires that is asked for", "P32, in minutes"),
    "reregister_before_expiration_s": (
        "How long before the expiry the binding is renewed; auto: early enough to try every"
        " target, 0: at the expiry (G24)",
        "P2330",
    ),
    "failback_timeout_s": (
        "From fail-over to the first try to go back, in the fourth fail-over mode (G21)",
        "P60056, in minutes",
    ),
    "registration_failure_retry_wait_s": ("The wait when all targets failed (G22)", "P138"),
    "use_random_retry_wait": ("A draw in the place of this wait (G22)", "P60096"),
    "random_retry_wait_min_s": ("The draw's least", "P60097"),
    "random_retry_wait_max_s": ("The draw's most", "P60098"),
    "forbidden_retry_wait_s": ("The wait after 403 or a wrong password; 0: stop (W3)", "P26002"),
    "max_sip_request_retries": ("Sends after the first; 2 are the guide's three (G14)", "P60055"),
    "failover_codes": ("Further status codes that move on to the next target (G15)", ""),
    "cseq_on_failover": (
        "CSeq of a REGISTER at the next target: one higher or the same (G16)",
        "",
    ),
    "keep_alive": ("Ask the current server for a sign of life (G26)", "P2397"),
    "keep_alive_interval_s": ("How often (G26)", "P2398"),
    "keep_alive_max_lost": ("So many without any response start a cycle (G26)", "P2399"),
    "register_before_dns_srv_failover": (
        "At a silent INVITE, register at the next target before the INVITE goes there (G23)",
        "P29095",
    ),
    "unregister_on_reboot": ("Remove all bindings, or our own, when the phone stops", "P81"),
}


def wanted(allowed):
    """What is allowed, in words that go on after "is not"."""
    if allowed in KINDS:
        return KINDS[allowed]
    if allowed[0] == "[":
        inner, _, above = allowed[1:].rpartition("]<")
        return "a list of at most %d, each %s" % (int(above) - 1, wanted(inner))
    choices = allowed.split("|")
    spans = [choice for choice in choices if ".." in choice]
    texts = [choice for choice in choices if ".." not in choice]
    if not spans:
        return "one of " + ", ".join(texts)
    ends = [span.split("..") for span in spans]
    numbers = ", ".join(low if low == high else "%s..%s" % (low, high) for low, high in ends)
    return " or ".join(["a whole number in " + numbers, *texts])


def _cell(text):
    for mark in "\\|*_~":
        text = text.replace(mark, "\\" + mark)
    return text


def default(thing, name):
    """A field's default, as the settings file has it."""
    value = getattr(thing, name)
    allowed = thing.fields[name]
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if allowed[0] not in "<[{" and ".." not in allowed:  # a choice is kept as its place
        return allowed.split("|")[value]
    return value


def table():
    """The settings in Markdown: those of the phone, of a network, of an account."""
    lines = []
    for title, thing in (
        ("The phone", Settings),
        ("A network", Network),
        ("An account", Account),
    ):
        lines += [
            "**%s**" % title,
            "",
            "| Field | Default | Allowed | Meaning | P-value |",
            "|---|---|---|---|---|",
        ]
        for name, (meaning, p_value) in MEANINGS.items():
            if name in thing.fields:
                value = default(thing, name)
                shown = "(empty)" if value in ("", []) else str(value)
                cells = (shown, _cell(wanted(thing.fields[name])), meaning, p_value)
                lines.append("| `%s` | %s |" % (name, " | ".join(cells)))
        lines.append("")
    return "\n".join(lines)


def rewritten(text):
    """`text` with the table between the marks; ValueError if it does not have both."""
    head, begin, rest = text.partition(BEGIN + "\n")
    _, end, tail = rest.partition(END + "\n")
    if not begin or not end:
        raise ValueError("no lines %s and %s" % (BEGIN, END))
    return head + begin + "\n" + table() + "\n" + end + tail


def with_hints(faults, text=None):
    """What `account.load` says, in more words.

    With the file's text (str or bytes) an unknown field has its name, and the nearest one that
    there is. No value of the file is ever shown.
    """
    names = _Names(text)
    out = []
    for fault in faults:
        path, _, said = fault.partition(": ")
        if said.startswith("not ") and path != "settings":
            said = "is not " + wanted(said[4:])
        words = FAULTS.get(said, said)
        unknown = re.fullmatch(r"field (\d+) is unknown", said)
        name = names.of(path, int(unknown[1])) if unknown else ""
        if name:
            thing = {"accounts": Account, "networks": Network}
            thing = thing.get(path.partition("[")[0], Settings)
            near = difflib.get_close_matches(name, thing.fields, 1)
            path = name if path == "settings" else "%s.%s" % (path, name)
            words = "unknown field" + ("; %s is one" % near[0] if near else "")
        out.append("%s: %s" % (path, words))
    return out


class _Pairs(list):
    """An object of a JSON text: its names and values, in their order."""


class _Names:
    """The names of the fields in a file that are fit to be shown."""

    def __init__(self, text):
        self._values = set()
        try:
            if isinstance(text, bytes):
                text = text.decode("utf-8", "surrogatepass")
            text = (text or "").removeprefix("\ufeff")
            self._top = json.loads(text, object_pairs_hook=self._pairs)
        except (ValueError, RecursionError):
            self._top = None

    def _pairs(self, pairs):
        for _, value in pairs:
            values = value if type(value) is list else [value]
            self._values.update(one for one in values if isinstance(one, str))
        return _Pairs(pairs)

    def of(self, path, number):
        """The name of this field of the object `path`; "" if it isn't known, or may be a value."""
        try:
            pairs = self._top
            if path != "settings":
                where, index = re.fullmatch(r"(\w+)\[(\d+)\]", path).groups()
                pairs = dict(pairs)[where][int(index)]
            name, value = pairs[number - 1]
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return ""
        # Name and value in each other's place, or a value that also slipped into a name's
        known = (*Settings.fields, *Network.fields, *Account.fields)
        if name in self._values or isinstance(value, str) and value in known:
            return ""
        return repr(name[:40])[1:-1]


def main(arguments):
    check = arguments[:1] == ["--check"]
    (path,) = arguments[check:]
    with open(path, encoding="utf-8", newline="") as f:
        old = f.read()
    new = rewritten(old)
    if check:
        if new != old:
            print("%s: run python -m srvphone_host.settings_doc %s" % (path, path))
        return int(new != old)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
