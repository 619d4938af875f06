"""The guide's captures of DNS, byte for byte, as the phone itself sends and reads them.

Figures 5 and 7: the phone is 192.168.10.11, the DNS server 192.168.10.10. IDs are random.
"""

from cases import STARTS, dns_messages, vector_text
from dnsnumbers import T_A, T_NAPTR, T_SRV
from lookups import locator_of
from sim import guide
from sim.dns import Zone
from srvphone.clock import diff
from srvphone.dns import wire

SRV_QUERIES = [
    "SRV _sip._udp.test.grandstream.com",
    "A test2.grandstream.com",
    "A test1.grandstream.com",
]
QUERIES = {"SRV": SRV_QUERIES, "NAPTR/SRV": ["NAPTR test.grandstream.com"] + SRV_QUERIES}
LOOKUPS = (("SRV", "SRV lookup"), ("NAPTR/SRV", "NAPTR/SRV lookup"))


def captured(figure, direction):
    return [
        m["data"]
        for m in dns_messages("guide_dns.json")
        if (m["figure"], m["direction"]) == (figure, direction)
    ]


class Replay:
    """A DNS server that answers with the captured bytes, under the ID of the query."""

    tcp = "closed"

    def __init__(self, sim, responses):
        self.sim = sim
        self.responses = responses

    def receive(self, frame):
        for response in self.responses:
            if response[12:].startswith(frame.data[12:]):
                data = frame.data[:2] + response[2:]
                self.sim.send("DNS", frame.to, frame.source, data)
                return "delivered"
        return "silent"


def test_g12_every_captured_query_is_produced_in_the_captured_order():
    for tick in STARTS:
        for mode, figure in LOOKUPS:
            scene = guide.registration(mode, tick=tick)
            scene.sim.run(100)
            sent = [frame for frame in scene.sim.frames if frame.to == (guide.DNS, 53)]
            wanted = captured(figure, "query")
            assert [len(f.data) for f in sent] == [len(data) for data in wanted]
            assert [f.data[2:] for f in sent] == [data[2:] for data in wanted]
            assert {f.source[0] for f in sent} == {"192.168.10.11"}
            assert ["%s %s" % query[2:] for query in scene.sim.queries()] == QUERIES[mode]


def test_g12_the_lengths_are_those_of_the_frames():
    for message in dns_messages("guide_dns.json"):
        data = message["data"]
        assert len(data) == message["dns_bytes"] == message["captured_frame_bytes"] - 42
        if message["direction"] == "query":
            ident = data[0] << 8 | data[1]
            assert wire.query(ident, data[12:]) == data
            assert data[2:4] == b"\1\0" and data[10:12] == b"\0\0"  # RD; no OPT


def test_g12_every_captured_response_is_read_to_the_guides_values():
    for tick in STARTS:
        for mode, figure in LOOKUPS:
            scene = guide.registration(mode, tick=tick)
            sim = scene.sim
            server = Replay(sim, captured(figure, "response"))
            sim.nodes[guide.DNS, 53] = server
            answered = {}
            put = scene.phone.resolver.cache.put

            def keep(question, answer, put=put, answered=answered):
                answered[question[:-4], question[-3]] = answer
                put(question, answer)

            scene.phone.resolver.cache.put = keep
            sim.run(100)
            name = wire.name("test.grandstream.com")
            if mode == "NAPTR/SRV":
                answer = answered.pop((name, T_NAPTR))
                replacement = wire.name("_sip._udp.test.grandstream.com")
                assert answer.records == [(80, 60, b"s", b"SIP+D2U", b"", replacement)]
                assert answer.ttl == 3
            answer = answered.pop((wire.name("_sip._udp.test.grandstream.com"), T_SRV))
            assert answer.records == [
                (2, 1, 5060, wire.name("test1.grandstream.com")),
                (1, 1, 5060, wire.name("test2.grandstream.com")),
            ]
            assert answer.ttl == 3
            for host, address, ttl in (
                ("test1", guide.BACKUP, 3),
                ("test2", guide.PRIMARY, 10800),
            ):
                answer = answered.pop((wire.name(host + ".grandstream.com"), T_A))
                assert (answer.records, answer.ttl) == ([address], ttl)
            assert not answered
            plan = locator_of(scene.phone).plan
            assert [target.address for target in plan.targets] == [
                (guide.PRIMARY, 5060),
                (guide.BACKUP, 5060),
            ]
            assert 2900 <= diff(plan.expires, sim.ticks()) <= 3000
            assert scene.primary.bound("2002")


def test_g12_additional_addresses_do_not_replace_the_a_queries():
    for setting, count in (("No", 3), ("Yes", 1)):
        scene = guide.scene()
        scene.start(use_glue=setting)
        scene.sim.run(100)
        assert len(scene.sim.queries()) == count
        assert len(locator_of(scene.phone).plan.targets) == 2


def test_g12_edns0_and_0x20_are_settings_of_the_phone():
    scene = guide.scene()
    scene.start(edns0="Yes", dns_0x20="Yes")
    scene.sim.run(100)
    names = [query[3] for query in scene.sim.queries()]
    assert names[0] != QUERIES["SRV"][0][4:] and names[0].lower() == QUERIES["SRV"][0][4:]
    assert all(f.data[11] == 1 for f in scene.sim.frames if f.to == (guide.DNS, 53))
    assert len(locator_of(scene.phone).plan.targets) == 2


def test_g27_the_simulated_zone_is_that_of_figure_18():
    def records(text):
        return [(r.name, r.kind, r.ttl, r.fields) for r in Zone(text).records]

    assert records(guide.ZONE) == records(vector_text("grandstream.com.zone"))
    wanted = [
        ("test.grandstream.com", "NAPTR", 3),
        ("_sip._udp.test.grandstream.com", "SRV", 3),
        ("_sip._udp.test.grandstream.com", "SRV", 3),
        ("test1.grandstream.com", "A", 3),
        ("test2.grandstream.com", "A", 10800),
    ]
    assert [record[:3] for record in records(guide.ZONE)][2:] == wanted
    assert records(guide.ZONE)[3][3] == [2, 1, 5060, "test1.grandstream.com"]
    assert records(guide.ZONE)[4][3] == [1, 1, 5060, "test2.grandstream.com"]
