"""The lab's DNS server: one zone, authoritative, on UDP and TCP.

    server = GuideDns()
    server.start(("127.0.0.53", 5300), zone_text)
    server.switch("silent")                    # up, silent, refused
    server.close()

It answers as servers in the field do, by RFC 1034 4.3.2: aliases (CNAME) are followed inside the
zone, wildcards stand in for names that are not there, a name below a delegation gets a referral, a
denial brings the SOA record with RFC 2308's TTL, other zones are REFUSED, and what is longer than
512 bytes, or than the query's EDNS0 size up to 1232, has TC over UDP. As in the guide's Figures 5
and 7 it sets RA, and gives the zone's NS records and the addresses of SRV targets besides.

Limits: one zone; no DNSSEC, no DNAME, no zone transfer, one question a message.
"""

import contextlib
import socket
import socketserver
import struct
import threading
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone
from dns.rdatatype import ANY, CNAME, NAPTR, NS, SOA, SRV, A

STATES = {
    "up": "answers",
    "silent": "swallows every question",
    "refused": "answers REFUSED",
}
ZONE_FILE = Path(__file__).with_name("lab.zone")
UDP_BYTES = 512  # of an answer, if the query doesn't allow more
EDNS_BYTES = 1232  # at most, whatever the query allows
TCP_BYTES = 65535
TCP_IDLE_S = 5  # a connection is closed after this long without a question
_WILDCARD = dns.name.Name(["*"])


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


def read_zone(text):
    """A zone file as dnspython's Zone, all names absolute; its first $ORIGIN names the zone."""
    return dns.zone.from_text(text, relativize=False)


class Resolver:
    """Makes the answers from a zone. `limit` is for tests to replace."""

    def __init__(self, zone):
        self.zone = zone
        self.state = "up"

    def reply(self, data, udp):
        """The bytes of the answer to a query's bytes; None if there is none."""
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        if self.state == "silent" or query.flags & dns.flags.QR:
            return None
        reply = dns.message.make_response(query, recursion_available=True, our_payload=EDNS_BYTES)
        if query.edns > 0:
            reply.set_rcode(dns.rcode.BADVERS)
        elif query.opcode() != dns.opcode.QUERY:
            reply.set_rcode(dns.rcode.NOTIMP)
        elif len(query.question) != 1:
            reply.set_rcode(dns.rcode.FORMERR)
        elif not self._serves(query.question[0]):
            reply.set_rcode(dns.rcode.REFUSED)
        else:
            self.answer(reply)
        return packed(reply, self.limit(query) if udp else TCP_BYTES)

    def limit(self, query):
        """How long an answer over UDP may be."""
        return min(max(query.payload, UDP_BYTES), EDNS_BYTES)

    def _serves(self, question):
        return (
            self.state == "up"
            and question.rdclass == dns.rdataclass.IN
            and question.name.is_subdomain(self.zone.origin)
        )

    def answer(self, reply):
        """Fill in what the zone has for the reply's question."""
        name, kind = reply.question[0].name, reply.question[0].rdtype
        passed = set()
        reply.flags |= dns.flags.AA
        # An alias that leads out of the zone, or back to itself, ends the answer.
        while name.is_subdomain(self.zone.origin) and name not in passed:
            passed.add(name)
            cut = self._delegation(name)
            if cut:
                self._refer(reply, cut)
                return
            rdatasets = self._rdatasets(name)
            alias = None
            if kind not in (CNAME, ANY):
                alias = next((r for r in rdatasets or () if r.rdtype == CNAME), None)
            found = [alias] if alias else [r for r in rdatasets or () if kind in (r.rdtype, ANY)]
            reply.answer += [_rrset(name, rdataset) for rdataset in found]
            if not alias:
                self._finish(reply, found, exists=rdatasets is not None)
                return
            name = alias[0].target

    def _rdatasets(self, name):
        """The record sets that answer for a name, its own or a wildcard's; None if there is none
        such name."""
        node = self.zone.get_node(name)
        if node is None and not self._exists(name):
            while not self._exists(name):
                name = name.parent()
            node = self.zone.get_node(_WILDCARD + name)
            return node and list(node)
        return list(node or ())

    def _exists(self, name):
        """Whether it, or something below it, is in the zone (RFC 8020)."""
        return any(known.is_subdomain(name) for known in self.zone)

    def _finish(self, reply, found, exists):
        """The sections after the answer: the NS records and addresses, or the denial."""
        if not found:
            soa = self.zone.find_rdataset(self.zone.origin, SOA)
            denial = _rrset(self.zone.origin, soa)
            denial.ttl = min(soa.ttl, soa[0].minimum)
            reply.authority.append(denial)
            if not exists:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            return
        reply.authority.append(self.zone.find_rrset(self.zone.origin, NS))
        self._add_addresses(reply, (data.target for r in found if r.rdtype == SRV for data in r))

    def _delegation(self, name):
        """The name at or above `name` that the zone gives away, or None."""
        labels = len(self.zone.origin) + 1
        for length in range(labels, len(name) + 1):
            above = name.split(length)[1]
            if self.zone.get_rdataset(above, NS):
                return above
        return None

    def _refer(self, reply, cut):
        servers = self.zone.find_rrset(cut, NS)
        reply.authority.append(servers)
        if not reply.answer:
            reply.flags &= ~dns.flags.AA
        self._add_addresses(reply, (data.target for data in servers))

    def _add_addresses(self, reply, targets):
        for target in dict.fromkeys(targets):
            addresses = self.zone.get_rrset(target, A)
            if addresses:
                reply.additional.append(addresses)


