"""One question, several servers: what is sent when, and which answer counts (G11 to G13a, W1)."""

from cases import DNS, STARTS, TCP
from lookups import FOUR, NET, ONE, THREE, TWO, ZONE, Looker, network, sends
from sim import Sim
from srvphone.clock import diff
from srvphone.core import DATA
from srvphone.dns import wire
from srvphone.dns.answer import FOUND, NODATA, NXDOMAIN, SERVFAIL

A = ["192.0.2.13"]
NAME = "a.example.org"


def asked(count=1, tick=0, how=None, kind="A", name=NAME, until=60000, seed=1, **options):
    """Ask once on a network whose servers all answer in a bad way: (sim, looker, Asked)."""
    sim, looker, servers = network(count, tick, seed, **options)
    for server in servers:
        if how:
            server.fails(how)
    one = looker.ask(kind, name)
    sim.run(until)
    assert one.value and looker.idle()
    return sim, looker, one


# G13a: who is asked when.


def test_g13a_one_server_three_sends_given_up_at_8_s():
    for tick in STARTS:
        sim, looker, one = asked(1, tick, "silent")
        assert sends(sim) == [(0, ONE), (1000, ONE), (2000, ONE)]
        assert one.ms == 8000
        assert one.value.status == SERVFAIL and one.value.records is None
        assert looker.noted("G13a", "no-answer") == [(8000, NAME)]


def test_g13a_second_server_at_1_s_then_2_and_4_s_alternating():
    for tick in STARTS:
        sim, _, one = asked(2, tick, "silent")
        assert sends(sim) == [(0, ONE), (1000, TWO), (2000, ONE), (4000, TWO)]
        assert one.ms == 8000 and one.value.records is None


def test_g13a_up_to_four_servers_each_once():
    sim, _, one = asked(3, how="silent")
    assert sends(sim) == [(0, ONE), (1000, TWO), (2000, THREE), (4000, ONE)]
    sim, _, one = asked(4, how="silent")
    assert sends(sim) == [(0, ONE), (1000, TWO), (2000, THREE), (4000, FOUR)]
    assert one.ms == 8000


def test_g13a_the_server_that_answered_last_is_asked_first():
    sim, looker, (first, second) = network(2)
    first.fails("silent")
    one = looker.ask("A", NAME)
    sim.run(5000)
    assert one.value.records == A and one.ms == 1002
    assert sends(sim) == [(0, ONE), (1000, TWO)]
    looker.ask("A", "many.example.org")
    sim.run(6000)
    assert sends(sim, 5000) == [(5000, TWO)]
    second.fails("silent")
    first.works()
    looker.ask("A", "b.example.org")
    sim.run(9000)
    assert sends(sim, 6000) == [(6000, TWO), (7000, ONE)]
    looker.ask("A", "example.org")
    sim.run(9500)
    assert sends(sim, 9000) == [(9000, ONE)]


def test_g13a_servfail_refused_notimp_formerr_next_server_at_once():
    for how in ("SERVFAIL", "REFUSED", "NOTIMP", "FORMERR"):
        sim, looker, (first, second) = network(2)
        first.fails(how)
        one = looker.ask("A", NAME)
        sim.run(10000)
        assert one.value.records == A and one.ms == 4
        assert sends(sim) == [(0, ONE), (2, TWO)]


def test_g13a_one_that_refuses_is_not_asked_again_and_the_other_three_times_at_most():
    for tick in STARTS:
        sim, looker, (first, second) = network(2, tick)
        first.fails("REFUSED")
        second.fails("silent")
        one = looker.ask("A", NAME)
        sim.run(20000)
        assert sends(sim) == [(0, ONE), (2, TWO), (1002, TWO), (2002, TWO)]
        assert one.ms == 8000 and one.value.status == SERVFAIL


def test_g13a_status_if_all_refuse():
    for hows, status in (
        (("NOTIMP", "NOTIMP"), 4),
        (("FORMERR", "FORMERR"), 1),
        (("REFUSED", "REFUSED"), 5),
        (("NOTIMP", "REFUSED"), 5),
        (("REFUSED", "SERVFAIL"), SERVFAIL),
        (("SERVFAIL", "REFUSED"), SERVFAIL),
        (("REFUSED", "closed"), SERVFAIL),
    ):
        sim, looker, servers = network(2)
        for server, how in zip(servers, hows):
            server.fails(how)
        one = looker.ask("A", NAME)
        sim.run(100)
        assert one.value.status == status and one.value.records is None
        assert sends(sim) == [(0, ONE), (2, TWO)] and one.ms == 4


