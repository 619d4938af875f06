"""What DNS servers in the field answer, and what hostile ones may: what the phone makes of it."""

import gc
import sys

from cases import CPYTHON, STARTS
from lookups import NET, ONE, TWO, ZONE, network, sends
from sim import guide
from srvphone.clock import diff
from srvphone.dns import answer, compose, wire
from srvphone.dns.answer import FOUND, NODATA, NXDOMAIN, SERVFAIL, TRUNCATED
from srvphone.dns.cache import Cache

TOP = "example.org"
SRV = "_sip._udp.example.org"
NAME = "a.example.org"
A = ["192.0.2.13"]
OPT = (b"\0", 41, 1232, 0, b"")
ROOT_NS = (b"\0", 2, 1, 518400, wire.name("a.root-servers.net"))
SOA = (wire.name(TOP), 6, 1, 300, ("ns", "root", 1, 2, 3, 4, 300))


def answers(server, make):
    """The server answers what `make(query, the right answer)` says, over UDP."""
    right = server.answer

    def changed(query, how, limit):
        data = right(query, how, limit)
        return make(query, data) if limit else data

    server.answer = changed


def bare(code, opt=b""):
    """An answer of no more than a header, with this RCODE; `opt`: its extended RCODE too."""

    def make(query, right):
        head = right[:2] + bytes((0x81, 0x80 | code, 0, 0, 0, 0, 0, 0, 0, len(opt)))
        return head + (b"\0\0\x29\4\xd0" + opt + b"\0\0\0\0\0" if opt else b"")

    return make


def refers(query, right):
    """What a server says that does not look for others: who knows the root."""
    return compose.message(query.ident, 0x8100, query.asked, (), [ROOT_NS])


def only(kind, make):
    """As `make`, for questions of this type alone."""
    return lambda query, right: make(query, right) if query.kind == kind else right


def queries(sim, since=0):
    """["SRV _sip._udp.example.org", ...]"""
    return ["%s %s" % query[2:] for query in sim.queries() if query[0] >= since]


def targets(plan):
    return ["%s:%d" % target.address for target in plan.targets]


def looked_up(looker, locator, ms=60000):
    """(what was asked, the plan), so much later."""
    sim = looker.sim
    now = sim.now
    asked = looker.plan(locator)
    sim.run(now + ms)
    return queries(sim, now), asked.value


def garbage(f, *args):
    """Bytes that a call takes from the heap, all that it drops counted; 0 on CPython."""
    if CPYTHON:
        f(*args)
        return 0
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    f(*args)
    used = gc.mem_alloc() - before
    gc.enable()
    return used * 4 // (8 if sys.maxsize > 1 << 31 else 4)  # as on a 32-bit board


class Counted(bytes):
    """A message that counts how often its bytes are read one by one (on CPython)."""

    reads = 0

    def __getitem__(self, i):
        self.reads += 1
        return bytes.__getitem__(self, i)


# F20: error codes without a question.


def test_g13a_an_error_code_needs_no_question_the_next_server_at_once():
    for code in (1, 2, 4, 5, 9, 15):
        sim, looker, (first, second) = network(2)
        answers(first, bare(code))
        one = looker.ask("A", NAME)
        sim.run(100)
        assert one.value.records == A and sends(sim) == [(0, ONE), (2, TWO)], code
        assert not looker.counts


def test_g13a_a_header_alone_is_enough_whatever_it_counts():
    sim, looker, (first, second) = network(2)
    answers(first, lambda query, right: right[:2] + b"\x81\x81\0\1\0\0\0\0\0\1")
    one = looker.ask("A", NAME)
    sim.run(100)
    assert one.value.records == A and one.ms == 4


def test_g13a_an_error_code_counts_although_the_rest_is_cut():
    for size in (12 + 19, 12 + 19 + 5):
        sim, looker, (first, second) = network(2)
        answers(first, lambda query, right, n=size: right[:3] + b"\x81" + right[4:n])
        one = looker.ask("A", NAME)
        sim.run(100)
        assert one.value.records == A and one.ms == 4 and not looker.counts


def test_g13a_a_bare_error_to_naptr_counts_as_no_naptr():
    for code in (1, 4, 5):
        sim, looker, (server,) = network(1)
        answers(server, only("NAPTR", bare(code)))
        asked, plan = looked_up(looker, looker.locator(TOP, dns_mode="NAPTR/SRV"), 100)
        assert asked[:2] == ["NAPTR " + TOP, "SRV " + SRV] and len(plan.targets) == 2


def test_g13a_a_bare_error_to_edns_once_more_without_opt():
    for make in (bare(1), bare(4), bare(0, b"\1"), bare(7, b"\1")):
        sim, looker, servers = network(2, edns0=True)
        answers(servers[0], lambda q, r, make=make: make(q, r) if q.edns else r)
        one = looker.ask("A", NAME)
        sim.run(100)
        assert one.value.records == A and sends(sim) == [(0, ONE), (2, ONE)]


def test_g13a_badvers_is_16_in_12_bits():
    """With a question, and with an answer's RCODE of 0 or NXDOMAIN in the header."""
    for code in (0, 3):
        sim, looker, servers = network(2, edns0=True)

        def badvers(query, right, code=code):
            if not query.edns:
                return right
            opt = (b"\0", 41, 1232, 1 << 24, b"")
            return compose.message(query.ident, 0x8180 | code, query.asked, (), (), [opt])

        answers(servers[0], badvers)
        one = looker.ask("A", NAME)
        sim.run(100)
        assert one.value.records == A and sends(sim) == [(0, ONE), (2, ONE)]


