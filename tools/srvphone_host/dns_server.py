"""The lab's DNS server: dnslib's, with the guide's zone, on UDP and TCP.

    server = GuideDns()
    server.start(("127.0.0.53", 5300), zone_text)
    server.switch("silent")                    # up, silent, refused
    server.close()

Answers look as in the guide's Figures 5 and 7: authoritative, the zone's NS record, and to an SRV
question the addresses of its targets. A name without such records is denied with the SOA record
(RFC 2308). dnslib compresses the name inside NAPTR data, which RFC 3597 4 forbids to senders and
readers have to take; so that answer is 20 bytes shorter than in Figure 7.
"""

import threading
from pathlib import Path

from dnslib import QTYPE, RCODE, RR, DNSError
from dnslib.server import BaseResolver, DNSLogger, DNSServer

STATES = {
    "up": "answers",
    "silent": "swallows every question",
    "refused": "answers REFUSED",
}
ZONE_FILE = Path(__file__).with_name("lab.zone")
_QUIET = DNSLogger("-request,-reply,-truncated,-error", prefix=False)


def zone_text(primary, backup, ttl_s=3):
    """The zone file's text for two (address, port) and the TTL of what the guide gives 3 s."""
    values = {
        "primary": primary[0],
        "primary_port": primary[1],
        "backup": backup[0],
        "backup_port": backup[1],
        "ttl": ttl_s,
    }
    head, origin, records = ZONE_FILE.read_text(encoding="utf-8").partition("$ORIGIN")
    return origin + records.format(**values)


def zone_records(text):
    """The records of a zone file, as dnslib's RR, in the order of the file."""
    return list(RR.fromZone(text))


class ZoneResolver(BaseResolver):
    def __init__(self, records):
        self.records = records
        self.soa = next(rr for rr in records if rr.rtype == QTYPE.SOA)
        self.state = "up"

    def resolve(self, request, handler):
        reply, name, kind = request.reply(), request.q.qname, request.q.qtype
        if self.state == "silent":
            raise DNSError("swallowed")
        if self.state == "refused" or not name.matchSuffix(self.soa.rname):
            reply.header.rcode = RCODE.REFUSED
            return reply
        found = [rr for rr in self.records if rr.rname == name and rr.rtype == kind]
        for rr in found:
            reply.add_answer(rr)
        if found:
            reply.add_auth(*(rr for rr in self.records if rr.rtype == QTYPE.NS))
            targets = [rr.rdata.target for rr in found if kind == QTYPE.SRV]
            reply.add_ar(
                *(rr for rr in self.records if rr.rtype == QTYPE.A and rr.rname in targets)
            )
        else:
            # RFC 8020: a name with something below it does exist
            if not any(rr.rname.matchSuffix(name) for rr in self.records):
                reply.header.rcode = RCODE.NXDOMAIN
            reply.add_auth(self.soa)
        return reply


class GuideDns:
    states = STATES

    def __init__(self):
        self._servers = []

    def start(self, address, zone, folder=None, resolver=ZoneResolver):
        """Serve the zone (a text) on `address`. OSError if the address is taken."""
        self._resolver = resolver(zone_records(zone))
        for tcp in (False, True):
            server = DNSServer(self._resolver, *address, tcp=tcp, logger=_QUIET).server
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def switch(self, state):
        self._resolver.state = state

    def close(self):
        while self._servers:
            server = self._servers.pop()
            server.shutdown()
            server.server_close()
