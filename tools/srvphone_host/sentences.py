"""What the phone's notes mean, in sentences: the trace for people.

    sentence("G24", "registered", "0 192.0.2.13:5060 3600")
    # account 1: registered at 192.0.2.13:5060 for 3600 s (G24)

    teller = Teller()                     # of one trace; it also knows why an account waits
    teller.tell("G14", "silent", "0 192.0.2.13:5060")
    teller.tell("G22", "waits", "0 20000")
    # account 1: no server answered; tries again in 20 s (G22)

A board sends the short form: rule, event and the fields of the text. NOTES has a sentence for each
that the firmware can make, which host_tests/host/test_sentences.py compares with the firmware. A
note that is not here is shown as it is, whole.
"""

import re

from srvphone_host import table
from srvphone_host.phone_process import parse

# rule, event, the fields of the text, and the sentence; the first line that fits counts.
# Rule "*" is any, event "NNN" a SIP status. A word that FIELDS lacks stands in the text as it is.
# An account goes before its sentence.
NOTES = (
    # The network
    ("W6", "joining", "network", "WiFi: joins {network}"),
    ("W6", "no-network", "network", "WiFi: {network} is not there"),
    ("W6", "bad-password", "network", "WiFi: {network} refuses the password"),
    ("W6", "failed", "network", "WiFi: {network} can't be joined"),
    ("W6", "up", "address DNS none", "network: up, address {address}, no DNS server"),
    ("W6", "up", "address DNS dns", "network: up, address {address}, DNS server {dns}"),
    ("W6", "down", "", "network: down"),
    ("W6", "dead-link", "", "network: up, but nothing comes through; joins anew"),
    # Finding the server
    ("W6", "no-answer", "name", "DNS: no server to ask for {name}"),
    ("G13a", "no-answer", "name", "DNS: no usable answer for {name}"),
    ("G13", "stale", "account name", "no answer for {name} yet; uses the old plan"),
    ("G13a", "no-naptr", "account name", "no answer to NAPTR of {name}; goes on with SRV"),
    ("G7", "no-ip-set", "account", "neither Primary IP nor Backup IP is set; asks DNS"),
    ("G6", "skipped", "account loop", "the NAPTR records lead in a circle or too far"),
    ("G6", "skipped", "account record", "skips {record}"),
    ("G9", "skipped", "account server", "skips SRV target {server}: no service there"),
    ("G4", "skipped", "account portless", "skips SRV target {portless}: it has no port"),
    ("G4", "skipped", "account server", "skips {server}: one too many, or no host name"),
    ("W9", "more", "account count", "skips {count} things more"),
    ("W9", "bound", "account reason", "the look-up is at its bound of {reason}"),
    ("W9", "left-out", "name count", "DNS: the answer for {name} is large; leaves {count} out"),
    ("G11", "alias", "account name", "SRV target {name} is an alias, a fault of the zone"),
    ("G4", "plan", "account servers stale", "servers {servers}, of the old plan"),
    ("G4", "plan", "account servers TTL ttl", "servers {servers}, for {ttl}"),
    ("G4", "plan", "account servers", "servers {servers}"),
    ("G4", "no-targets", "account TTL ttl", "no server found; asks DNS again after {ttl}"),
    ("G4", "no-targets", "account stale", "no server found, and no answer from DNS"),
    ("G4", "no-targets", "account", "no server found"),
    ("W9", "no-memory", "times count", "short of memory {count} times; something was given up"),
    # Registering, and going on to the next server
    ("*", "starts-at", "account server", "starts a cycle at {server}"),
    ("G14", "silent", "account server", "{server} did not answer"),
    ("G14", "unreadable", "account server", "{server} sent nothing that can be read"),
    ("G15", "refused", "account server", "{server} can't be reached"),
    ("G15", "timeout", "account server", "{server} gave no final answer in time"),
    ("G15", "NNN", "account server", "{server} answered {event}"),
    ("G16a", "late", "account server status", "{server} answered {status} late"),
    ("W3", "wrong-password", "account server", "{server} refuses the password"),
    ("W3", "bad-challenge", "account server", "{server} sent a challenge that can't be read"),
    ("W3", "other-realm", "account server", "{server} asks for the password of another realm"),
    ("W3", "too-many", "account server count", "{server} asks on after {count} credentials"),
    ("W4", "423", "account server -1", "{server} does not say which expiration it wants"),
    ("W4", "423", "account server s", "{server} wants an expiration of {s} or more"),
    ("G24", "registered", "account server s", "registered at {server} for {s}"),
    ("G24", "granted-nothing", "account server", "{server} answered, but grants no time"),
    ("G21", "failback", "account server", "tries to go back to {server}"),
    ("G26", "lost", "account server", "{server} answers no keep-alive; registers anew"),
    ("G22", "waits", "account for ever", "{why}; does not try again"),
    ("G22", "waits", "account ms", "{why}; tries again in {ms}"),
    ("-", "unregistered", "account server", "unregistered at {server}"),
    # What can't be used
    ("W5", "cut", "server", "SIP from {server} was too long and is cut"),
    ("*", "dropped", "channel reason server", "dropped {channel} from {server}: {reason}"),
    ("*", "dropped", "reason server", "dropped from {server}: {reason}"),
)