def test_g13a_never_longer_than_8_s():
    for tick in STARTS:
        sim, looker, (first, second) = network(2, tick)
        first.fails("silent")
        second.fails("REFUSED", delay_ms=3900)  # to the send at 4 s
        one = looker.ask("A", NAME)
        sim.run(20000)
        assert sends(sim)[3:] == [(4000, TWO), (7902, ONE)]
        assert one.ms == 8000 and looker.idle()


def test_g13a_a_closed_port_that_is_reported_is_of_no_use_either():
    sim, looker, (first, second) = network(2)
    first.fails("closed")
    one = looker.ask("A", NAME)
    sim.run(100)
    assert sends(sim) == [(0, ONE), (2, TWO)] and one.value.records == A
    sim, looker, one = asked(2, how="closed")
    assert sends(sim) == [(0, ONE), (2, TWO)] and one.ms == 4
    sim, looker, one = asked(2, how="closed", reports=False)
    assert len(sends(sim)) == 4 and one.ms == 8000


def test_g13a_a_report_about_another_server_is_not_charged():
    sim, looker, servers = network(2)
    servers[0].fails("", delay_ms=200)
    one = looker.ask("A", NAME)
    looker.failed(1, (TWO, 53), 111, sim.ticks())
    sim.run(5000)
    assert one.value.records == A and sends(sim) == [(0, ONE)]
    looker.failed(1, (ONE, 53), 111, sim.ticks())  # nothing is under way
    assert looker.idle()


def test_g13a_a_slow_server_is_heard_after_its_last_send():
    for delay_ms, count, ms in ((900, 1, 902), (1500, 2, 3502), (3900, 2, 7902), (5900, 1, 7902)):
        sim, looker, servers = network(count)
        for server in servers:
            server.fails("", delay_ms=delay_ms)
        one = looker.ask("A", NAME)
        sim.run(20000)
        assert one.value.records == A and one.ms == ms and looker.idle()


def test_g13a_a_failed_name_is_not_asked_again_for_5_s_doubling_to_5_min():
    for tick in STARTS:
        sim, looker, servers = network(1, tick)
        servers[0].fails("REFUSED")
        for wait_s in (5, 10, 20, 40, 80, 160, 300, 300):
            count = len(sends(sim))
            looker.ask("A", NAME)
            sim.run(sim.now + 2)
            assert len(sends(sim)) == count + 1
            sim.run(sim.now + wait_s * 1000 - 1)
            again = looker.ask("A", NAME)
            assert len(sends(sim)) == count + 1 and again.value.status == 5
            sim.run(sim.now + 1)
        servers[0].works()
        assert_answered(sim, looker, A)
        servers[0].fails("REFUSED")
        sim.run(sim.now + 10000)
        looker.ask("A", NAME)
        sim.run(sim.now + 5002)
        count = len(sends(sim))
        looker.ask("A", NAME)
        sim.run(sim.now + 10)
        assert len(sends(sim)) == count + 1


def assert_answered(sim, looker, records, name=NAME):
    one = looker.ask("A", name)
    sim.run(sim.now + 100)
    assert one.value.records == records


def test_g13a_a_denial_ends_the_doubling_too():
    sim, looker, servers = network(1)
    name = "none.example.org"
    for how in ("REFUSED", ""):
        servers[0].fails(how)
        looker.ask("A", name)
        sim.run(sim.now + 6000)
    sim.run(sim.now + 60000)  # the denial's TTL
    servers[0].fails("REFUSED")
    one = looker.ask("A", name)
    sim.run(sim.now + 100)
    assert one.value.ttl == 5


def test_g13a_a_failure_is_of_the_question_alone():
    sim, looker, servers = network(1)
    servers[0].fails("REFUSED", "example.org", "SRV")
    looker.ask("SRV", "example.org")
    sim.run(10)
    one = looker.ask("A", "example.org")
    sim.run(20)
    assert one.value.records == ["192.0.2.1"]


def test_g13a_a_closed_query_is_no_failure():
    sim, looker, servers = network(1)
    servers[0].fails("silent", times=1)
    one = looker.ask("A", NAME)
    sim.run(500)
    looker.end(one.task)
    assert looker.idle() and not looker.cache.answers
    assert_answered(sim, looker, A)


