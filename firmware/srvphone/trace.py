"""What happened, as records: the last few kept, each one shown to a listener as it is made.

    trace = Trace(lambda record: print(line(record)))
    trace.note(now, "G14", "silent", "0 192.168.10.13:5060")
    trace.datagram(now, "sip", ">", ("192.168.10.13", 5060), data)

A record is (seconds, milliseconds, rule, event, text, data): the time since the trace began, the
number of the rule that acted ("-" if none), a word, and a sentence. For a datagram the rule is
the channel (sip, dns, tcp), the event is > (sent) or < (received), the text is the peer and
`data` the bytes. Only notes are kept, the newest 8. No line shows the value of an Authorization
header; who shows the bytes takes `masked(data)`.
"""

from .clock import diff
from .dns import wire


class Trace:
    def __init__(self, listener=None):
        self.listener = listener
        self.notes = []
        self.s = self.ms = 0  # the time since the trace began
        self.last = None  # the time of the newest record

    def clock(self, now):
        """Run the time since the start on to `now`; call it once in 6 days at least."""
        if self.last is not None:
            ms = self.ms + diff(now, self.last)
            self.s += ms // 1000
            self.ms = ms % 1000
        self.last = now

    def note(self, now, rule, event, text="", data=None):
        self.clock(now)
        record = self.s, self.ms, rule, event, text, data
        if data is None:
            self.notes.append(record)
            del self.notes[:-8]
        if self.listener:
            self.listener(record)

    def datagram(self, now, rule, event, peer, data):
        """The same of a datagram; `rule` is the channel."""
        if self.listener:
            self.note(now, rule, event, "%s:%d" % peer, data)


def line(record):
    """The record as one line of text: `time rule event text`, or for a datagram
    `time channel > peer length info`."""
    out = "%d.%03d %s %s %s" % record[:5]
    data = record[5]
    return out if data is None else "%s %d %s" % (out, len(data), info(record[2], data))


def info(rule, data):
    """What a datagram is, in a few words: the start line, or the question and what is said."""
    if rule == "sip":
        # Nothing from the network may harm a terminal, nor show a secret that it reflects.
        return repr(b"".join(masked(data.split(b"\r")[0][:100])))[2:-1]
    if rule == "tcp":
        data = data[2:]
    if wire.check(data):
        return "unreadable"
    kind = data[wire.skip(data, 12) + 1]
    out = "%s %s" % (
        {1: "A", 33: "SRV", 35: "NAPTR"}.get(kind, kind),  # what a phone asks for
        wire.text(wire.expand(data, 12)),
    )
    if data[2] & 0x80:  # a response
        out += " rcode %d answers %d" % (data[3] & 15, data[7])
    return out


def masked(data):
    """The datagram in pieces, with stars in the place of what credentials may say: behind
    "authorization:" and "digest" wherever they stand, to the end of the line and of those that
    it is folded into. A challenge says no secret."""
    at = 0
    stars = False  # does the line before end in a secret?
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        line = data[at:end]
        text = line.rstrip(b"\r\n")
        start = 0 if stars and text[:1] in (b" ", b"\t") else _secret(text.lower())
        stars = start >= 0
        if stars:
            yield text[:start]
            yield b"*" * (len(text) - start)
            yield line[len(text) :]
        else:
            yield line
        at = end


def _secret(text):
    """Where the secret begins in a line in lower case, -1 if there is none."""
    if text.lstrip().startswith((b"www-authenticate", b"proxy-authenticate")):
        return -1
    for word in (b"authorization", b"digest"):
        start = text.find(word)
        if start >= 0:
            start += len(word)
            if word == b"authorization" or text[start : start + 1] in (b"", b" ", b"\t"):
                while text[start : start + 1] in (b" ", b"\t", b":"):
                    start += 1
                return start
    return -1