def test_w1_a_bare_error_must_fit_in_id_address_and_port():
    sim, looker, servers = network(2)
    servers[0].fails("silent")
    looker.ask("A", NAME)
    sim.run(10)
    head = sim.frames[0].data[:2]
    other = bytes((head[0] ^ 1, head[1]))
    refused = b"\x81\x85\0\0\0\0\0\0\0\0"
    for data, source in (
        (other + refused, (ONE, 53)),
        (head + refused, (TWO, 53)),
        (head + refused, (ONE, 54)),
        (head + refused[:9], (ONE, 53)),
        (head + b"\1\5" + refused[2:], (ONE, 53)),  # a query
        (head + b"\x81\x80" + refused[2:], (ONE, 53)),  # no error, no question
        (head + b"\xa9\x85" + refused[2:], (ONE, 53)),  # another opcode
    ):
        looker.receive(1, data, source, sim.ticks())
        sim.run(sim.now + 10)
        assert len(sends(sim)) == 1, data
    assert looker.counts == {"dns other ID": 1, "dns stranger": 2, "dns malformed": 4}
    looker.receive(1, head + refused, (ONE, 53), sim.ticks())
    sim.run(sim.now + 10)
    assert len(sends(sim)) == 2


def test_g13a_a_name_error_without_a_question_denies_nothing():
    sim, looker, (server,) = network(1)
    answers(server, bare(3))
    one = looker.ask("A", NAME)
    sim.run(100)
    assert one.value.records is None and one.value.status == SERVFAIL


# F21: referrals.


def test_g13_a_referral_is_no_denial_the_next_server_is_asked():
    for mode in ("NAPTR/SRV", "SRV", "A Record"):
        sim, looker, (first, second) = network(2)
        answers(first, refers)
        asked, plan = looked_up(looker, looker.locator(TOP, dns_mode=mode), 100)
        assert len(plan.targets) == (1 if mode == "A Record" else 2), mode
        assert [server for _, server in sends(sim)][:2] == [ONE, TWO]


def test_g13_a_referral_at_the_end_of_an_alias():
    def refers_for_the_end(query, right):
        if query.name == "away.example.org":
            alias = (query.asked[:-4], 5, 1, 60, wire.name("there.example.net"))
            return compose.message(query.ident, 0x8500, query.asked, [alias], [ROOT_NS])
        return refers(query, right)

    sim, looker, (first, second) = network(2)
    answers(first, refers_for_the_end)
    one = looker.ask("A", "away.example.org")
    sim.run(100)
    assert one.value.records == ["192.0.2.99"]
    assert [query[1:] for query in sim.queries()] == [
        (ONE, "A", "away.example.org"),
        (ONE, "A", "there.example.net"),
        (TWO, "A", "there.example.net"),
    ]


def test_g13_referrals_alone_lead_to_the_stale_plan():
    sim, looker, (server,) = network(1)
    locator = looker.locator(TOP, dns_mode="SRV")
    old = looked_up(looker, locator)[1]
    answers(server, refers)
    asked, plan = looked_up(looker, locator, 1000)
    assert asked == ["SRV " + SRV] and plan is old and plan.stale and len(plan.targets) == 2


def test_g13_what_is_a_referral():
    q = wire.name(NAME) + b"\0\1\0\1"
    ns = (wire.name(TOP), 2, 1, 300, wire.name("ns.example.org"))
    for code, authority, status, ttl in (
        (0, [ROOT_NS], SERVFAIL, 0),
        (0, [ns, ns], SERVFAIL, 0),
        (0, [], NODATA, 0),  # a denial that is not kept
        (0, [SOA], NODATA, 300),
        (0, [ns, SOA], NODATA, 300),  # RFC 2308 2.2, types 1 and 2
        (0, [SOA, ns], NODATA, 300),
        (3, [ns], NXDOMAIN, 0),
        (3, [SOA, ns], NXDOMAIN, 300),
    ):
        got = answer.read(compose.message(7, 0x8180 | code, q, (), authority), q, 0)
        assert (got.status, got.ttl) == (status, ttl), authority


# F22: what shortens a plan, and what completes it.


def long_lived(*more):
    """A network whose SRV and A records live for an hour: (sim, looker, server)."""
    lines = ["_sip._udp 3600 IN SRV 1 0 5060 a", "_sip._udp 3600 IN SRV 2 0 5060 b"]
    lines += ["a 3600 IN A 192.0.2.13", "b 3600 IN A 192.0.2.12"]
    lines += list(more)
    head = ["$ORIGIN example.org.", "@ 3600 IN SOA ns host 1 3600 600 86400 300"]
    text = "\n".join(head + lines)
    sim, looker, (server,) = network(1, zones=[text, NET])
    return sim, looker, server


def test_g13_a_denial_shortens_neither_plan_nor_saved_server():
    def without_soa(query, right):
        return compose.message(query.ident, 0x8183, query.asked)

    for deny in (None, only("NAPTR", without_soa)):
        sim, looker, server = long_lived()
        if deny:
            answers(server, deny)
        locator = looker.locator(TOP, dns_mode="NAPTR/SRV")
        plan = looked_up(looker, locator, 100)[1]
        assert diff(plan.expires, sim.ticks()) == 3600000 - 100 + 4
        sim.run(3599000)
        assert looked_up(looker, locator, 100) == ([], plan) and not plan.up(sim.ticks())


def test_g13_a_denial_of_srv_shortens_no_plan_of_addresses():
    sim, looker, server = long_lived("@ 3600 IN A 192.0.2.7")
    server.zone.remove("_sip._udp")
    plan = looked_up(looker, looker.locator(TOP, dns_mode="NAPTR/SRV"), 100)[1]
    assert targets(plan) == ["192.0.2.7:5060"]
    assert diff(plan.expires, sim.ticks()) == 3600000 - 100 + 6


def test_g13_a_denied_host_shortens_no_plan():
    sim, looker, server = long_lived()
    server.zone.remove("a", "A")
    plan = looked_up(looker, looker.locator(TOP, dns_mode="SRV"), 100)[1]
    assert targets(plan) == ["192.0.2.12:5060"] and diff(plan.expires, sim.ticks()) > 3599000