def test_g13a_edns_once_more_without_opt_to_the_same_server():
    for how in ("FORMERR", "NOTIMP", "SERVFAIL", "REFUSED"):
        sim, looker, servers = network(2, edns0=True)
        servers[0].fails(how + " to EDNS")
        one = looker.ask("A", NAME)
        sim.run(100)
        assert one.value.records == A and one.ms == 4
        assert sends(sim) == [(0, ONE), (2, ONE)]
        with_opt, without = (f.data for f in sim.frames if f.to == (ONE, 53))
        assert with_opt[11] == 1 and with_opt[-11:] == b"\0\0\x29\4\xd0\0\0\0\0\0\0"
        assert without[11] == 0 and without[12:] == with_opt[12:-11]


def test_g13a_edns_fallback_takes_no_send_away():
    sim, looker, servers = network(1, edns0=True)
    servers[0].fails("silent")
    servers[0].fails("FORMERR", times=1)
    one = looker.ask("A", NAME)
    sim.run(20000)
    assert sends(sim) == [(0, ONE), (2, ONE), (1002, ONE), (2002, ONE)] and one.ms == 8000


def test_g13a_new_random_id_and_port_for_each_send():
    sim, looker, one = asked(2, how="silent")
    looker.ask("A", "many.example.org")
    sim.run(80000)
    ports = {frame.source[1] for frame in sim.frames}
    idents = {frame.data[:2] for frame in sim.frames}
    assert len(sim.frames) == len(ports) == len(idents) == 8
    assert min(ports) >= 16384 and max(ports) < 65536
    assert max(ports) - min(ports) > 10000
    assert {frame.data[:2] for frame in asked(2, how="silent", seed=2)[0].frames} != idents


# TC: TCP.


def truncated(count=1, tick=0, **options):
    sim, looker, servers = network(count, tick, **options)
    servers[0].fails("truncated")
    return sim, looker, servers


def test_g13a_truncated_the_same_question_over_tcp():
    for tick in STARTS:
        sim, looker, servers = truncated(2, tick)
        one = looker.ask("SRV", "_sip._udp.example.org")
        sim.run(100)
        assert [record[2] for record in one.value.records] == [5060, 5062]
        assert sends(sim) == [(0, ONE), (4, ONE)] and looker.idle()
        udp, tcp = (frame.data for frame in sim.frames if frame.to == (ONE, 53))
        assert tcp[:2] == bytes((0, len(udp))) and tcp[4:] == udp[2:] and tcp[2:4] != udp[:2]
        looker.ask("SRV", "_sip._udp.example.org")
        assert len(sends(sim)) == 2  # it is cached like any other


def test_g13a_tcp_answer_in_pieces():
    for size in (1, 2, 3, 7, 100, 2000):
        sim, looker, servers = truncated()
        servers[0].piece = size
        one = looker.ask("A", "many.example.org")
        sim.run(2000)
        assert len(one.value.records) == 3 and looker.idle()


def test_g13a_tcp_closed_or_without_an_answer_is_the_next_servers_turn():
    for state, ms in (("closed", 4), ("closes", 6), ("silent", 3002), ("mute", 3002)):
        for tick in STARTS:
            sim, looker, servers = truncated(2, tick)
            servers[0].tcp = state
            one = looker.ask("A", NAME)
            sim.run(20000)
            assert one.value.records == A and looker.idle()
            assert [query for query in sends(sim) if query[1] == TWO] == [(ms, TWO)]
        sim, looker, servers = truncated(1)
        servers[0].tcp = state
        one = looker.ask("A", NAME)
        sim.run(20000)
        assert one.ms == ms and one.value.status == SERVFAIL and looker.idle()


def test_g13a_tcp_bad_answers_are_the_next_servers_turn():
    def oversized(server, data):
        return b"\x10\x01" + bytes(0x1001)

    def oversized_in_pieces(server, data):
        return [b"\x10", b"\x01"]

    def truncated_again(server, data):
        return data[:4] + bytes((data[4] | 2,)) + data[5:]

    def wrong_id(server, data):
        return data[:2] + bytes((data[2] ^ 1,)) + data[3:]

    def empty(server, data):
        return b"\0\0"

    def short(server, data):
        return b"\0\1" + data[2:3]

    for change in (oversized, oversized_in_pieces, truncated_again, wrong_id, empty, short):
        sim, looker, servers = truncated(2)
        right = servers[0].stream

        def stream(data, change=change, right=right, server=servers[0]):
            new = change(server, right(data)[0][1])
            return [(0, piece) for piece in (new if isinstance(new, list) else [new])]

        servers[0].stream = stream
        one = looker.ask("A", NAME)
        sim.run(100)
        assert one.value.records == A and looker.idle(), change
        assert sends(sim)[-1] == (6, TWO)