def _rrset(name, rdataset):
    """The records under the name that was asked, which is another than a wildcard's."""
    rrset = dns.rrset.RRset(name, rdataset.rdclass, rdataset.rdtype)
    for data in rdataset:  # in the zone's order
        # dnspython 2.7 would compress the names in them, which RFC 3597 4 forbids
        rrset.add(data.to_generic() if data.rdtype in (NAPTR, SRV) else data, rdataset.ttl)
    return rrset


def packed(reply, limit):
    """The bytes of an answer. Addresses are left out if they don't fit, then the NS records, and
    only then record sets of the answer, which TC tells (RFC 2181 9)."""
    while True:
        wire = _wire(reply, limit)
        if wire is not None:
            return wire
        if reply.additional:
            reply.additional = []
        elif reply.answer and reply.authority:
            reply.authority = []
        else:
            reply.flags |= dns.flags.TC
            reply.answer = reply.answer[:-1]
            reply.authority = []


def _wire(reply, limit):
    """The bytes, or None if they are too many; a question alone never is."""
    with contextlib.suppress(dns.exception.TooBig):
        # dnspython takes a smaller size for this one
        wire = reply.to_wire(max_size=max(limit, UDP_BYTES), want_shuffle=False)
        if len(wire) <= limit or not (reply.answer or reply.authority):
            return wire
    return None


class _UdpHandler(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        reply = self.server.resolver.reply(data, udp=True)
        if reply:
            sock.sendto(reply, self.client_address)


class _TcpHandler(socketserver.StreamRequestHandler):
    timeout = TCP_IDLE_S

    def handle(self):
        with contextlib.suppress(socket.timeout, ConnectionError):
            while True:
                head = self.rfile.read(2)
                if len(head) < 2:
                    return
                data = self.rfile.read(struct.unpack(">H", head)[0])
                reply = self.server.resolver.reply(data, udp=False)
                if reply is None:
                    return
                self.wfile.write(struct.pack(">H", len(reply)) + reply)


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class GuideDns:
    states = STATES

    def __init__(self):
        self._servers = []

    def start(self, address, zone, folder=None, resolver=Resolver):
        """Serve the zone (a text) on `address`. OSError if the address is taken."""
        self._resolver = resolver(read_zone(zone))
        for kind, handler in ((_Udp, _UdpHandler), (_Tcp, _TcpHandler)):
            server = kind(address, handler)
            server.resolver = self._resolver
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def switch(self, state):
        self._resolver.state = state

    def close(self):
        while self._servers:
            server = self._servers.pop()
            server.shutdown()
            server.server_close()