def test_g19_the_saved_server_lives_as_long_as_the_records():
    """NAPTR is denied for 300 s, the records live for an hour: saved until DNS TTL is an hour."""
    scene = guide.scene()
    sim = scene.sim
    zone = scene.dns.zone
    zone.remove("test", "NAPTR")
    zone.ttl(3600)
    scene.primary.fails("silent")
    mode = "Saved one until DNS TTL"
    scene.start(guide.account("NAPTR/SRV", dns_srv_failover_mode=mode, register_expiration_s=120))
    sim.run(30000)
    scene.primary.works()
    sim.run(3500000)
    assert {sent[2] for sent in sim.sip("REGISTER") if sent[0] > 30000} == {guide.BACKUP}
    sim.run(3800000)
    assert sim.sip("REGISTER")[-1][2] == guide.PRIMARY


def test_g13_a_plan_that_lacks_something_by_a_failure_is_completed():
    for how, ms in (("SERVFAIL", 10), ("REFUSED", 10), ("silent", 8010)):
        sim, looker, server = long_lived()
        locator = looker.locator(TOP, dns_mode="SRV")
        server.fails(how, NAME)
        plan = looked_up(looker, locator, ms)[1]
        assert targets(plan) == ["192.0.2.12:5060"] and diff(plan.expires, sim.ticks()) > 3590000
        assert looked_up(looker, locator, 4000) == ([], plan)  # the failure lasts 5 s
        server.works()
        sim.run(sim.now + 1000)
        now = sim.now
        asked = looker.plan(locator)
        assert asked.value is plan and asked.ms == now  # at once: what lacks is asked beside
        sim.run(now + 100)
        assert queries(sim, now) == ["A " + NAME]
        assert locator.plan is plan and not plan.stale
        assert targets(plan) == ["192.0.2.13:5060", "192.0.2.12:5060"]
        assert looked_up(looker, locator, 60000) == ([], plan)


def test_g13_completing_fails_again_twice_as_long_later():
    sim, looker, server = long_lived()
    locator = looker.locator(TOP, dns_mode="SRV")
    server.fails("SERVFAIL", NAME)
    plan = looked_up(looker, locator, 10)[1]
    for wait_s in (5, 10, 20):
        sim.run(sim.now + wait_s * 1000 - 20)
        assert looked_up(looker, locator, 10) == ([], plan)
        sim.run(sim.now + 10)
        assert looked_up(looker, locator, 10) == (["A " + NAME], plan)
        assert targets(plan) == ["192.0.2.12:5060"] and not plan.stale


def test_g13_naptr_that_failed_is_asked_beside_the_plan_and_adds_its_targets():
    sim, looker, server = long_lived(
        '@ 3600 IN NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.other',
        "_sip._udp.other 60 IN SRV 1 0 5070 c",
        "c 60 IN A 192.0.2.3",
    )
    server.fails("SERVFAIL", kind="NAPTR")
    locator = looker.locator(TOP, dns_mode="NAPTR/SRV")
    plan = looked_up(looker, locator, 6000)[1]
    server.works()
    asked = looker.plan(locator)
    assert asked.value is plan and len(plan.targets) == 2
    sim.run(sim.now + 100)
    assert locator.plan is plan
    assert targets(plan) == ["192.0.2.3:5070", "192.0.2.13:5060", "192.0.2.12:5060"]
    assert 59000 < diff(plan.expires, sim.ticks()) < 60000


def test_g22_all_targets_failed_what_was_denied_is_asked_again_though_the_plan_lives():
    scene = guide.scene()
    sim = scene.sim
    zone = scene.dns.zone
    for record in zone.records:
        if record.kind == "SOA":
            record.fields = record.fields[:-1] + [60]
    zone.remove("_sip._udp.test")
    zone.set("test 86400 IN A 192.168.10.14")
    scene.start(guide.account("SRV"))
    sim.run(100)
    assert sim.sip("REGISTER")[-1][2] == "192.168.10.14"
    zone.add("_sip._udp.test 60 IN SRV 1 0 5060 test2.grandstream.com.")
    sim.run(200000)
    assert sim.sip("REGISTER")[-1][2] == guide.PRIMARY and scene.primary.bound("2002")
    first = [query[0] for query in sim.queries() if query[2] == "SRV"][1]
    assert 60000 < first < 90000  # the denial holds for a minute


# F23: cut answers.


def many(count):
    """A zone with so many addresses at one name, which are more than 512 bytes from 31 on."""
    return ZONE + "\n".join("most 60 IN A 192.0.2.%d" % i for i in range(count))


def cut_at(server, size):
    """The first bytes of the whole answer, without TC, as a middlebox leaves it."""
    return lambda query, right: server.answer(query, "", 0)[:size]


def cutting(size, count=40, servers=1):
    sim, looker, servers = network(servers, zones=[many(count), NET])
    for server in servers:
        answers(server, cut_at(server, size))
    return sim, looker, servers


def test_g13a_an_answer_that_ends_inside_a_record_is_asked_for_over_tcp():
    start = 12 + len("most.example.org") + 2 + 4
    for size in (512, 511, 500, start, start + 1, start + 11, start + 12, start + 15, start + 16):
        sim, looker, servers = cutting(size)
        one = looker.ask("A", "most.example.org")
        sim.run(100)
        assert len(one.value.records) == 40, size
        assert sends(sim) == [(0, ONE), (4, ONE)] and looker.idle() and not looker.counts


def test_g13a_if_tcp_is_refused_what_arrived_whole_is_used():
    for state in ("closed", "closes", "mute"):
        sim, looker, (server,) = cutting(512)
        server.tcp = state
        one = looker.ask("A", "most.example.org")
        sim.run(5000)
        whole = (512 - 12 - len("most.example.org") - 2 - 4) // 16
        assert one.value.records == ["192.0.2.%d" % i for i in range(whole)]
        assert one.value.status == FOUND and one.value.ttl == 60 and looker.idle()