def test_g13a_tcp_ends_with_the_query():
    sim, looker, servers = truncated(1)
    servers[0].tcp = "mute"
    servers[0].fails("silent", times=1)
    servers[0].fails("truncated", delay_ms=5800)
    servers[0].fails("silent", times=2)
    one = looker.ask("A", NAME)
    sim.run(20000)
    assert one.ms == 8000 and looker.idle()
    looker.stream(1, DATA, b"late", sim.ticks())
    assert looker.idle()


def test_g13a_while_tcp_is_open_datagrams_are_dropped():
    sim, looker, servers = truncated(1)
    servers[0].fails("silent")
    servers[0].fails("truncated", times=1)
    looker.ask("A", NAME)
    sim.run(10)
    frame = sim.frames[1]
    assert frame.data[2] & 2 and looker.resolver.stream_number
    looker.receive(1, frame.data, frame.source, sim.ticks())
    assert looker.counts == {"dns beside TCP": 1}
    assert [item[0] for item in looker.take(sim.ticks())] == []


# What is asked together, what is cached.


def test_g13a_two_askers_share_one_query():
    sim, looker, servers = network(1)
    one, two = looker.ask("A", NAME), looker.ask("A", NAME)
    sim.run(100)
    assert one.value == two.value and one.value.records == A
    assert one.value.records is two.value.records
    assert len(sends(sim)) == 1 and looker.idle()


def test_g13a_one_asker_of_two_may_go():
    sim, looker, servers = network(1)
    one, two = looker.ask("A", NAME), looker.ask("A", NAME)
    looker.end(one.task)
    sim.run(100)
    assert two.value.records == A and one.value is None and looker.idle()


def test_g13a_one_question_at_a_time_in_their_order():
    sim, looker, servers = network(1)
    names = ("a.example.org", "b.example.org", "many.example.org")
    everyone = [looker.ask("A", name) for name in names]
    looker.end(everyone[1].task)  # it had not begun
    sim.run(100)
    assert [(query[0], query[3]) for query in sim.queries()] == [(0, names[0]), (2, names[2])]
    assert everyone[2].ms == 4 and looker.idle()


def test_g13_an_answer_is_kept_for_its_ttl():
    for tick in STARTS:
        sim, looker, servers = network(1, tick)
        looker.ask("A", NAME)
        sim.run(10000)
        looker.ask("A", NAME)
        assert len(sends(sim)) == 1
        sim.run(10002)
        looker.ask("A", NAME)
        sim.run(10100)
        assert sends(sim) == [(0, ONE), (10002, ONE)]


def test_g13_ttl_0_is_used_once():
    sim, looker, servers = network(1)
    servers[0].zone.ttl(0)
    for count in (1, 2):
        assert_answered(sim, looker, A)
        assert len(sends(sim)) == count


def test_g13_denials_are_kept_by_the_soa():
    for name, status in (("none.example.org", NXDOMAIN), ("_udp.example.org", NODATA)):
        sim, looker, servers = network(1)
        one = looker.ask("A", name)
        sim.run(60000)
        assert (one.value.status, one.value.records, one.value.ttl) == (status, [], 60)
        looker.ask("A", name)
        assert len(sends(sim)) == 1
        sim.run(60002)
        looker.ask("A", name)
        sim.run(60010)
        assert len(sends(sim)) == 2


def test_g13_a_denial_without_soa_is_not_kept():
    sim, looker, servers = network(1)
    servers[0].fails("NXDOMAIN")
    for count in (1, 2):
        one = looker.ask("A", NAME)
        sim.run(sim.now + 10)
        assert one.value.status == NXDOMAIN and len(sends(sim)) == count


# G11: aliases.


def test_g11_an_alias_within_one_answer():
    sim, looker, one = asked(name="alias.example.org")
    assert one.value.records == A and one.value.alias == wire.name(NAME)
    assert len(sends(sim)) == 1


