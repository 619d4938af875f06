"""What happened, as records: the last few kept, each one shown to a listener as it is made.

    trace = Trace(listener=lambda record: print(line(record)))
    trace.note(now, "G14", "silent", "192.168.10.13:5060 after 3 sends")
    trace.datagram(now, "sip", ">", ("192.168.10.13", 5060), data)

A record is (seconds, milliseconds, rule, event, text, data): the time since the trace began, the
number of the rule that acted ("-" if none), a word, and a sentence. For a datagram the rule is
the channel (sip, dns, tcp), the event is > (sent) or < (received), the text is the peer and
`data` the bytes. Only notes are kept, the newest `keep`; the oldest goes. `line` never shows the
value of an Authorization header.
"""

from binascii import hexlify

from .clock import diff
from .dns import wire

_TYPES = {1: "A", 33: "SRV", 35: "NAPTR"}  # what a phone asks for


class Trace:
    s = ms = 0
    last = None

    def __init__(self, listener=None, keep=8):
        self.listener = listener
        self.keep = keep
        self.notes = []

    def clock(self, now):
        """Run the time since the start on to `now`; call it once in 6 days at least."""
        if self.last is not None:
            self.ms += diff(now, self.last)
            self.s += self.ms // 1000
            self.ms %= 1000
        self.last = now

    def note(self, now, rule, event, text=""):
        if len(self.notes) >= self.keep:
            self.notes.pop(0)
        self.notes.append(self._record(now, rule, event, text, None))

    def datagram(self, now, channel, event, peer, data):
        if self.listener:
            self._record(now, channel, event, "%s:%d" % peer, data)

    def _record(self, now, *what):
        self.clock(now)
        record = (self.s, self.ms) + what
        if self.listener:
            self.listener(record)
        return record


def line(record, with_bytes=False):
    """The record as one line of text: `time rule event text`, or for a datagram
    `time channel > peer length info`, followed by ` | hexadecimal bytes` if asked for."""
    out = "%d.%03d %s %s %s" % record[:5]
    data = record[5]
    if data is not None:
        out = "%s %d %s" % (out, len(data), info(record[2], data))
        if with_bytes:
            out += " | " + hexlify(masked(data)).decode()
    return out


def info(channel, data):
    """What a datagram is, in a few words: the start line, or the question and the counts."""
    if channel == "sip":
        # Nothing from the network may harm a terminal.
        return "".join([chr(c) if 32 <= c < 127 else "?" for c in data.split(b"\r")[0][:100]])
    if channel == "tcp":
        data = data[2:]
    if wire.check(data):
        return "unreadable"
    kind = data[wire.skip(data, 12) + 1]
    response = data[2] & 0x80
    out = "0x%s %s %s %s" % (
        hexlify(data[:2]).decode(),
        "response" if response else "query",
        _TYPES.get(kind, kind),
        wire.text(wire.expand(data, 12)),
    )
    return out + " rcode %d answers %d" % (data[3] & 15, data[7]) if response else out


def masked(data):
    """The datagram with the values of its Authorization headers replaced by stars."""
    lines = data.split(b"\r\n")
    for i, text in enumerate(lines):
        if b"authorization:" in text.lower():
            start = text.find(b":") + 1
            lines[i] = text[:start] + b"*" * (len(text) - start)
    return b"\r\n".join(lines)
