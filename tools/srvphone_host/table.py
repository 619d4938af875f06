"""The guide's table: the phone's datagrams in the columns and the words of Wireshark.

    table = Table(me=("127.0.0.10", 5060))
    row = table.row(line)                 # a Row; None for a line that is no datagram
    row.info                              # "Status: 401 Unauthorized"

It is made from the trace lines with bytes ("trace": "hex"): times are the phone's own. Length is
the whole frame's, as in the guide: the datagram and 42 bytes of Ethernet, IPv4 and UDP headers.
"""

import re
from typing import NamedTuple

from dnslib import QTYPE, RCODE, DNSError, DNSRecord

HEADERS = ("No.", "Time", "Source", "Destination", "Protocol", "Length", "Info")
WIDTHS = (4, 8, 15, 15, 8, 6)  # of all columns but Info
FRAME = 42  # Ethernet 14, IPv4 20, UDP 8

# Wireshark's words for RCODEs
_RCODES = {
    1: "Format error",
    2: "Server failure",
    3: "No such name",
    4: "Not implemented",
    5: "Refused",
}
_HEADER = r"(?im)^(?:%s)[ \t]*:[ \t]*(.*?)\r?$"


class Row(NamedTuple):
    number: int
    time: float
    source: str
    destination: str
    protocol: str
    length: int
    info: str

    def cells(self):
        return [str(self.number), "%.3f" % self.time, *self[2:5], str(self.length), self.info]


class Table:
    """Numbers the rows. With `ports` the addresses are shown with them, as they tell servers
    apart that share one address."""

    def __init__(self, me, ports=False):
        self.me, self.ports, self.count = me, ports, 0

    def row(self, line):
        if not line.is_datagram:
            return None
        self.count += 1
        # A DNS question comes from a port of its own, new each time, which the trace leaves out.
        mine = self._name(self.me if line.rule == "sip" else (self.me[0], 0))
        peer = self._name(line.peer)
        ends = (mine, peer) if line.event == ">" else (peer, mine)
        protocol = "SIP" if line.rule == "sip" else "DNS"
        length = line.length + FRAME
        return Row(self.count, line.time, *ends, protocol, length, words(line.rule, line.data))

    def _name(self, address):
        return "%s:%d" % address if self.ports and address[1] else address[0]


def words(channel, data):
    """What Wireshark's Info column says of a datagram: `channel` is sip, dns or tcp."""
    if channel == "sip":
        return sip_words(data)
    return dns_words(data[2:] if channel == "tcp" else data)


def dns_words(data):
    try:
        message = DNSRecord.parse(data)
        question = message.questions[0]
    except (DNSError, IndexError, ValueError):
        return "[Malformed Packet: DNS]"
    out = ["Standard query"]
    if message.header.qr:
        out.append("response")
    out.append("0x%04x" % message.header.id)
    if message.header.rcode:
        out.append(rcode(message.header.rcode))
    if not message.header.qr or message.header.rcode or not message.rr:
        out += [QTYPE[question.qtype], _text(question.qname)]
    for rr in (*message.rr, *(rr for rr in message.auth if rr.rtype == QTYPE.SOA)):
        out += [QTYPE[rr.rtype], _data(rr)]
    return " ".join(out)


def rcode(number):
    """What an RCODE is called."""
    return _RCODES.get(number) or RCODE.forward.get(number, "Rcode %d" % number)


def _text(name):
    return str(name).rstrip(".") or "<Root>"


def _data(rr):
    """The part of a record that the Info column shows."""
    data, kind = rr.rdata, QTYPE[rr.rtype]
    if kind == "SRV":
        return "%d %d %d %s" % (data.priority, data.weight, data.port, _text(data.target))
    if kind == "NAPTR":
        return "%d %d %s" % (data.order, data.preference, data.flags.decode("latin-1"))
    if kind == "SOA":
        return _text(data.mname)
    return _text(data)


def header(text, *names):
    """All values of a header, by any of its names, in a SIP message as text."""
    return re.findall(_HEADER % "|".join(names), text.partition("\r\n\r\n")[0])


def sip_words(data):
    text = data.decode("utf-8", "replace")
    start = text.partition("\r\n")[0]
    version, _, rest = start.partition(" ")
    if version == "SIP/2.0":
        out = "Status: " + rest
    elif start.endswith(" SIP/2.0"):
        out = "Request: " + start[: -len(" SIP/2.0")]
    else:
        return "Continuation" if not data.strip() else "[Malformed Packet: SIP]"
    cseq = header(text, "cseq")
    if cseq and cseq[0].endswith("REGISTER"):
        out += _bindings(text, request=version != "SIP/2.0")
    return printable(out)


def _bindings(text, request):
    """(1 binding): how many Contacts a REGISTER or its answer has."""
    contacts = [c for value in header(text, "contact", "m") for c in value.split(",")]
    expires = header(text, "expires")
    if not request and not contacts:
        return "  (0 bindings)" if text.startswith("SIP/2.0 2") else ""
    if not contacts:
        return "  (fetch bindings)"
    if contacts[0].strip() == "*":
        return "  (remove all bindings)"
    what = "%d binding%s" % (len(contacts), "" if len(contacts) == 1 else "s")
    gone = [re.search(r"(?i);expires=(\d+)", c) for c in contacts]
    if request and all(g[1] == "0" if g else expires == ["0"] for g in gone):
        return "  (remove %s)" % what
    return "  (%s)" % what


def printable(text):
    """Text from the network that can't harm a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)
