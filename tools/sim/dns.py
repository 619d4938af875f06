"""A DNS server for the simulator: a zone that may change, and every way to answer badly.

    dns = sim.dns("192.168.10.10", '''
        $ORIGIN example.org.
        @         3600 IN SOA ns hostmaster 1 3600 600 86400 300
        @         3600 IN NS  ns
        _sip._udp   60 IN SRV 10 1 5060 a
        a           60 IN A   192.168.10.13
    ''')
    dns.zone.set("a 60 IN A 192.168.10.14")          # the whole A set of this name
    dns.fails("SERVFAIL", "example.org", "NAPTR")    # until dns.works()
    dns.fails("silent", times=2)

Answers are authoritative ones, as the guide's captures show them: AA, RD, RA; the zone's NS in
the Authority section; with SRV records the addresses of their targets in the Additional section;
SOA for a denial (RFC 2308 3). A name outside of all zones is REFUSED. Messages are put together
by srvphone.dns.compose, which no phone loads. Limits: class IN, no wildcards, no delegations.

What `fails` knows as its first argument (name and type of the question, times and delay_ms are
all optional; the newest that fits a question counts):

    ""                 the right answer: to be slow, or an exception
    "silent"           nothing
    "closed"           the port is closed
    "SERVFAIL" "REFUSED" "NOTIMP" "FORMERR" "NXDOMAIN"
                       this RCODE without records; with " to EDNS" behind it only if the query
                       has an OPT record
    "truncated"        TC and no records; over TCP the right answer
    "wrong ID" "wrong question" "wrong port" "wrong address" "garbage"
                       instead of the right answer
    "spoofed first"    a forged NXDOMAIN with another ID, then the right answer
    "twice"            the right answer two times
"""

from sim.message import TYPES, question
from srvphone.dns import compose, wire