def test_g13a_with_tc_what_arrived_whole_is_used_too():
    sim, looker, (server,) = network(1, zones=[many(40), NET])
    server.tcp = "closed"
    one = looker.ask("A", "most.example.org")
    sim.run(5000)
    assert sim.frames[1].data[2] & 2 and len(one.value.records) == 29


def test_g13a_what_arrived_is_nothing_then_the_next_server():
    size = 12 + len("most.example.org") + 2 + 4 + 5
    sim, looker, (first, second) = network(2, zones=[many(20), NET])
    answers(first, cut_at(first, size))
    first.tcp = "closed"
    one = looker.ask("A", "most.example.org")
    sim.run(100)
    assert len(one.value.records) == 20 and sends(sim)[-1] == (4, TWO)


def test_g13a_a_cut_srv_answer_gives_a_plan():
    for tcp in ("up", "closed"):
        lines = ["_sip._udp 60 IN SRV %d 0 5060 h%d" % (i, i) for i in range(20)]
        lines += ["h%d 60 IN A 192.0.2.%d" % (i, i) for i in range(20)]
        text = "\n".join(["$ORIGIN example.org."] + lines)
        sim, looker, (server,) = network(1, zones=[text])
        server.tcp = tcp
        answers(server, only("SRV", cut_at(server, 512)))
        plan = looked_up(looker, looker.locator(TOP, dns_mode="SRV"))[1]
        assert len(plan.targets) == (16 if tcp == "up" else 13)


def test_g13a_what_was_read_in_part_counts_as_cut():
    """The network says that a datagram was longer; what was read may look whole."""
    sim, looker, (server,) = network(1)
    server.fails("silent", times=1)
    one = looker.ask("A", NAME)
    sim.run(10)
    question = wire.name(NAME) + b"\0\1\0\1"
    data = compose.message(0, 0x8180, question, [(question[:-4], 1, 1, 60, "192.0.2.66")])
    data = sim.frames[0].data[:2] + data[2:]
    looker.resolver.receive(data, (ONE, 53), True)
    looker.wake(sim.ticks())
    sim.run(100)
    assert one.value.records == A


def test_w1_what_is_malformed_before_it_is_cut_is_dropped():
    question = wire.name(NAME) + b"\0\1\0\1"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
    for first in (
        b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\5\xc0\0\2\1\1",  # an address of five bytes
        b"\xc0\x05" + record[2:],  # a pointer into the header
        b"\x41" + record[1:],  # a label of a reserved kind
    ):
        sim, looker, (server,) = network(1)
        msg = b"\x81\x80\0\1\0\2\0\0\0\0" + question + first + record[:9]
        answers(server, lambda q, r, msg=msg: r[:2] + msg)
        one = looker.ask("A", NAME)
        sim.run(900)
        assert one.value is None and looker.counts == {"dns malformed": 1}, first
    msg = b"\0\7\x81\x80\0\1\0\1\0\0\0\0" + question + record + b"\0"  # too long, not too short
    assert answer.salvage(msg, question, 0) is None
    assert answer.salvage(msg[:-2], question, 0).status == TRUNCATED
    assert answer.salvage(msg[:-2], b"\1b" + question[2:], 0) is None


# F24: the fall-back asks for the addresses itself.


def test_g10_the_fallback_asks_although_the_name_was_denied_to_another_type():
    def denies(query, right):  # an NXDOMAIN with SOA for what is there without such records
        return compose.message(query.ident, 0x8183, query.asked, (), [SOA])

    for mode, kinds in (("NAPTR/SRV", ("NAPTR", "SRV")), ("SRV", ("SRV",))):
        sim, looker, (server,) = network(1, zones=["$ORIGIN example.org.\n@ 60 IN A 192.0.2.7"])
        answers(server, lambda q, r: r if q.kind == "A" else denies(q, r))
        locator = looker.locator(TOP, dns_mode=mode)
        asked, plan = looked_up(looker, locator, 100)
        assert asked[-1] == "A " + TOP and len(asked) == len(kinds) + 1
        assert targets(plan) == ["192.0.2.7:5060"]


def test_g10_an_srv_target_that_is_the_denied_name_is_asked_for():
    def denies(query, right):
        return compose.message(query.ident, 0x8183, query.asked, (), [SOA])

    lines = "$ORIGIN example.org.\n@ 60 IN A 192.0.2.7\n_sip._udp 60 IN SRV 1 0 5070 @"
    sim, looker, (server,) = network(1, zones=[lines])
    answers(server, only("NAPTR", denies))
    asked, plan = looked_up(looker, looker.locator(TOP, dns_mode="NAPTR/SRV"), 100)
    assert asked == ["NAPTR " + TOP, "SRV " + SRV, "A " + TOP]
    assert targets(plan) == ["192.0.2.7:5070"]


def test_g10_a_denial_of_the_addresses_themselves_is_kept():
    sim, looker, (server,) = network(1)
    locator = looker.locator("none.example.org", dns_mode="NAPTR/SRV")
    asked, plan = looked_up(looker, locator, 100)
    assert asked == ["NAPTR none." + TOP, "SRV _sip._udp.none." + TOP, "A none." + TOP]
    assert looker.ask("A", "none.example.org").value.status == NXDOMAIN
    assert looker.ask("NAPTR", "none.example.org").value.status == NXDOMAIN


# F25: NAPTR that nobody answers.