def test_g11_an_alias_that_leads_elsewhere_is_asked_for():
    for tick in STARTS:
        sim, looker, one = asked(name="away.example.org", tick=tick, until=4999)
        assert [query[3] for query in sim.queries()] == ["away.example.org", "there.example.net"]
        assert one.value.records == ["192.0.2.99"]
        assert one.value.alias == wire.name("there.example.net")
        assert diff(one.value.expires, sim.ticks()) == 5  # of the address, which ends first
        assert one.value.ttl == 5
        sim.run(6000)
        one = looker.ask("A", "away.example.org")
        sim.run(6010)
        assert sim.queries()[2:] == [(6000, ONE, "A", "there.example.net")]
        assert one.value.status == FOUND
        sim.run(14000)
        one = looker.ask("A", "away.example.org")
        sim.run(14010)
        assert diff(one.value.expires, sim.ticks()) == 15002 - 14010  # now of the alias
        assert one.value.ttl == 15


def chain(count, ttl=60):
    """Zones of one name each, an alias for the next; the last one has the address."""
    zones = []
    for i in range(count):
        zones.append("$ORIGIN z%d.test.\n@ %d IN CNAME z%d.test." % (i, ttl, i + 1))
    return zones + ["$ORIGIN z%d.test.\n@ %d IN A 192.0.2.77" % (count, ttl)]


def test_g11_eight_aliases_are_followed_nine_are_not():
    sim, looker, one = asked(name="z0.test", zones=chain(8))
    assert one.value.records == ["192.0.2.77"] and len(sends(sim)) == 9
    sim, looker, one = asked(name="z0.test", zones=chain(9))
    assert one.value.records is None and one.value.status == SERVFAIL and len(sends(sim)) == 9


def test_g11_a_circle_of_aliases_ends():
    zones = ["$ORIGIN a.test.\n@ 0 IN CNAME b.test.", "$ORIGIN b.test.\n@ 0 IN CNAME a.test."]
    sim, looker, one = asked(name="a.test", zones=zones)
    assert one.value.records is None and len(sends(sim)) == 9 and one.ms == 18
    sim, looker, one = asked(name="a.test", zones=["a.test. 9 IN CNAME a.test."])
    assert one.value.records is None and len(sends(sim)) <= 9


def test_g11_an_alias_to_nowhere_is_a_denial():
    zones = [ZONE + "lost 9 IN CNAME gone.example.net.", NET]
    sim, looker, one = asked(name="lost.example.org", zones=zones)
    assert (one.value.status, one.value.records) == (NXDOMAIN, [])
    assert one.value.alias == wire.name("gone.example.net")


# G12: what is a setting.


def test_g12_plain_queries_unless_set():
    sim, looker, one = asked()
    assert sim.frames[0].data[2:] == (
        b"\1\0\0\1\0\0\0\0\0\0\1a\7example\3org\0\0\1\0\1"  # RD set, no OPT, lower case
    )


def test_g12_edns0_1232_is_a_setting():
    sim, looker, one = asked(edns0=True)
    data = sim.frames[0].data
    assert data[10:12] == b"\0\1" and data[-11:] == b"\0\0\x29\4\xd0\0\0\0\0\0\0"
    assert one.value.records == A


def test_g12_0x20_is_a_setting():
    sim, looker, one = asked(dns_0x20=True, name="many.example.org")
    name = sim.queries()[0][3]
    assert name.lower() == "many.example.org"
    assert name not in (name.lower(), name.upper())
    assert len(one.value.records) == 3
    sim, looker, servers = network(1, dns_0x20=True)
    servers[0].lower = True  # as a forger would who cannot see the query
    one = looker.ask("A", NAME)
    sim.run(10000)
    assert one.value.records is None and looker.counts == {"dns other question": 3}
    sim, looker, servers = network(1)
    servers[0].lower = True
    one = looker.ask("A", NAME)
    sim.run(10000)
    assert one.value.records == A


def test_g12_0x20_draws_anew_for_each_send():
    sim, looker, one = asked(how="silent", dns_0x20=True, name="_sip._udp.example.org")
    assert len({query[3] for query in sim.queries()}) == 3


# W1: what does not fit is dropped, and the question waits on.