NUMBERS = {TYPES[number]: number for number in TYPES}
RCODES = {"FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
ELSEWHERE = "203.0.113.53"  # where answers with a wrong address come from (RFC 5737)
EDNS_SIZE = 1232
_IN = 1  # the class
_OPT = 41

# The fields of a record: i number, n name, s character-string, t address; of TXT any number.
FIELDS = {
    "A": "t",
    "AAAA": "t",
    "NS": "n",
    "CNAME": "n",
    "SOA": "nniiiii",
    "TXT": "s",
    "SRV": "iiin",
    "NAPTR": "iisssn",
}


class Record:
    """One record of a zone; the TTL may be changed. Names are texts without the final dot."""

    def __init__(self, name, kind, ttl, fields):
        self.name = name
        self.kind = kind  # "SRV"
        self.ttl = ttl
        self.fields = fields  # as FIELDS says: int, name text, bytes or text

    def wire(self, owner=None):
        """As `compose.message` takes it; `owner`: the name as the question wrote it."""
        spec = FIELDS[self.kind]
        data = [
            wire.name(f) if spec[min(i, len(spec) - 1)] == "n" else f
            for i, f in enumerate(self.fields)
        ]
        if self.kind == "AAAA":
            data = _ipv6(data[0])
        elif len(spec) == 1 and spec != "s":
            data = data[0]
        return owner or wire.name(self.name), NUMBERS[self.kind], _IN, self.ttl, data


class Zone:
    """Records in the order of their text: lines `name TTL [IN] type data`, $ORIGIN, comments."""

    def __init__(self, text):
        self.origin = ""
        self.records = []
        self.add(text)

    def add(self, text):
        """Append records."""
        for line in text.split("\n"):
            words = _words(line)
            if words and words[0] == "$ORIGIN":
                self.origin = words[1].rstrip(".")
            elif words:
                self.records.append(self._record(words))

    def set(self, text):
        """Append records in the place of those with the same names and types."""
        old = self.records
        self.records = []
        self.add(text)
        new = [(record.name.lower(), record.kind) for record in self.records]
        self.records = [r for r in old if (r.name.lower(), r.kind) not in new] + self.records

    def remove(self, name, kind=None):
        """Take away the records of a name, or one type of it."""
        gone = self.find(name, kind)
        self.records = [record for record in self.records if record not in gone]

    def ttl(self, ttl, name=None, kind=None):
        """Change the TTL of all records, of a name's, of one type of it."""
        for record in self.records if name is None else self.find(name, kind):
            record.ttl = ttl

    def find(self, name, kind=None):
        """The records of a name (as a zone file writes it), of one type of it, in their order."""
        name = self._full(name).lower()
        return [r for r in self.records if r.name.lower() == name and kind in (None, r.kind)]

    def apex(self):
        """The name that owns the SOA record, else the origin; "" covers every name."""
        for record in self.records:
            if record.kind == "SOA":
                return record.name
        return self.origin

    def has(self, name):
        """Does the name exist, with records or with names below it?"""
        name = name.lower()
        return any(("." + r.name.lower()).endswith("." + name) for r in self.records)

    def _full(self, name):
        if name == "@":
            return self.origin
        if name.endswith("."):
            return name.rstrip(".") or "."
        return name + "." + self.origin if self.origin else name

    def _record(self, words):
        if words[2] == "IN":
            words.pop(2)
        kind = words[2]
        spec = FIELDS[kind]
        fields = []
        for i, word in enumerate(words[3:]):
            what = spec[min(i, len(spec) - 1)]
            if what == "i":
                word = int(word)
            elif what == "n":
                word = self._full(word)
            elif what == "s":
                word = word.encode()
            fields.append(word)
        return Record(self._full(words[0]), kind, int(words[1]), fields)


class Server:
    """One DNS server; see the module's docstring. All fields may be set at any time."""

    def __init__(self, sim, address, zones):
        if not isinstance(zones, (list, tuple)):
            zones = [zones]
        self.sim = sim
        self.address = address
        self.zones = [zone if isinstance(zone, Zone) else Zone(zone) for zone in zones]
        self.zone = self.zones[0]
        self.random = sim.random.split("dns %s %d" % address)
        self.faults = []
        self.asked = 0  # questions over UDP and TCP
        self.unreadable = 0
        self.flags = 0x8580  # of a good answer: QR AA RD RA
        self.lower = False  # the question comes back in lower case
        self.squeeze = False  # compress the names in SRV and NAPTR data; no other sections then
        # Over TCP: "up", "closed", "silent", "mute" (opens, says nothing), "closes" (opens, and
        # closes without a word)
        self.tcp = "up"
        self.piece = 0  # an answer over TCP comes in pieces of so many bytes; 0: whole

    def fails(self, how, name=None, kind=None, times=None, delay_ms=0):
        """Answer badly from now on, or so many `times`; see the module's docstring."""
        self.faults.append([how, name and name.lower(), kind, times, delay_ms])

    def works(self):
        """Forget every fault."""
        self.faults = []

    def receive(self, frame):
        """A query came over UDP -> the fate of its frame."""
        try:
            query = _Query(frame.data)
        except (IndexError, ValueError):
            self.unreadable += 1
            return "delivered"
        self.asked += 1
        how, delay_ms = self._fault(query)
        if how == "silent" or how == "closed":
            return how
        source = self.address
        data = self.answer(query, how, query.size)
        if how == "wrong ID":
            data = bytes([data[0] ^ 0x5A, data[1]]) + data[2:]
        elif how == "wrong port":
            source = (source[0], source[1] + 1)
        elif how == "wrong address":
            source = (ELSEWHERE, source[1])
        elif how == "garbage":
            data = self.random.urandom(len(data))
        elif how == "twice":
            self._send(delay_ms, source, frame.source, data)
        elif how == "spoofed first":
            forged = compose.message(query.ident ^ 0x5A5A, self.flags | 3, query.asked)
            self._send(delay_ms, source, frame.source, forged)
        self._send(delay_ms, source, frame.source, data)
        return "delivered"

    def stream(self, data):
        """A query came over TCP -> [(ms from now, bytes or None for the close), ...]."""
        if self.tcp == "mute":
            return []
        if self.tcp == "closes":
            return [(0, None)]
        query = _Query(data[2:])
        self.asked += 1
        how, delay_ms = self._fault(query)
        if how == "silent":
            return []
        data = self.answer(query, "" if how == "truncated" else how, 0)
        data = bytes([len(data) >> 8, len(data) & 255]) + data
        size = self.piece or len(data)
        return [(delay_ms + i // size, data[i : i + size]) for i in range(0, len(data), size)]

    def answer(self, query, how, limit):
        """The message for a query, at most `limit` bytes (0: as many as it takes)."""
        asked = query.asked.lower() if self.lower else query.asked
        opt = []
        if how.endswith(" to EDNS"):
            how = how[:-8] if query.edns else ""
        elif query.edns:
            opt.append((b"\0", _OPT, EDNS_SIZE, 0, b""))
        if how in RCODES:
            return compose.message(query.ident, 0x8180 | RCODES[how], asked, (), (), opt)
        if how == "truncated":
            return compose.message(query.ident, self.flags | 0x0200, asked, (), (), opt)
        rcode, answers, authority, additional = self._look_up(query)
        records = []
        for section in (answers, authority, additional):
            records.append([self._wire(record, query) for record in section])
        answers, authority, additional = records
        flags = (0x8180 if rcode == 5 else self.flags) | rcode
        if how == "wrong question":
            asked = b"\x05wrong" + asked
        if self.squeeze and answers and query.kind in ("SRV", "NAPTR"):
            return _tight(compose.message(query.ident, flags, asked), answers, asked)
        additional = opt + additional  # OPT is not what a limit cuts off
        return compose.message(
            query.ident, flags, asked, answers, authority, additional, limit=limit
        )

    def _send(self, delay_ms, source, to, data):
        sim = self.sim
        if delay_ms:
            sim.at(sim.now + delay_ms, sim.send, "DNS", source, to, data)
        else:
            sim.send("DNS", source, to, data)

    def _fault(self, query):
        for fault in reversed(self.faults):
            how, name, kind, times, delay_ms = fault
            if name in (None, query.name.lower()) and kind in (None, query.kind) and times != 0:
                if times:
                    fault[3] -= 1
                return how, delay_ms
        return "", 0

    def _look_up(self, query):
        # -> RCODE, and the records of the three sections
        name, kind = query.name, query.kind
        zone = self._zone(name)
        if zone is None:
            return 5, [], [], []
        answers = []
        for _ in range(9):
            found = zone.find(name + ".", kind)
            answers += found
            alias = [] if found or kind == "CNAME" else zone.find(name + ".", "CNAME")
            if not alias:
                break
            answers += alias[:1]
            name = alias[0].fields[0]
            if self._zone(name) is not zone:
                return 0, answers, [], []
        if not found and not alias:
            rcode = 0 if zone.has(name) else 3
            soa = zone.find(zone.apex() + ".", "SOA")
            for r in soa:
                soa = [Record(r.name, r.kind, min(r.ttl, r.fields[6]), r.fields)]
            return rcode, answers, soa, []
        additional = []
        for record in found if kind == "SRV" else []:
            for address in zone.find(record.fields[3] + ".", "A"):
                if address not in additional:
                    additional.append(address)
        return 0, answers, zone.find(zone.apex() + ".", "NS"), additional

    def _zone(self, name):
        best = None
        for zone in self.zones:
            apex = zone.apex().lower()
            if not apex or ("." + name.lower()).endswith("." + apex):
                best = zone if best is None or len(apex) > len(best.apex()) else best
        return best

    def _wire(self, record, query):
        same = record.name.lower() == query.name.lower()
        return record.wire(query.asked[:-4] if same else None)


class _Query:
    def __init__(self, data):
        self.name, end = question(data)
        self.ident = data[0] << 8 | data[1]
        number = data[end] << 8 | data[end + 1]
        self.kind = TYPES.get(number, str(number))
        self.asked = data[12 : end + 4]
        self.edns = data[end + 4 : end + 7] == b"\0\0\x29"
        self.size = max(512, data[end + 7] << 8 | data[end + 8]) if self.edns else 512


def _words(line):
    # The words and quoted strings of a line; a backslash takes the next character as it is
    words = []
    word = None
    quoted = escaped = False
    for c in line + ";":
        if escaped:
            word = (word or "") + c
            escaped = False
        elif c == "\\":
            escaped = True
        elif c == '"':
            quoted = not quoted
            word = word or ""
        elif quoted:
            word += c
        elif c not in " \t;":
            word = (word or "") + c
        else:
            if word is not None:
                words.append(word)
                word = None
            if c == ";":
                break
    return words


def _ipv6(text):
    head, _, tail = text.partition("::")
    head = [int(group, 16) for group in head.split(":") if group]
    tail = [int(group, 16) for group in tail.split(":") if group]
    groups = head + [0] * (8 - len(head) - len(tail)) + tail
    return b"".join(bytes([group >> 8, group & 255]) for group in groups)


def _tight(message, records, asked):
    # The message without records, and SRV or NAPTR records whose last name ends in a pointer into
    # the question, which nobody may write (RFC 2782, RFC 3403) and some do
    out = bytearray(message)
    for record in records:
        one = compose.message(0, 0, asked, [record])
        at = wire.skip(one, len(message)) + 8  # where the size of its data is
        if record[1] != NUMBERS["CNAME"]:  # which is compressed already
            name = record[4][-1]
            p = 0
            while name[p] and name[p:] not in asked[:-4]:
                p += 1 + name[p]
            end = bytes([0xC0, 12 + asked.find(name[p:])]) if name[p] else b"\0"
            one = one[: -len(name)] + name[:p] + end
        size = len(one) - at - 2
        out += one[len(message) : at] + bytes([size >> 8, size & 255]) + one[at + 2 :]
        out[7] += 1
    return bytes(out)