def test_g13a_a_timeout_or_servfail_of_naptr_goes_on_with_srv_and_says_so():
    for hows, ms in (
        (("SERVFAIL", "SERVFAIL"), 10),
        (("REFUSED", "SERVFAIL"), 10),
        (("NOTIMP", "silent"), 8000),
        (("silent", "silent"), 8000),
    ):
        sim, looker, servers = network(2)
        for server, how in zip(servers, hows):
            server.fails(how, kind="NAPTR")
        locator = looker.locator(TOP, dns_mode="NAPTR/SRV")
        asked, plan = looked_up(looker, locator, 20000)
        assert asked[-3:] == ["SRV " + SRV, "A a." + TOP, "A b." + TOP] and len(plan.targets) == 2
        said = looker.noted("G13a", "no-naptr")
        assert len(said) == 1 and said[0][0] <= ms and said[0][1] == "0 " + TOP


def test_g13a_the_next_lookup_does_not_wait_for_naptr_again():
    sim, looker, (server,) = network(1)
    server.fails("silent", kind="NAPTR")
    one = looker.locator(TOP, dns_mode="NAPTR/SRV")
    looked_up(looker, one, 8500)
    two = looker.locator(TOP, dns_mode="NAPTR/SRV")  # another account
    asked = looker.plan(two)
    sim.run(sim.now + 10)
    assert len(asked.value.targets) == 2 and asked.ms == 8500


def test_g13a_naptr_that_fails_and_srv_that_is_denied_lead_to_the_stale_plan():
    zone = ZONE + '@ 5 IN NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.other\n'
    zone += "_sip._udp.other 5 IN SRV 1 0 5070 b"
    sim, looker, (server,) = network(1, zones=[zone])
    server.zone.remove("_sip._udp")
    server.zone.remove("@", "A")
    locator = looker.locator(TOP, dns_mode="NAPTR/SRV")
    old = looked_up(looker, locator, 6000)[1]
    assert targets(old) == ["192.0.2.12:5070"]
    server.fails("SERVFAIL", kind="NAPTR")
    assert looked_up(looker, locator, 100)[1] is old and old.stale


def test_g10_a_failure_of_srv_leads_to_no_address_although_naptr_failed():
    for how in ("SERVFAIL", "silent"):
        sim, looker, (server,) = network(1)
        server.fails(how, kind="NAPTR")
        server.fails(how, kind="SRV")
        asked, plan = looked_up(looker, looker.locator(TOP, dns_mode="NAPTR/SRV"))
        assert "A " + TOP not in asked and not plan.targets


def test_g13a_a_registration_although_naptr_is_dropped_on_the_way():
    scene = guide.scene()
    scene.dns.fails("silent", kind="NAPTR")
    scene.start(guide.account("NAPTR/SRV"))
    scene.sim.run(8100)
    assert scene.primary.bound("2002")


# F27, F34: the bounds of one look-up as a whole.


def zone(*lines):
    return "\n".join(("$ORIGIN example.org.",) + lines)


def bound(looker):
    """What was said of a bound of the whole look-up."""
    return [text for _, text in looker.noted("W9", "bound")]


def test_w9_a_lookup_asks_24_questions_in_all():
    """NAPTR records of one order, each of which leads to SRV records that are not there."""
    for count, asked in ((10, 10), (26, 23), (90, 21)):
        lines = ['@ 60 IN NAPTR 1 %d "s" "SIP+D2U" "" n%d' % (i, i) for i in range(count)]
        sim, looker, (server,) = network(1, zones=[zone(*lines)])
        plan = looked_up(looker, looker.locator(TOP, dns_mode="NAPTR/SRV"))[1]
        names = [one[3] for one in sim.queries() if one[3][0] == "n"]
        assert len(names) == asked
        assert not plan.targets and looker.idle()
        assert len(looker.noted("G6", "skipped")) <= 8
        said = {26: ["0 24 questions"], 90: ["0 8 KB of answers"]}
        assert bound(looker) == said.get(count, [])


def test_w9_aliases_count_as_questions():
    zones = [zone(*["_sip._udp 60 IN SRV %d 0 5060 h%d" % (i, i) for i in range(16)])]
    zones[0] += "".join(["\nh%d 60 IN CNAME x0.z%d.test." % (i, i) for i in range(16)])
    for i in range(16):
        for j in range(4):
            zones.append("$ORIGIN x%d.z%d.test.\n@ 60 IN CNAME x%d.z%d.test." % (j, i, j + 1, i))
        zones.append("$ORIGIN x4.z%d.test.\n@ 60 IN A 192.0.2.%d" % (i, i))
    sim, looker, (server,) = network(1, zones=zones)
    asked, plan = looked_up(looker, looker.locator(TOP, dns_mode="SRV"))
    assert targets(plan) == ["192.0.2.0:5060", "192.0.2.1:5060", "192.0.2.2:5060"]
    udp = [one for one in sends(sim)]
    assert len(udp) == 25 and bound(looker) == ["0 24 questions"]  # one of them over TCP too


def test_w9_no_address_is_asked_for_beyond_16_targets():
    lines = ["_sip._udp 60 IN SRV %d 0 5060 h%d" % (i, i) for i in range(6)]
    for i in range(6):
        lines += ["h%d 60 IN A 10.%d.0.%d" % (i, i, j) for j in range(7)]
    sim, looker, (server,) = network(1, zones=[zone(*lines)])
    asked, plan = looked_up(looker, looker.locator(TOP, dns_mode="SRV"))
    assert len(plan.targets) == 16 and plan.targets[15].address[0] == "10.2.0.1"
    assert asked[-1] == "A h2." + TOP
    skipped = [text for _, text in looker.noted("G4", "skipped")]
    assert skipped[:6] == ["0 10.2.0.%d:5060" % j for j in range(2, 7)] + ["0 h3." + TOP + ":5060"]