def test_w1_bad_answers_are_dropped_counted_and_waited_on():
    for how, reason in (
        ("wrong ID", "dns other ID"),
        ("wrong question", "dns other question"),
        ("wrong port", "dns stranger"),
        ("wrong address", "dns stranger"),
        ("garbage", "dns other ID"),
    ):
        sim, looker, servers = network(1)
        servers[0].fails(how, times=1)
        one = looker.ask("A", NAME)
        sim.run(999)
        assert one.value is None and looker.counts == {reason: 1}
        port = 54 if how == "wrong port" else 53
        server = "203.0.113.53" if how == "wrong address" else ONE
        assert looker.noted("W1", "dropped") == [(2, "%s %s:%d" % (reason, server, port))]
        sim.run(1100)
        assert one.value.records == A and sends(sim) == [(0, ONE), (1000, ONE)]


def test_w1_a_spoofed_answer_first_then_the_right_one():
    sim, looker, one = asked(how="spoofed first")
    assert one.value.records == A and len(sends(sim)) == 1
    assert looker.counts == {"dns other ID": 1}


def test_w1_an_answer_twice_or_late_meets_a_closed_port():
    sim, looker, one = asked(how="twice")
    assert one.value.records == A and sim.vanished == 1 and not looker.counts
    sim, looker, servers = network(1)
    servers[0].fails("", times=1, delay_ms=5000)
    one = looker.ask("A", NAME)
    sim.run(10000)
    assert one.ms == 1002 and sim.vanished == 1 and looker.idle()


def test_w1_the_answer_to_an_earlier_send_does_not_count():
    sim, looker, servers = network(2)
    for server in servers:
        server.fails("silent")
    looker.ask("A", NAME)
    sim.run(1500)
    for frame in sim.frames[:]:
        data = frame.data[:2] + b"\x85\x80" + frame.data[4:]
        for source in ((ONE, 53), (TWO, 53), (TWO, 54), ("203.0.113.9", 53)):
            if frame.to == (TWO, 53) == source:
                continue
            looker.receive(1, data, source, sim.ticks())
    assert looker.counts == {"dns other ID": 1, "dns stranger": 6} and looker.resolver.queries


def test_w1_no_bytes_do_harm():
    sim, looker, servers = network(1)
    servers[0].fails("silent")
    looker.ask("A", NAME)
    sim.run(10)
    query = sim.frames[0].data
    right = servers[0].stream(bytes((0, len(query))) + query)
    assert right == []
    servers[0].works()
    right = servers[0].stream(bytes((0, len(query))) + query)[0][1][2:]
    question = 12 + len("a.example.org") + 2 + 4
    for size in range(question):  # beyond it, it counts as cut: G13a
        looker.receive(1, right[:size], (ONE, 53), sim.ticks())
    assert looker.counts == {"dns other ID": 2, "dns malformed": question - 2}
    assert looker.resolver.queries
    looker.receive(1, right, (ONE, 53), sim.ticks())
    assert looker.idle()
    looker.receive(1, right, (ONE, 53), sim.ticks())
    assert looker.counts["dns stranger"] == 1


# W2, W6, W9.


def test_w2_silent_servers_then_one_recovers():
    sim, looker, servers = network(2)
    for server in servers:
        server.fails("silent")
    looker.ask("A", NAME)
    sim.run(12999)
    assert looker.ask("A", NAME).value.records is None
    servers[1].works()
    sim.run(13000)
    one = looker.ask("A", NAME)
    sim.run(15000)
    assert one.value.records == A and one.ms == 14002


def test_w2_one_server_refuses_the_other_answers():
    sim, looker, servers = network(2)
    servers[0].fails("REFUSED")
    for name in (NAME, "b.example.org", "many.example.org"):
        one = looker.ask("A", name)
        sim.run(sim.now + 100)
        assert one.value.status == FOUND
    assert [server for _, server in sends(sim)] == [ONE, TWO, TWO, TWO]


def test_w6_no_dns_server_is_said_and_costs_no_wait_later():
    sim, looker, _ = network(0)
    one = looker.ask("A", NAME)
    two = looker.ask("A", "b.example.org")
    assert one.value.status == two.value.status == SERVFAIL
    assert one.value.records is None and [text for _, text in looker.noted("W6", "no-answer")] == [
        NAME,
        "b.example.org",
    ]
    assert looker.idle()
    sim.dns(ONE, ZONE)
    looker.resolver.use([(ONE, 53)])
    assert_answered(sim, looker, A)