# Why an account waits (G22), if all that failed since it last waited or was registered is this.
NOT_REGISTERED = "not registered"
WHY = {
    "silent": "no server answered",
    "refused": "no server answered",
    "no-targets": "no server found",
    "wrong-password": "the password is refused",
}


def _account(label):
    """The phone counts from 0, and a + is the Secondary SIP Server (G22a)."""
    secondary = ", secondary server" if label.endswith("+") else ""
    return "account %d%s" % (int(label.rstrip("+")) + 1, secondary)


def _seconds(ms):
    return ("%.3f" % (int(ms) / 1000)).rstrip("0").rstrip(".") + " s"


# A field: how it stands in the text, and how it is shown.
FIELDS = {
    "account": (r"\d+\+?", _account),
    "address": (r"\S+", str),
    "channel": ("sip|dns|tcp", str.upper),
    "count": (r"\d+", str),
    "dns": (r"\S+", str),
    "ms": (r"\d+", _seconds),
    "name": (r"\S+", str),
    "network": (".+", str),
    "portless": (r"\S+:0", str),
    "reason": (".+", str),
    "record": (".+", str),
    "s": (r"\d+", "{} s".format),
    "server": (r"\S+:\d+", str),
    "servers": (r"\S+:\d+(?: \S+:\d+)*", lambda text: text.replace(" ", ", ")),
    "status": (r"\d{3}", str),
    "ttl": (r"-?\d+ s", lambda text: "0 s" if text[0] == "-" else text),  # it may be up already
}


def _pattern(fields):
    words = []
    for word in fields.split():
        words.append("(?P<%s>%s)" % (word, FIELDS[word][0]) if word in FIELDS else re.escape(word))
    return re.compile(" ".join(words))


_TABLE = {}  # (rule, event) -> [(pattern of the text, sentence), ...]
for _rule, _event, _fields, _sentence in NOTES:
    _TABLE.setdefault((_rule, _event), []).append((_pattern(_fields), _sentence))


def key(rule, event):
    """(rule, event) as NOTES has them, or None if the note is not there."""
    status = "NNN" if re.fullmatch(r"\d{3}", event) else event
    keys = (rule, event), (rule, status), ("*", event)
    return next((k for k in keys if k in _TABLE), None)


def known(rule, event, text, why=NOT_REGISTERED):
    """The sentence of NOTES, or None if none fits."""
    for pattern, form in _TABLE.get(key(rule, event), ()):
        found = pattern.fullmatch(text.strip())
        if found:
            shown = {name: FIELDS[name][1](value) for name, value in found.groupdict().items()}
            words = form.format(event=event, why=why, **shown)
            return _ended(": ".join(filter(None, (shown.get("account"), words))), rule)
    return None


def sentence(rule, event, text, why=NOT_REGISTERED):
    """A note in words, with its rule at the end; one that NOTES lacks as it is."""
    return known(rule, event, text, why) or _ended(("%s %s" % (event, text)).strip(), rule)


def _ended(words, rule):
    return words if rule == "-" else "%s (%s)" % (words, rule)


def option(parser):
    """The option for what the phone sends, of a command that tells it in sentences."""
    parser.add_argument(
        "--raw",
        action="store_true",
        help="the phone's notes in the short form that it sends, rule, event and fields: "
        "`G22 waits 0 20000`; without it they are sentences, with the rule at the end: "
        "`account 1: no server answered; tries again in 20 s (G22)`",
    )


class Teller:
    """Tells the notes of one trace, in order."""

    def __init__(self):
        self._reasons = {}  # account's label -> what WHY says of its events, or NOT_REGISTERED

    def tell(self, rule, event, text):
        label = text.partition(" ")[0]
        why = NOT_REGISTERED
        if event in ("registered", "waits"):
            why = self._reasons.pop(label, NOT_REGISTERED)
        elif rule in ("G14", "G15", "G24", "W3") or event in WHY:
            reason = WHY.get(event, NOT_REGISTERED)
            if self._reasons.setdefault(label, reason) != reason:
                self._reasons[label] = NOT_REGISTERED
        return sentence(rule, event, text, why)

    def line(self, text):
        """A line of the console. What is no note stays as it is, but for a DNS server's answer."""
        line = parse(text)
        if not line:
            return text
        if not line.is_datagram:
            return "%.3f %s" % (line.time, self.tell(line.rule, line.event, line.text))
        return text if line.rule == "sip" else _ANSWER.sub(_answer, text)


_ANSWER = re.compile(r" rcode (\d+) answers (\d+)(?= \| [0-9a-f]*$|$)")


def _answer(found):
    rcode, count = map(int, found.groups())
    if rcode:
        return ": %s" % table.rcode(rcode)
    return ": %d answer%s" % (count, "" if count == 1 else "s")