def test_w9_what_is_skipped_is_named_8_times_then_counted():
    lines = ["@ 60 IN A 10.0.%d.%d" % (i // 50, i % 50) for i in range(40)]
    sim, looker, (server,) = network(1, zones=[zone(*lines)])
    plan = looked_up(looker, looker.locator(TOP))[1]
    assert len(plan.targets) == 16 and len(looker.noted("G4", "skipped")) == 8
    assert [text for _, text in looker.noted("W9", "more")] == ["0 16"]


def big(kind, count, size, ttl=60):
    """So many records of a type with strings or targets that fill so many bytes each."""
    records = []
    name = wire.name(SRV if kind == 33 else TOP)
    for i in range(count):
        host = b"\7h%06d" % i + (b"\x3f" + b"x" * 63) * (size // 64) + b"\7example\3org\0"
        data = (i, 0, 5060, host)
        if kind == 35:
            data = (1, i, b"s", b"SIP+D2U", b"!" + b"y" * size, host[:8] + b"\0")
        elif kind == 1:
            data = "10.0.%d.%d" % (i >> 8, i & 255)
        records.append((name, kind, 1, ttl, data))
    return records


def held(records):
    """What records hold of a 32-bit board's heap: objects in blocks of 16 bytes."""
    size = 16 + -(-4 * len(records) // 16) * 16
    for record in records:
        if isinstance(record, str):
            size += 32
            continue
        size += -(-(8 + 4 * len(record)) // 16) * 16
        for field in record:
            if isinstance(field, bytes) and field:
                size += 16 + -(-(len(field) + 1) // 16) * 16
    return size


def test_w9_one_answer_holds_5_5_kb_at_most_whatever_it_says():
    for kind, count, size in (
        (33, 190, 0),
        (33, 15, 192),
        (35, 90, 0),
        (35, 15, 200),
        (1, 240, 0),
    ):
        records = big(kind, count, size)
        question = records[0][0] + bytes((0, kind, 0, 1))
        left = []
        msg = compose.message(7, 0x8180, question, records)
        got = answer.read(msg, question, 0, False, left.append)
        assert held(got.records) <= 5504, (kind, count, held(got.records))
        assert len(got.records) + sum(left) == count and len(got.records) >= 10
        assert got.status == FOUND and got.ttl == 60


def test_w9_of_srv_and_naptr_records_those_that_come_first_in_trying_order_stay():
    for kind in (33, 35):
        records = big(kind, 120, 0)[::-1]
        if kind == 35:
            records = [r[:4] + ((r[4][1],) + r[4][1:],) for r in records]
        question = records[0][0] + bytes((0, kind, 0, 1))
        got = answer.read(compose.message(7, 0x8180, question, records), question, 0)
        assert [record[0] for record in got.records] == list(range(len(got.records)))
    same = [r[:4] + ((5,) + r[4][1:],) for r in big(33, 120, 0)]  # equals as they stood
    question = same[0][0] + b"\0\x21\0\1"
    got = answer.read(compose.message(7, 0x8180, question, same), question, 0)
    assert [record[3] for record in got.records] == [r[4][3] for r in same[: len(got.records)]]


def test_w9_what_an_answer_leaves_out_is_said():
    lines = ["_sip._udp 60 IN SRV %d 0 5060 h%d" % (i, i) for i in range(90)]
    sim, looker, (server,) = network(1, zones=[zone(*lines)])
    one = looker.ask("SRV", SRV)
    sim.run(100)
    left = 90 - len(one.value.records)
    assert left > 0 and looker.noted("W9", "left-out") == [(6, "%s %d" % (SRV, left))]


def test_w9_the_answers_of_a_lookup_hold_8_kb_together():
    """Names of 200 bytes and more, each host with many addresses."""
    lines = ["_sip._udp 60 IN SRV 1 0 5060 h%d" % i for i in range(16)]
    for i in range(16):
        lines += ["h%d 60 IN A 10.%d.0.%d" % (i, i, j) for j in range(30)]
    sim, looker, (server,) = network(1, zones=[zone(*lines)])
    locator = looker.locator(TOP, dns_mode="SRV")
    most = [0]
    keep = type(locator)._ask

    def watched(plan, lookup, question):
        answer = yield from keep(locator, plan, lookup, question)
        most[0] = max(most[0], sum([held(one.records or ()) for one in lookup.asked.values()]))
        return answer

    locator._ask = watched
    looked_up(looker, locator)
    assert 500 < most[0] <= 8192 and len(locator.plan.targets) == 16


def test_w9_a_lookup_whose_answers_hold_too_much_goes_on_with_what_it_has():
    """Hosts with names of 200 bytes and more."""
    hosts = [("%02d" % i + "x" * 61) + (".%s" % ("y" * 63)) * 2 for i in range(12)]
    lines = ["_sip._udp 60 IN SRV 1 0 5060 %s" % host for host in hosts]
    lines += ["%s 60 IN A 192.0.2.%d" % (host, i) for i, host in enumerate(hosts)]
    lines.append("%s 60 IN A 192.0.3.1" % hosts[0])
    sim, looker, (server,) = network(1, zones=[zone(*lines)])
    plan = looked_up(looker, looker.locator(TOP, dns_mode="SRV"))[1]
    assert bound(looker) == ["0 8 KB of answers"] and len(plan.targets) in (11, 12)
    assert looker.idle()


# F28: a look-up that takes long.


def test_w9_a_lookup_ends_after_60_s_with_what_it_has():
    for tick in STARTS:
        lines = ["_sip._udp 600 IN SRV %d 0 5060 h%d" % (i, i) for i in range(16)]
        lines += ["h%d 600 IN A 192.0.2.%d" % (i, i) for i in range(16)]
        sim, looker, (server,) = network(1, tick, zones=[zone(*lines)])
        server.fails("", delay_ms=3900)
        server.fails("", SRV)
        server.tcp = "closed"
        asked = looker.plan(looker.locator(TOP, dns_mode="SRV"))
        sim.run(59999)
        assert asked.value is None
        sim.run(70000)
        assert asked.ms == 60000 and bound(looker) == ["0 60 s"]
        found = len(asked.value.targets)
        assert found == len([q for q in sim.queries() if q[2] == "A" and q[0] < 1]) or found > 5
        assert looker.idle()


def test_w9_aliases_that_lead_on_and_on_slowly():
    """16 targets, each an alias of ever new names, each answer 3.9 s late."""
    zones = [zone(*["_sip._udp 60 IN SRV %d 0 5060 h%d.z0.test." % (i, i) for i in range(16)])]
    for j in range(10):
        lines = ["h%d.z%d.test. 60 IN CNAME h%d.z%d.test." % (i, j, i, j + 1) for i in range(16)]
        zones.append("$ORIGIN z%d.test.\n" % j + "\n".join(lines))
    sim, looker, (server,) = network(1, zones=zones)
    server.fails("", delay_ms=3900)
    server.fails("", SRV)
    asked = looker.plan(looker.locator(TOP, dns_mode="SRV"))
    sim.run(100000)
    names = {query[3] for query in sim.queries()}
    assert asked.ms <= 60000 and len(names) <= 24 and looker.idle()


def test_w9_several_lookups_wait_for_each_other_no_longer_than_60_s():
    sim, looker, servers = network(1)
    servers[0].fails("silent")
    asked = [looker.plan(looker.locator("n%d.example.org" % i)) for i in range(12)]
    sim.run(200000)
    assert max([one.ms for one in asked]) == 60000 and looker.idle()
    assert min([one.ms for one in asked]) == 8000


# F29: glue.


def test_g12_glue_is_a_setting():
    for use_glue in (False, True):
        sim, looker, servers = network(1, use_glue=use_glue)
        asked, plan = looked_up(looker, looker.locator(TOP, dns_mode="SRV"), 1000)
        assert targets(plan) == ["192.0.2.13:5060", "192.0.2.12:5062"]
        assert len(asked) == (1 if use_glue else 3)
        assert diff(plan.expires, sim.ticks()) < 10000  # the TTL of a's address is the smallest


def test_g12_glue_counts_for_targets_of_srv_alone():
    def more(query, right):
        rr = [(query.asked[:-4], 33, 1, 60, (1, 0, 5060, wire.name(NAME)))]
        add = [(wire.name("b.example.org"), 1, 1, 60, "203.0.113.9")]
        add += [(wire.name("A.example.org"), 1, 1, 60, "192.0.2.%d" % i) for i in (13, 14)]
        return compose.message(query.ident, 0x8580, query.asked, rr, (), add)

    sim, looker, (server,) = network(1, use_glue=True)
    answers(server, only("SRV", more))
    asked, plan = looked_up(looker, looker.locator(TOP, dns_mode="SRV"), 100)
    assert asked == ["SRV " + SRV]
    assert targets(plan) == ["192.0.2.13:5060", "192.0.2.14:5060"]
    assert list(looker.cache.answers) == [wire.name(SRV) + b"\0\x21\0\1"]


def test_g12_glue_serves_the_plan_that_asked_and_nobody_else():
    """RFC 2181 5.4.1: one account's zone names another account's host."""
    evil = zone("_sip._udp 60 IN SRV 1 0 5060 there.example.net.")

    def glued(query, right):
        rr = [(query.asked[:-4], 33, 1, 60, (1, 0, 5060, wire.name("there.example.net")))]
        add = [(wire.name("there.example.net"), 1, 1, 60, "203.0.113.66")]
        return compose.message(query.ident, 0x8580, query.asked, rr, (), add)

    for first in (True, False):
        sim, looker, (server,) = network(1, use_glue=True, zones=[evil, NET])
        answers(server, only("SRV", glued))
        one = looker.locator(TOP, dns_mode="SRV")
        two = looker.locator("there.example.net")
        if not first:
            assert targets(looked_up(looker, two, 100)[1]) == ["192.0.2.99:5060"]
        assert targets(looked_up(looker, one, 100)[1]) == ["203.0.113.66:5060"]
        asked = looker.plan(two)
        sim.run(sim.now + 100)
        assert targets(asked.value) == ["192.0.2.99:5060"]
        third = looker.locator(TOP, dns_mode="SRV")  # the SRV answer is cached, its glue is not
        assert targets(looked_up(looker, third, 100)[1]) == ["192.0.2.99:5060"]


def test_g12_an_additional_section_of_many_addresses_is_bounded():
    q = wire.name(SRV) + b"\0\x21\0\1"
    rr = [(q[:-4], 33, 1, 60, (1, 0, 5060, wire.name("h%d" % i))) for i in range(20)]
    add = [(wire.name("h%d" % (i % 20)), 1, 1, 60, "10.0.0.%d" % (i % 250)) for i in range(150)]
    msg = compose.message(7, 0x8180, q, rr, (), add)
    assert len(answer.addresses(msg)) == 32
    assert len(answer.glue(msg, wire.name("h3"), 0).records) == 2
    assert garbage(answer.addresses, msg) < 8000


# F30: what the cache holds.


def test_w9_the_cache_is_counted_by_what_it_holds():
    for kind, count, size in ((35, 1, 700), (35, 3, 200), (33, 1, 192), (33, 8, 30), (1, 6, 0)):
        cache = Cache()
        for i in range(30):
            name = b"\3%03d" % i + b"\7example\3org\0"
            records = [record[4] for record in big(kind, count, size)]
            if kind == 35:
                records = [
                    r[:2] + (b"s" * (size // 3), b"t" * (size // 3), b"u" * (size // 3), name)
                    for r in records
                ]
            cache.put(name + bytes((0, kind, 0, 1)), answer.made(FOUND, 100 + i, 0, records))
        total = 0
        for key in cache.answers:
            one = cache.answers[key]
            total += 32 + 16 + -(-(len(key) + 1) // 16) * 16 + 16 + held(one.records)
        assert 1500 < total <= 6144, (kind, count, size, total)
        assert len(cache.answers) >= 3
        for key in list(cache.answers):
            cache.put(key, answer.made(FOUND, 0, 0, []))
        assert cache.size == 0


def test_w9_long_names_count_too():
    cache = Cache()
    long = (b"\x3f" + b"x" * 63) * 3
    for i in range(30):
        question = b"\3%03d" % i + long + b"\0\0\1\0\1"
        cache.put(question, answer.Answer(NXDOMAIN, 100, 100000, [], long + b"\1%c\0" % (65 + i)))
    assert 5 < len(cache.answers) < 13 and cache.size <= 192


# F31: aliases.


def aliases_to_themselves(count, name=b"\1a\0"):
    """A response with so many aliases of the question's name for itself."""
    question = name + b"\0\1\0\1"
    record = b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x0c"
    head = b"\0\7\x81\x80\0\1" + bytes((count >> 8, count & 255)) + b"\0\0\0\0"
    return head + question + record * count, question


def test_w9_a_message_full_of_aliases_is_read_once():
    long = b"\x3f" + b"y" * 63 + (b"\1z" * 94) + b"\0"
    cases = [aliases_to_themselves(273), aliases_to_themselves(270, long)]
    question = b"\1a\0\0\1\0\1"
    one = (b"\1a\0", 5, 1, 60, b"\1b\0")
    far = [(b"\3h%02d\0" % i, 5, 1, 60, b"\3h%02d\0" % (i + 1)) for i in range(90)]
    cases.append((compose.message(7, 0x8180, question, [one] * 200), question))
    cases.append((compose.message(7, 0x8180, question, far), question))
    rows = [(b"\1b\0", 1, 1, 60, "192.0.2.%d" % i) for i in range(200)]
    cases.append((compose.message(7, 0x8180, question, [one] * 9 + rows), question))
    for msg, asked in cases:
        assert len(msg) <= 4200 and garbage(answer.read, msg, asked, 0) < 16000
        if CPYTHON:
            counted = Counted(msg)
            answer.read(counted, asked, 0)
            assert counted.reads <= 9 * len(msg), counted.reads / len(msg)
    assert answer.read(cases[0][0], question, 0).status == SERVFAIL
    assert answer.read(cases[2][0], question, 0).status == answer.ALIAS
    assert len(answer.read(cases[4][0], question, 0).records) > 16


def test_w9_of_a_message_full_of_aliases_9_are_read():
    msg, question = aliases_to_themselves(200)
    expand = answer.expand
    read = []

    def counted(msg, p):
        read.append(p)
        return expand(msg, p)

    answer.expand = counted
    try:
        answer.read(msg, question, 0)
    finally:
        answer.expand = expand
    assert len(read) == 18  # each one's owner, and each target


def test_w9_owners_are_compared_in_place():
    name = b"\3Www" + b"\7Example\3oRg\0"
    msg = b"0" * 12 + name + b"\3ftp\xc0\x10" + b"\3wwx\xc0\x10" + b"\3wW[\xc0\x10\2ww\xc0\x10"
    low = name.lower()
    assert wire.same(msg, 12, low) and not wire.same(msg, 12, b"\0")
    for p, text in ((29, b"\3ftp"), (35, b"\3wwx"), (41, b"\3ww["), (47, b"\2ww")):
        assert wire.same(msg, p, text + low[4:]) and not wire.same(msg, p, low)
        assert wire.skip(msg, p) == p + len(text) + 2
    assert not wire.same(msg, 41, b"\3ww{" + low[4:])  # [ and { differ as A and a do
    assert not wire.same(msg, 12, low[:-1] + b"\3com\0")


# F32: DNS that comes later than the phone.


def test_g22_no_target_since_dns_does_not_say_is_tried_again_when_the_failure_is_over():
    for mode in ("A Record", "SRV", "NAPTR/SRV"):
        for back in (10000, 12000):
            scene = guide.scene()
            account = guide.account(mode, outbound_proxy="", sip_server="test1.grandstream.com")
            scene.dns.zone.set("_sip._udp.test1 3 IN SRV 0 1 5060 test1.grandstream.com.")
            scene.dns.fails("silent")
            scene.start(account)
            scene.sim.run(back)
            scene.dns.works()
            scene.sim.run(13100 if mode == "A Record" or back == 12000 else 10100)
            assert scene.phone.status()[0]["state"] == "registered" or mode != "A Record"
            scene.sim.run(22000)
            assert scene.backup.bound("2002"), (mode, back)


def test_g22_the_wait_doubles_with_the_failure_to_5_min():
    scene = guide.scene()
    scene.dns.fails("REFUSED")
    scene.start(guide.account("SRV"))
    scene.sim.run(1300000)
    asked = [query[0] for query in scene.sim.queries()]
    waits = [(b - a) // 1000 for a, b in zip(asked, asked[1:])]
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_g22_with_random_waits_a_draw_is_added():
    found = set()
    for seed in range(12):
        scene = guide.scene(seed)
        scene.dns.fails("REFUSED")
        scene.start(guide.account("SRV", use_random_retry_wait="Yes"))
        scene.sim.run(11000)
        asked = [query[0] for query in scene.sim.queries()]
        found.add((asked[1] - asked[0]) // 1000)
    assert min(found) >= 5 and max(found) <= 10 and len(found) > 2


def test_g22_a_denial_has_the_wait_of_the_settings():
    scene = guide.scene()
    scene.start(guide.account("SRV", outbound_proxy="none.grandstream.com"))
    scene.sim.run(19000)
    asked = len(scene.sim.queries())
    scene.sim.run(21000)
    assert scene.phone.status()[0]["state"] == "waiting" and asked == 2


def test_g22_without_a_dns_server_the_wait_of_the_settings():
    scene = guide.scene()
    scene.start(guide.account("SRV"), dns_servers=[])
    scene.sim.run(60000)
    assert not scene.sim.queries() and scene.phone.status()[0]["state"] == "waiting"