def test_w6_the_servers_may_change_at_any_time():
    sim, looker, servers = network(4)
    for server in servers:
        server.fails("silent")
    one = looker.ask("A", NAME)
    sim.run(2500)
    sim.dns("192.0.2.60", ZONE)
    looker.resolver.use([("192.0.2.60", 53)])
    sim.run(20000)
    assert sends(sim)[3:] == [(4000, FOUR)]  # the query under way keeps its servers
    assert one.value.records is None and looker.idle()
    assert_answered(sim, looker, A)
    one = looker.ask("A", "b.example.org")
    looker.resolver.use([])
    sim.run(30000)
    assert one.value.records == ["192.0.2.12"]
    assert looker.ask("A", "many.example.org").value.records is None
    looker.resolver.use([("192.0.2.60", 53)])
    one = looker.ask("A", "many.example.org")
    sim.run(40000)
    assert len(one.value.records) == 3 and looker.idle()


def test_w6_network_down_then_back():
    sim, looker, servers = network(2)
    host = sim.host(looker)
    host.down = 101
    one = looker.ask("A", NAME)
    sim.run(1)
    assert one.value.records is None and looker.idle()
    host.down = 0
    sim.run(5000)
    assert_answered(sim, looker, A)


def test_w9_at_most_16_questions_the_newest_is_refused():
    sim, looker, servers = network(1)
    servers[0].fails("silent")
    everyone = [looker.ask("A", "n%d.example.org" % i) for i in range(17)]
    assert everyone[16].value.status == SERVFAIL and everyone[15].value is None
    assert looker.counts == {"dns queue full": 1}
    same = looker.ask("A", "n3.example.org")
    sim.run(16 * 8000)
    assert all(one.value for one in everyone) and looker.idle()
    assert same.ms == everyone[3].ms == 4 * 8000
    assert looker.ask("A", "n16.example.org").value is None  # no failure is remembered of it


def test_resolver_can_be_closed_at_every_yield():
    steps = 1
    while True:
        sim, looker, servers = network(2, edns0=True)
        for server in servers:
            server.tcp = "mute"
            server.fails("truncated", "there.example.net")
            server.fails("FORMERR", times=1)
            server.fails("silent", times=1)
        one = looker.ask("A", "away.example.org")
        two = looker.ask("A", "many.example.org")
        for _ in range(steps):
            sim.step(60000)
        if one.value:
            break
        looker.end(one.task)
        left = [query.question[:5] for query in looker.resolver.queries if query.tasks]
        assert left == ([] if two.value else [b"\4many"])
        assert not looker.resolver.stream_number
        sim.run(60000)
        assert len(two.value.records) == 3 and looker.idle()
        looker.end(one.task)  # twice does no harm
        steps += 1
    assert steps > 20 and one.value.status == SERVFAIL


def test_resolver_its_own_flow_can_be_closed_at_every_yield_with_all_others():
    for steps in range(1, 12):
        sim, looker, servers = truncated(1)
        servers[0].piece = 9
        servers[0].fails("silent", times=1)
        looker.ask("A", NAME)
        looker.ask("A", "many.example.org")
        for _ in range(steps):
            sim.step(60000)
        looker.end(*looker.tasks[:])
        assert looker.idle()
        servers[0].works()
        assert_answered(sim, looker, ["192.0.2.12"], "b.example.org")
        assert looker.idle()


def test_resolver_who_gives_up_sends_nothing_more():
    sim, looker, servers = truncated(2)
    servers[0].tcp = "mute"
    one = looker.ask("A", NAME)
    two = looker.ask("A", "many.example.org")
    sim.run(500)
    looker.end(two.task, one.task)
    assert looker.idle() and not looker.cache.answers
    sim.run(20000)
    assert sends(sim) == [(0, ONE), (4, ONE)]


def test_resolver_closing_the_last_one_closes_the_sockets():
    for until in (500, 1004):
        sim, looker, servers = truncated(1)
        servers[0].tcp = "mute"
        servers[0].fails("silent", times=1)
        one = looker.ask("A", NAME)
        sim.run(until)
        looker.end(one.task)
        assert looker.out[-1] == (DNS, None, None, 0)
        assert ((TCP, None, None, 1) in looker.out) == (until > 1000)
        assert looker.idle()


def test_resolver_an_early_wake_does_no_harm():
    sim = Sim()
    sim.dns(ONE, ZONE).fails("silent")
    looker = Looker(sim, [ONE])
    looker.ask("A", NAME)
    for ms in range(0, 8000, 100):
        sim.run(ms)
        looker.wake(sim.ticks())
    assert len(sends(sim)) == 3
