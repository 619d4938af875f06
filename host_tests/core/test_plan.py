"""A server's name -> targets: what is asked for, in which order, for how long (G1 to G13a)."""

from cases import DAY_MS, STARTS
from lookups import NET, ONE, TWO, ZONE, locator_of, network
from sim import guide
from srvphone.clock import later

MODES = ("A Record", "SRV", "NAPTR/SRV", "Use Configured IP")
TOP = "example.org"
SRV = "_sip._udp.example.org"


def zone(*lines):
    """A zone with an SOA and these records."""
    return "\n".join(("$ORIGIN example.org.", "@ 3600 IN SOA ns host 1 3600 600 86400 60") + lines)


def looked_up(mode, *lines, server=TOP, count=1, tick=0, seed=1, until=60000, **fields):
    """The plan of a server by a zone: (sim, looker, Locator, plan)."""
    zones = [zone(*lines), NET] if lines else [ZONE, NET]
    sim, looker, _ = network(count, tick, seed, zones)
    locator = looker.locator(server, dns_mode=mode, **fields)
    asked = looker.plan(locator)
    sim.run(until)
    assert asked.value is locator.plan and looker.idle()
    return sim, looker, locator, asked.value


def queries(sim, since=0):
    """["SRV _sip._udp.example.org", ...]"""
    return ["%s %s" % query[2:] for query in sim.queries() if query[0] >= since]


def targets(plan):
    return ["%s:%d" % target.address for target in plan.targets]


def again(sim, looker, locator, ms=10000):
    """Ask for the plan once more and let so much time pass: (what was asked, the plan)."""
    now = sim.now
    asked = looker.plan(locator)
    sim.run(now + ms)
    return queries(sim, now), asked.value


# G1: whose name.


def asked_by(*accounts, until=100, **fields):
    """The names that a real phone looks up, no server being there."""
    scene = guide.scene()
    scene.start(*accounts, **fields)
    scene.sim.run(until)
    return [query[2:] for query in scene.sim.queries()]


def test_g1_outbound_proxys_name_if_set_else_sip_servers():
    account = guide.account("A Record")
    assert asked_by(account) == [("A", "test.grandstream.com")]
    account["outbound_proxy"] = ""
    assert asked_by(account) == [("A", "grandstream.com")]
    account["dns_mode"] = "SRV"
    assert asked_by(account)[0] == ("SRV", "_sip._udp.grandstream.com")


def test_g1_the_mode_of_the_proxy_changes_nothing_about_the_name():
    for mode in ("in route", "not in route", "always send to"):
        account = guide.account("A Record", outbound_proxy_mode=mode)
        assert asked_by(account) == [("A", "test.grandstream.com")]


def test_g1_backup_outbound_proxy_only_after_the_first_list():
    account = guide.account("A Record", backup_outbound_proxy="test1.grandstream.com")
    account["outbound_proxy"] = "test2.grandstream.com"
    assert asked_by(account) == [("A", "test2.grandstream.com")]
    account["outbound_proxy"] = "none.grandstream.com"
    names = [("A", "none.grandstream.com"), ("A", "test1.grandstream.com")]
    assert asked_by(account) == names


def test_g1_secondary_sip_server_is_reached_directly():
    account = guide.account("A Record", secondary_sip_server="test1.grandstream.com")
    names = {("A", "test.grandstream.com"), ("A", "test1.grandstream.com")}
    assert set(asked_by(account)) == names


def test_g1_an_inactive_account_asks_nothing():
    assert asked_by(guide.account(account_active="No"), until=60000) == []


# G2: no query, or addresses alone.


def test_g2_numeric_address_no_query_in_any_mode():
    for mode in MODES:
        for server, target in (("192.0.2.9", "192.0.2.9:5060"), ("192.0.2.9:7", "192.0.2.9:7")):
            sim, _, _, plan = looked_up(mode, server=server, primary_ip="192.0.2.8")
            assert not sim.frames and targets(plan) == [target]
            assert plan.expires is None and not plan.up(sim.ticks())
            assert plan.targets[0].host == "192.0.2.9"


def test_g2_explicit_port_just_addresses():
    for mode in MODES:
        sim, _, _, plan = looked_up(mode, server="many.example.org:5070")
        assert queries(sim) == ["A many.example.org"]
        assert targets(plan) == ["192.0.2.21:5070", "192.0.2.22:5070", "192.0.2.23:5070"]
    sim, _, _, plan = looked_up("NAPTR/SRV", server="none.example.org:5070")
    assert queries(sim) == ["A none.example.org"] and targets(plan) == []


# G3.


def test_g3_one_a_query_port_5060_order_of_the_answer():
    sim, _, locator, plan = looked_up("A Record", server="Many.Example.org")
    assert queries(sim) == ["A many.example.org"]
    assert targets(plan) == ["192.0.2.21:5060", "192.0.2.22:5060", "192.0.2.23:5060"]
    assert plan.targets[0].host == "many.example.org"


def test_g3_a_record_is_the_default():
    account = guide.account()
    del account["dns_mode"]
    assert asked_by(account) == [("A", "test.grandstream.com")]


def test_g3_an_alias_is_no_fault_here():
    sim, looker, _, plan = looked_up("A Record", server="alias.example.org")
    assert targets(plan) == ["192.0.2.13:5060"] and not looker.noted("G11")


# G4.


def test_g4_srv_then_a_for_every_host_in_trying_order():
    sim, looker, _, plan = looked_up("SRV")
    assert queries(sim) == ["SRV " + SRV, "A a.example.org", "A b.example.org"]
    assert targets(plan) == ["192.0.2.13:5060", "192.0.2.12:5062"]
    assert plan.targets[1].host == "b.example.org"
    text = "0 192.0.2.13:5060 192.0.2.12:5062 TTL 10 s"
    assert looker.noted("G4", "plan") == [(6, text)]


def test_g4_lowest_priority_number_first_whatever_the_order_of_the_answer():
    lines = ("_sip._udp 9 IN SRV 300 9 1 c", "_sip._udp 9 IN SRV 2 0 2 b")
    lines += ("_sip._udp 9 IN SRV 10 5 3 a", "a 9 IN A 192.0.2.1", "b 9 IN A 192.0.2.2")
    sim, _, _, plan = looked_up("SRV", *(lines + ("c 9 IN A 192.0.2.3",)))
    assert targets(plan) == ["192.0.2.2:2", "192.0.2.1:3", "192.0.2.3:1"]
    assert queries(sim)[1:] == ["A b.example.org", "A a.example.org", "A c.example.org"]


def test_g4_all_addresses_of_a_target_before_the_next():
    lines = ("_sip._udp 9 IN SRV 1 0 5060 a", "_sip._udp 9 IN SRV 2 0 5060 b")
    lines += ("a 9 IN A 192.0.2.1", "b 9 IN A 192.0.2.3", "a 9 IN A 192.0.2.2")
    _, _, _, plan = looked_up("SRV", *lines)
    assert [target.address[0][-1] for target in plan.targets] == ["1", "2", "3"]


def test_g4_one_a_query_for_every_distinct_host():
    lines = (
        "_sip._udp 0 IN SRV 1 0 5060 a",
        "_sip._udp 0 IN SRV 2 0 5061 A",
        "a 0 IN A 192.0.2.1",
    )
    sim, _, _, plan = looked_up("SRV", *lines)
    assert queries(sim) == ["SRV " + SRV, "A a.example.org"]
    assert targets(plan) == ["192.0.2.1:5060", "192.0.2.1:5061"]
    lines = ("_sip._udp 0 IN SRV 1 0 5060 x", "_sip._udp 0 IN SRV 2 0 5061 x")
    sim, _, _, plan = looked_up("SRV", *lines)
    assert queries(sim)[1:] == ["A x.example.org"] and not plan.targets


def test_g4_the_same_address_and_port_is_one_target():
    lines = ("_sip._udp 9 IN SRV 1 0 5060 a", "_sip._udp 9 IN SRV 2 0 5060 b")
    _, _, _, plan = looked_up("SRV", *(lines + ("a 9 IN A 192.0.2.1", "b 9 IN A 192.0.2.1")))
    assert targets(plan) == ["192.0.2.1:5060"]


def test_g4_port_0_and_an_address_as_target_are_skipped_and_reported():
    lines = ("_sip._udp 9 IN SRV 1 0 0 a", "_sip._udp 9 IN SRV 2 3 5060 192.0.2.9.")
    lines += ("_sip._udp 9 IN SRV 3 0 5060 a", "a 9 IN A 192.0.2.1")
    sim, looker, _, plan = looked_up("SRV", *lines)
    assert queries(sim)[1:] == ["A a.example.org"]
    assert targets(plan) == ["192.0.2.1:5060"]
    assert [text for _, text in looker.noted("G4", "skipped")] == [
        "0 a.example.org:0",
        "0 192.0.2.9:5060",
    ]


def test_g4_a_target_without_addresses_is_passed_over():
    lines = ("_sip._udp 9 IN SRV 1 0 5060 gone", "_sip._udp 9 IN SRV 2 0 5060 a")
    _, _, _, plan = looked_up("SRV", *(lines + ("a 9 IN A 192.0.2.1",)))
    assert targets(plan) == ["192.0.2.1:5060"]


def test_g4_names_that_a_server_compresses_all_the_same_are_read():
    for mode in ("SRV", "NAPTR/SRV"):
        sim, looker, (server,) = network(1)
        server.zone.add("@ 9 IN NAPTR 1 1 " + UDP)
        server.squeeze = True
        plan = again(sim, looker, looker.locator(TOP, dns_mode=mode))[1]
        assert targets(plan) == ["192.0.2.13:5060", "192.0.2.12:5062"]


def test_g4_no_aaaa_query():
    for mode in MODES:
        sim, _, _, _ = looked_up(mode)
        assert not [query for query in queries(sim) if query.startswith("AAAA")]


def test_w9_16_targets_the_rest_is_skipped_and_said_so():
    lines = ["many 9 IN A 192.0.2.%d" % i for i in range(1, 19)]
    _, looker, _, plan = looked_up("A Record", *lines, server="many.example.org")
    assert len(plan.targets) == 16 and plan.targets[15].address[0] == "192.0.2.16"
    skipped = [text for _, text in looker.noted("G4", "skipped")]
    assert skipped == ["0 192.0.2.17:5060", "0 192.0.2.18:5060"]


def test_w9_16_hosts_the_rest_is_skipped_and_said_so():
    lines = ["_sip._udp 9 IN SRV %d 0 5060 h%d" % (i, i) for i in range(18)]
    sim, looker, _, plan = looked_up("SRV", *lines)
    assert queries(sim)[-1] == "A h15.example.org" and len(queries(sim)) == 18  # UDP, TCP, A
    skipped = [text for _, text in looker.noted("G4", "skipped")]
    assert skipped == ["0 h16.example.org:5060", "0 h17.example.org:5060"]


# G5, G6: NAPTR.

UDP = '"s" "SIP+D2U" "" _sip._udp'
DOWN = ("_sip._udp 9 IN SRV 1 0 5060 a", "a 9 IN A 192.0.2.1")
OTHER = ("_sip._udp.other 9 IN SRV 1 0 5070 b", "b 9 IN A 192.0.2.2")
THIRD = ("_sip._udp.third 9 IN SRV 1 0 5080 c", "c 9 IN A 192.0.2.3")


def naptr(*records, more=()):
    """A look-up by these NAPTR records: (queries after the first, targets, looker)."""
    lines = ["@ 9 IN NAPTR " + record for record in records]
    lines += DOWN + OTHER + THIRD + tuple(more)
    sim, looker, _, plan = looked_up("NAPTR/SRV", *lines)
    assert queries(sim)[0] == "NAPTR example.org"
    return queries(sim)[1:], targets(plan), looker


def test_g5_naptr_then_srv_of_the_replacement():
    asked, found, _ = naptr("10 10 " + UDP + ".other")
    assert asked == ["SRV _sip._udp.other.example.org", "A b.example.org"]
    assert found == ["192.0.2.2:5070"]


def test_g5_services_that_the_account_cannot_do_are_discarded_first():
    for service in ("SIP+D2T", "SIPS+D2T", "SIP+D2S", "SIPS+D2S", "E2U+sip", ""):
        asked, found, looker = naptr(
            '1 1 "s" "%s" "" _sip._udp' % service, "20 1 " + UDP + ".other"
        )
        assert found == ["192.0.2.2:5070"]
        assert len(looker.noted("G6", "skipped")) == 1


def test_g5_lowest_order_then_lowest_preference():
    first, second, third = UDP, UDP + ".other", UDP + ".third"
    for records, port in (
        (("20 1 " + first, "10 90 " + second, "30 1 " + third), "5070"),
        (("10 20 " + first, "10 10 " + second, "10 30 " + third), "5070"),
        (("10 20 " + first, "9 200 " + second, "10 1 " + third), "5070"),
        (("300 1 " + first, "256 1 " + second, "257 0 " + third), "5070"),
    ):
        _, found, _ = naptr(*records)
        assert len(found) == 1 and found[0].endswith(port)


def test_g5_services_are_compared_without_case():
    for service in ("sip+d2u", "Sip+D2u", "SIP+D2U"):
        assert naptr('1 1 "s" "%s" "" _sip._udp.other' % service)[1] == ["192.0.2.2:5070"]


def test_g6_flags_without_case():
    assert naptr('1 1 "S" "SIP+D2U" "" _sip._udp.other')[1] == ["192.0.2.2:5070"]
    asked, found, _ = naptr('1 1 "A" "SIP+D2U" "" b')
    assert asked == ["A b.example.org"] and found == ["192.0.2.2:5060"]
    asked, found, _ = naptr('1 1 "a" "SIP+D2U" "" b')
    assert asked == ["A b.example.org"] and found == ["192.0.2.2:5060"]


def test_g6_empty_flag_the_replacement_is_another_naptr_name():
    more = ("next 9 IN NAPTR 1 1 %s.other" % UDP,)
    for service in ("SIP+D2U", ""):
        asked, found, _ = naptr('1 1 "" "%s" "" next' % service, more=more)
        assert asked[:2] == ["NAPTR next.example.org", "SRV _sip._udp.other.example.org"]
        assert found == ["192.0.2.2:5070"]


def test_g6_u_p_and_unknown_flags_are_skipped():
    for flag in ("u", "P", "x", "su"):
        asked, found, looker = naptr(
            '1 1 "%s" "SIP+D2U" "" _sip._udp' % flag, "2 1 " + UDP + ".other"
        )
        assert found == ["192.0.2.2:5070"] and looker.noted("G6", "skipped")


def test_g6_at_most_5_steps():
    for count in (4, 5):
        more = ['n%d 9 IN NAPTR 1 1 "" "" "" n%d' % (i, i + 1) for i in range(1, count)]
        more.append("n%d 9 IN NAPTR 1 1 %s.other" % (count, UDP))
        asked, found, looker = naptr('1 1 "" "" "" n1', more=more)
        steps = [name for name in asked if name.startswith("NAPTR")]
        assert steps == ["NAPTR n%d.example.org" % i for i in range(1, 5)]
        if count == 4:
            assert found == ["192.0.2.2:5070"]
        else:  # no NAPTR that is usable
            assert found == ["192.0.2.1:5060"] and looker.noted("G6", "skipped")


def test_g6_a_loop_is_detected():
    for ttl in (0, 9):
        more = ('n1 %d IN NAPTR 1 1 "" "" "" EXAMPLE.org.' % ttl,)
        asked, found, looker = naptr('1 1 "" "" "" n1', more=more)
        assert [name for name in asked if name.startswith("NAPTR")] == ["NAPTR n1.example.org"]
        assert found == ["192.0.2.1:5060"]
        assert looker.noted("G6", "skipped") == [(4, "0 loop")]


def test_g6_srv_name_does_not_exist_the_next_usable_one_of_the_same_order():
    asked, found, _ = naptr(
        "5 1 " + UDP + ".gone", "5 2 " + UDP + ".other", "5 3 " + UDP + ".third"
    )
    assert asked[:2] == ["SRV _sip._udp.gone.example.org", "SRV _sip._udp.other.example.org"]
    assert found == ["192.0.2.2:5070"]


def test_g6_never_one_of_another_order():
    asked, found, _ = naptr("5 1 " + UDP + ".gone", "6 2 " + UDP + ".other")
    assert asked == ["SRV _sip._udp.gone.example.org", "SRV " + SRV, "A a.example.org"]
    assert found == ["192.0.2.1:5060"]


def test_g6_nothing_else_is_tried_if_dns_does_not_say_what_the_best_one_leads_to():
    lines = ["@ 9 IN NAPTR 5 1 " + UDP + ".third", "@ 9 IN NAPTR 5 2 " + UDP + ".other"]
    for how, ms in (("SERVFAIL", 100), ("silent", 20000), ("REFUSED", 100)):
        sim, looker, (server,) = network(1, zones=[zone(*lines + list(DOWN + OTHER + THIRD))])
        server.fails(how, "_sip._udp.third.example.org")
        locator = looker.locator(TOP, dns_mode="NAPTR/SRV")
        asked, plan = again(sim, looker, locator, ms)
        assert not plan.targets and asked[-1] == "SRV _sip._udp.third.example.org"
    lines[0] = '@ 9 IN NAPTR 5 1 "a" "SIP+D2U" "" c'
    sim, looker, (server,) = network(1, zones=[zone(*lines + list(DOWN + OTHER + THIRD))])
    server.fails("SERVFAIL", "c.example.org")
    asked, plan = again(sim, looker, looker.locator(TOP, dns_mode="NAPTR/SRV"))
    assert not plan.targets and asked == ["NAPTR example.org", "A c.example.org"]


def test_g6_regexp_and_replacement_is_invalid():
    asked, found, looker = naptr(
        '1 1 "s" "SIP+D2U" "!^.*$!_sip._udp.third.example.org!" _sip._udp.third',
        "2 1 " + UDP + ".other",
    )
    assert found == ["192.0.2.2:5070"] and len(looker.noted("G6", "skipped")) == 1


def test_g6_a_regexp_alone_is_applied_to_the_name_that_was_asked_for():
    regexp = '"!^(.*)$!_sip._udp.other.\\\\1!"'
    asked, found, _ = naptr('1 1 "s" "SIP+D2U" %s .' % regexp)
    assert asked[0] == "SRV _sip._udp.other.example.org" and found == ["192.0.2.2:5070"]
    more = ('next 9 IN NAPTR 1 1 "s" "SIP+D2U" %s .' % regexp,)
    asked, found, _ = naptr('1 1 "" "" "" next', more=more)
    assert asked[1] == "SRV _sip._udp.other.example.org" and found == ["192.0.2.2:5070"]


def test_g6_a_regexp_that_gives_no_name_is_skipped():
    for regexp in ("!q!y!", "!(!y!", "!^.*$!a..b!"):
        asked, found, looker = naptr('1 1 "s" "SIP+D2U" "%s" .' % regexp, "2 1 " + UDP + ".other")
        assert found == ["192.0.2.2:5070"] and looker.noted("G6", "skipped")


def test_g6_no_naptr_or_none_usable_srv_then_a():
    asked, found, _ = naptr()
    assert asked == ["SRV " + SRV, "A a.example.org"] and found == ["192.0.2.1:5060"]
    asked, found, _ = naptr('1 1 "s" "SIP+D2T" "" _sip._tcp')
    assert asked == ["SRV " + SRV, "A a.example.org"] and found == ["192.0.2.1:5060"]
    sim, _, _, plan = looked_up("NAPTR/SRV", "@ 9 IN A 192.0.2.7")
    assert queries(sim) == ["NAPTR example.org", "SRV " + SRV, "A example.org"]
    assert targets(plan) == ["192.0.2.7:5060"]


# G7.

IPS = ("primary_ip", "backup_ip_1", "backup_ip_2")
P, B1, B2 = "192.0.2.31", "192.0.2.32", "192.0.2.33"


def configured(*ips, **fields):
    for name, ip in zip(IPS, ips):
        fields[name] = ip
    sim, looker, locator, plan = looked_up("Use Configured IP", **fields)
    return queries(sim), targets(plan), looker


def test_g7_no_query_in_their_order_port_5060():
    asked, found, _ = configured(P, B1, B2)
    assert asked == [] and found == [P + ":5060", B1 + ":5060", B2 + ":5060"]


def test_g7_empty_ones_are_skipped_one_is_enough():
    for ips in (("", B1, B2), (P, "", B2), ("", "", B2)):
        asked, found, _ = configured(*ips)
        assert asked == [] and found == [ip + ":5060" for ip in ips if ip]


def test_g7_the_port_is_the_sip_servers():
    asked, found, _ = configured(P, B1, server="example.org:5099")
    assert asked == [] and found == [P + ":5099", B1 + ":5099"]
    sim, looker, _ = network(1)
    locator = looker.locator("proxy.example.org:7", dns_mode="Use Configured IP", primary_ip=P)
    locator.account.sip_server = "example.org:5099"
    assert targets(again(sim, looker, locator)[1]) == [P + ":5099"]


def test_g7_none_set_says_so_and_uses_a_records():
    asked, found, looker = configured(server="many.example.org")
    assert asked == ["A many.example.org"] and len(found) == 3
    assert looker.noted("G7", "no-ip-set")
    assert not configured(P)[2].noted("G7")


def test_g7_stands_for_the_first_server_alone():
    asked, found, _ = configured(P, configured=False)
    assert asked == ["A example.org"] and found == ["192.0.2.1:5060"]


def test_g7_a_plan_that_needed_no_dns_does_not_end():
    sim, looker, locator, plan = looked_up("Use Configured IP", primary_ip=P)
    sim.run(3 * DAY_MS + 60001)
    locator.forget_old()
    assert again(sim, looker, locator) == ([], plan)
    assert looker.noted("G4", "plan")[0][1] == "0 192.0.2.31:5060 "


# G8.


def first_ports(policy, *weights):
    """Which of the records of one priority was first, for 40 seeds: {port, ...}."""
    lines = ["_sip._udp 9 IN SRV 1 %d %d a" % (w, 5000 + i) for i, w in enumerate(weights)]
    lines.append("a 9 IN A 192.0.2.1")
    found = set()
    for seed in range(40):
        _, _, _, plan = looked_up("SRV", *lines, seed=seed, until=100, srv_weight_policy=policy)
        assert len(plan.targets) == len(weights)
        found.add(plan.targets[0].address[1] - 5000)
    return found


def test_g8_the_policy_setting_reaches_the_draw():
    assert first_ports("rfc2782", 0, 1) == {0, 1}  # 1/2 each
    assert first_ports("proportional", 0, 1) == {1}
    assert first_ports("proportional", 1, 1) == {0, 1}
    assert first_ports("highest-first", 1, 3, 2) == {1}
    assert first_ports("highest-first", 2, 2) == {0}


# G9, G10.


def test_g9_a_single_dot_no_service_no_fallback():
    for mode in ("SRV", "NAPTR/SRV"):
        lines = ("_sip._udp 9 IN SRV 0 0 0 .", "@ 99 IN A 192.0.2.1")
        sim, looker, locator, plan = looked_up(mode, *lines, until=9000)
        assert queries(sim)[-1] == "SRV " + SRV and not plan.targets
        assert [text for _, text in looker.noted("G9", "skipped")] == ["0 .:0"]
        assert not plan.stale


def test_g9_asked_again_after_its_ttl():
    for tick in STARTS:
        lines = ("_sip._udp 9 IN SRV 0 0 0 .",)
        sim, looker, locator, plan = looked_up("SRV", *lines, tick=tick, until=9001)
        assert again(sim, looker, locator, 0) == ([], plan)
        sim.run(9002)
        assert again(sim, looker, locator, 10)[0] == ["SRV " + SRV]


def test_g9_the_next_naptr_still_counts():
    more = ("_sip._udp.dot 9 IN SRV 0 0 0 .",)
    asked, found, _ = naptr("5 1 " + UDP + ".dot", "5 2 " + UDP + ".other", more=more)
    assert found == ["192.0.2.2:5070"]


def test_g9_no_way_round_it_by_srv_of_the_name_or_a():
    more = ("_sip._udp.dot 9 IN SRV 0 0 0 .", "@ 9 IN A 192.0.2.9")
    asked, found, _ = naptr("5 1 " + UDP + ".dot", more=more)
    assert asked == ["SRV _sip._udp.dot.example.org"] and found == []
    asked, found, _ = naptr("5 1 " + UDP + ".dot", "5 2 " + UDP + ".gone", more=more)
    assert asked[-1] == "SRV _sip._udp.gone.example.org" and found == []


def test_g9_the_backup_outbound_proxy_still_counts():
    scene = guide.scene()
    scene.dns.zone.set("_sip._udp.test 9 IN SRV 0 0 0 .")
    scene.dns.zone.add("_sip._udp.spare 9 IN SRV 0 0 5060 test1.grandstream.com.")
    scene.start(guide.account(backup_outbound_proxy="spare.grandstream.com"))
    scene.sim.run(100)
    assert queries(scene.sim) == [
        "SRV _sip._udp.test.grandstream.com",
        "SRV _sip._udp.spare.grandstream.com",
        "A test1.grandstream.com",
    ]


def test_g9_a_dot_among_others_is_skipped_and_reported():
    lines = (
        "_sip._udp 9 IN SRV 0 7 5060 .",
        "_sip._udp 9 IN SRV 1 0 5060 a",
        "a 9 IN A 192.0.2.1",
    )
    sim, looker, _, plan = looked_up("SRV", *lines)
    assert queries(sim) == ["SRV " + SRV, "A a.example.org"]
    assert targets(plan) == ["192.0.2.1:5060"]
    assert looker.noted("G9", "skipped")[0][1] == "0 .:5060"
    lines = ("_sip._udp 9 IN SRV 0 7 5060 .", "_sip._udp 9 IN SRV 1 0 0 .", "@ 9 IN A 192.0.2.1")
    assert not looked_up("SRV", *lines)[3].targets


def test_g10_a_only_if_there_are_no_srv_records():
    for lines in (
        ("@ 9 IN A 192.0.2.1",),  # NXDOMAIN
        ("@ 9 IN A 192.0.2.1", "_sip._udp 9 IN TXT x"),  # NODATA
    ):
        sim, _, _, plan = looked_up("SRV", *lines)
        assert queries(sim) == ["SRV " + SRV, "A example.org"]
        assert targets(plan) == ["192.0.2.1:5060"]


def test_g10_never_after_servfail_refused_or_a_timeout():
    for how, ms in (("SERVFAIL", 100), ("REFUSED", 100), ("NOTIMP", 100), ("silent", 20000)):
        for mode in ("SRV", "NAPTR/SRV"):
            sim, looker, (server,) = network(1)
            server.fails(how, SRV)
            locator = looker.locator(TOP, dns_mode=mode)
            asked, plan = again(sim, looker, locator, ms)
            assert asked[-1] == "SRV " + SRV and not plan.targets


def test_g10_never_because_the_srv_targets_have_failed():
    for line in ("_sip._udp 9 IN SRV 0 0 5060 gone", "_sip._udp 9 IN SRV 0 0 0 a"):
        sim, _, _, plan = looked_up("SRV", line, "@ 9 IN A 192.0.2.1")
        assert "A example.org" not in queries(sim) and not plan.targets
    scene = guide.scene()
    scene.dns.zone.add("test 3 IN A 192.168.10.14")
    for server in (scene.primary, scene.backup):
        server.fails("silent")
    scene.start(guide.account("NAPTR/SRV"))
    scene.sim.run(60000)
    asked = {query[2:] for query in scene.sim.queries()}
    assert ("A", "test1.grandstream.com") in asked and ("A", "test.grandstream.com") not in asked


# G11.


def test_g11_an_srv_target_that_is_an_alias_is_followed_and_reported():
    lines = ("_sip._udp 9 IN SRV 0 0 5060 x", "_sip._udp 9 IN SRV 1 1 5060 a")
    lines += ("x 9 IN CNAME y.example.org.", "y 9 IN A 192.0.2.2", "a 9 IN A 192.0.2.1")
    sim, looker, _, plan = looked_up("SRV", *lines)
    assert targets(plan) == ["192.0.2.2:5060", "192.0.2.1:5060"]
    assert plan.targets[0].host == "x.example.org"
    assert [text for _, text in looker.noted("G11", "alias")] == ["0 x.example.org"]


def test_g11_an_alias_that_leads_into_another_zone():
    lines = ("_sip._udp 9 IN SRV 0 0 5060 x", "x 9 IN CNAME there.example.net.")
    sim, looker, _, plan = looked_up("SRV", *lines)
    assert targets(plan) == ["192.0.2.99:5060"] and len(looker.noted("G11")) == 1
    assert queries(sim)[1:] == ["A x.example.org", "A there.example.net"]


# G13: TTLs, and what happens when DNS falls silent.


def test_g13_the_plans_ttl_is_the_smallest_of_its_records():
    for ttls in ((5, 60, 60), (60, 5, 60), (60, 60, 5)):
        lines = (
            "@ %d IN NAPTR 1 1 " + UDP,
            "_sip._udp %d IN SRV 0 0 5060 a",
            "a %d IN A 192.0.2.1",
        )
        lines = [line % ttl for line, ttl in zip(lines, ttls)]
        for tick in STARTS:
            sim, looker, locator, plan = looked_up("NAPTR/SRV", *lines, tick=tick, until=100)
            end = 5002 + 2 * ttls.index(5)  # it was answered at 2, 4 or 6 ms
            sim.run(end - 1)
            assert not plan.up(sim.ticks()) and again(sim, looker, locator, 0) == ([], plan)
            sim.run(end)
            assert plan.up(sim.ticks())
            asked, new = again(sim, looker, locator, 10)
            assert len(asked) == 1 and new is not plan  # the other two are still cached
            notes = [text for _, text in looker.noted("G4", "plan")]
            assert notes == ["0 192.0.2.1:5060 TTL 5 s"] * 2


def test_g13_ttl_0_is_used_once():
    lines = ("_sip._udp 0 IN SRV 0 0 5060 a", "a 60 IN A 192.0.2.1")
    sim, looker, locator, plan = looked_up("SRV", *lines, until=100)
    assert targets(plan) == ["192.0.2.1:5060"] and plan.up(sim.ticks())
    for _ in range(2):
        asked, plan = again(sim, looker, locator)
        assert asked == ["SRV " + SRV] and targets(plan) == ["192.0.2.1:5060"]


def test_g13_a_ttl_is_a_day_at_most_also_with_its_top_bit_set():
    for ttl in (86401, 2147483647, 2147483648, 4294967295):
        lines = ("_sip._udp %d IN SRV 0 0 5060 a" % ttl, "a %d IN A 192.0.2.1" % ttl)
        for tick in STARTS:
            sim, looker, locator, plan = looked_up("SRV", *lines, tick=tick, until=DAY_MS + 1)
            assert again(sim, looker, locator, 0) == ([], plan)
            sim.run(DAY_MS + 2)
            assert plan.up(sim.ticks())


def test_g13_the_record_set_changes_at_the_ttl():
    sim, looker, (server,) = network(1)
    locator = looker.locator(TOP, dns_mode="SRV")
    assert targets(again(sim, looker, locator, 100)[1]) == ["192.0.2.13:5060", "192.0.2.12:5062"]
    server.zone.set("_sip._udp 20 IN SRV 1 0 5064 b\n_sip._udp 20 IN SRV 2 0 5060 a")
    server.zone.set("a 10 IN A 192.0.2.14")
    assert again(sim, looker, locator, 9904)[0] == []
    asked, plan = again(sim, looker, locator, 100)  # the TTL of a, not that of the SRV records
    assert asked == ["A a.example.org"]
    assert targets(plan) == ["192.0.2.14:5060", "192.0.2.12:5062"]
    sim.run(20002)
    asked, plan = again(sim, looker, locator, 100)
    assert asked == ["SRV " + SRV]
    assert targets(plan) == ["192.0.2.12:5064", "192.0.2.14:5060"]


def silenced(tick=0, how="silent", count=1, until=40000):
    """A plan of mode SRV whose TTL is up, and DNS servers that all do this."""
    sim, looker, servers = network(count, tick)
    locator = looker.locator(TOP, dns_mode="SRV")
    plan = again(sim, looker, locator, until)[1]
    for server in servers:
        server.fails(how)
    return sim, looker, servers, locator, plan


def test_g13_dns_is_silent_the_old_plan_after_1_8_s_the_lookup_goes_on():
    for tick in STARTS:
        sim, looker, servers, locator, plan = silenced(tick)
        asked = looker.plan(locator)
        sim.run(41799)
        assert asked.value is None and not plan.stale
        sim.run(41800)
        assert asked.value is plan and asked.ms == 41800 and plan.stale
        assert looker.noted("G13", "stale") == [(41800, "0 example.org")]
        assert looker.resolver.queries and locator.lookup in looker.tasks
        sim.run(48000)
        assert looker.idle() and locator.plan is plan and len(plan.targets) == 2
        text = "0 192.0.2.13:5060 192.0.2.12:5062 stale"
        assert looker.noted("G4", "plan")[-1] == (48000, text)


def test_g13_a_plan_dropped_while_its_stale_use_is_waited_for_is_used_all_the_same():
    for tick in STARTS:
        sim, looker, servers, locator, plan = silenced(tick)
        asked = looker.plan(locator)
        sim.run(41000)
        locator.plan = None  # what housekeeping does at the end of the three days
        sim.run(42000)
        assert asked.value is plan and asked.ms == 41800 and plan.stale


def test_g13_the_lookup_that_went_on_brings_the_new_plan():
    sim, looker, servers, locator, plan = silenced()
    asked = looker.plan(locator)
    sim.run(41900)
    servers[0].works()
    sim.run(42100)
    assert asked.value is plan and locator.plan is not plan
    assert not locator.plan.stale and len(locator.plan.targets) == 2
    assert again(sim, looker, locator, 0) == ([], locator.plan)


def test_g13_two_cycles_share_the_lookup_that_goes_on():
    sim, looker, servers, locator, plan = silenced()
    looker.plan(locator)
    sim.run(45000)
    asked = looker.plan(locator)
    sim.run(46800)
    assert asked.value is plan and asked.ms == 46800
    assert len([q for q in queries(sim, 40000) if q == "SRV " + SRV]) == 3


def test_g13_refusals_lead_to_the_old_plan_at_once():
    for how in ("SERVFAIL", "REFUSED", "closed"):
        sim, looker, servers, locator, plan = silenced(how=how)
        asked, used = again(sim, looker, locator, 10)
        assert used is plan and plan.stale and asked == ["SRV " + SRV]
        assert again(sim, looker, locator, 10) == ([], plan)  # a failed name is not asked again
        sim.run(45100)
        assert again(sim, looker, locator, 10) == (["SRV " + SRV], plan)
        servers[0].works()
        sim.run(65000)
        new = again(sim, looker, locator, 10)[1]
        assert new is not plan and not new.stale and targets(new) == targets(plan)


def test_g13_a_denial_is_an_answer_and_ends_the_old_plan():
    sim, looker, servers, locator, plan = silenced(how="NXDOMAIN")
    asked, new = again(sim, looker, locator, 10)
    assert asked == ["SRV " + SRV, "A example.org"]
    assert new is not plan and not new.targets and not new.stale


def test_g13_stale_for_three_days_at_most():
    for tick in STARTS:
        sim, looker, servers, locator, plan = silenced(tick)
        end = 10002 + 2 + 3 * DAY_MS  # the address of a was the first to end
        hours = 12 * 3600000
        while sim.now + hours < end:
            sim.run(sim.now + hours)
            looker.now = sim.ticks()
            locator.forget_old()
            looker.cache.purge(sim.ticks())
        sim.run(end - 1)
        asked = looker.plan(locator)
        sim.run(end + 20000)
        assert asked.value is plan and plan.stale
        asked = looker.plan(locator)
        assert locator.plan is None
        sim.run(end + 60000)
        assert asked.value is not plan and not asked.value.targets and looker.idle()


def test_g13_an_old_plan_is_forgotten_before_its_time_could_wrap():
    sim, looker, locator, plan = looked_up("SRV", until=100)
    for ms, kept in ((10003 + 3 * DAY_MS, plan), (10004 + 3 * DAY_MS, None)):
        looker.now = later(sim.tick, ms)
        locator.forget_old()
        assert locator.plan is kept


def test_g13_without_an_old_plan_the_answer_is_waited_for():
    sim, looker, servers = network(1)
    servers[0].fails("silent")
    asked = looker.plan(looker.locator(TOP, dns_mode="SRV"))
    sim.run(7999)
    assert asked.value is None
    sim.run(8000)
    assert not asked.value.targets and not asked.value.stale
    assert looker.noted("G4", "no-targets") == [(8000, "0 TTL 5 s")]


def test_g13_one_host_is_not_answered_its_old_addresses_are_used_on():
    for how, ms in (("SERVFAIL", 10), ("silent", 20000)):
        sim, looker, servers, locator, plan = silenced(how="")
        servers[0].fails(how, "b.example.org")
        servers[0].zone.set("a 10 IN A 192.0.2.14")
        sim.run(60000)
        again(sim, looker, locator, ms)
        new = locator.plan
        assert new is not plan and new.stale
        assert targets(new) == ["192.0.2.14:5060", "192.0.2.12:5062"]
        assert new.expires == plan.expires  # so three days from there at most
        sim.run(110000)
        assert again(sim, looker, locator, ms)[0][0] == "SRV " + SRV
    sim, looker, (server,) = network(1)
    server.fails("SERVFAIL", "a.example.org")
    plan = again(sim, looker, looker.locator(TOP, dns_mode="SRV"), 10)[1]
    assert targets(plan) == ["192.0.2.12:5062"] and not plan.stale


def test_g13_a_mode_keeps_its_old_address_too():
    sim, looker, (server,) = network(1)
    locator = looker.locator("many.example.org")
    plan = again(sim, looker, locator, 10003)[1]
    server.fails("REFUSED")
    new = again(sim, looker, locator, 10)[1]
    assert targets(new) == targets(plan) and new.stale
    assert looker.noted("G4", "plan")[-1][1].endswith(" stale")


def test_g13a_naptr_refused_by_all_servers_counts_as_no_naptr():
    for hows in (("NOTIMP", "NOTIMP"), ("FORMERR", "REFUSED"), ("REFUSED", "NOTIMP")):
        sim, looker, servers = network(2)
        for server, how in zip(servers, hows):
            server.fails(how, kind="NAPTR")
        locator = looker.locator(TOP, dns_mode="NAPTR/SRV")
        asked, plan = again(sim, looker, locator, 100)
        assert asked[:3] == ["NAPTR example.org", "NAPTR example.org", "SRV " + SRV]
        assert len(plan.targets) == 2


def test_g13a_two_accounts_asking_at_once_share_queries_and_nothing_else():
    scene = guide.scene()
    scene.primary.fails("silent")
    phone = scene.start(guide.account(), guide.account(sip_user_id="2002"))
    scene.sim.run(20000)
    assert queries(scene.sim) == [
        "SRV _sip._udp.test.grandstream.com",
        "A test2.grandstream.com",
        "A test1.grandstream.com",
    ]
    first, second = locator_of(phone, 0).plan, locator_of(phone, 1).plan
    assert first is not second and first.targets == second.targets
    sent = [s[0] for s in scene.sim.sip("REGISTER", guide.PRIMARY)]
    assert len(sent) == 6 and sent[0] == sent[1]  # each account tries the primary itself


def test_g13_dns_dies_after_the_registration_which_goes_on():
    for tick in STARTS:
        scene = guide.registration("SRV", tick=tick, register_expiration_s=60)
        sim = scene.sim
        sim.run(10000)
        assert scene.primary.bound("2002")
        scene.dns.fails("silent")
        asked = len(sim.queries())
        sim.run(10 * 60000)
        first, second = [query[0] for query in sim.queries()][asked : asked + 2]
        assert second - first == 1000
        locator = locator_of(scene.phone)
        assert locator.plan.stale and len(locator.plan.targets) == 2
        after = [sent[0] for sent in sim.sip("REGISTER") if sent[0] > first]
        assert after[0] == first + 1800 and sim.sip("REGISTER")[-1][2] == guide.PRIMARY
        assert scene.primary.bound("2002") and not sim.sip("REGISTER", guide.BACKUP)
        scene.dns.works()
        sim.run(18 * 60000)  # a failed name is not asked for 5 min at most
        assert not locator.plan.stale


# The flow.


def test_plan_events_for_somebody_else_are_not_lost():
    sim, looker, servers = network(1)
    locator = looker.locator(TOP)
    heard = []

    def cycle():
        yield from locator.plan_now()
        heard.append((yield None, str))
        heard.append((yield None, str))

    asked = looker.begin(cycle)
    looker.post(asked.task, "now")
    looker.post(asked.task, "late")
    sim.run(100)
    assert heard == ["now", "late"]


def test_plan_lookup_can_be_closed_at_every_yield():
    steps = 1
    while True:
        sim, looker, servers = network(2)
        servers[0].fails("silent", times=1)
        servers[0].fails("truncated", kind="SRV")
        servers[1].fails("REFUSED", times=1)
        locator = looker.locator(TOP, dns_mode="NAPTR/SRV")
        asked = looker.plan(locator)
        for _ in range(steps):
            sim.step(60000)
        if asked.value:
            break
        looker.end(asked.task, locator.lookup)
        assert looker.idle()
        sim.run(61000)
        assert again(sim, looker, locator)[1].targets and looker.idle()
        steps += 1
    assert steps > 8 and len(asked.value.targets) == 2


def test_w6_no_dns_server_then_one():
    sim, looker, _ = network(0)
    locator = looker.locator(TOP, dns_mode="SRV")
    assert not again(sim, looker, locator, 10)[1].targets and looker.noted("W6", "no-answer")
    sim.dns(ONE, ZONE)
    looker.resolver.use([(ONE, 53)])
    assert len(again(sim, looker, locator, 10)[1].targets) == 2


def test_w2_silent_servers_the_stale_plan_then_retry():
    sim, looker, servers, locator, plan = silenced(count=2)
    assert again(sim, looker, locator, 10000)[1] is plan
    servers[1].works()
    asked, new = again(sim, looker, locator, 5000)
    assert asked == [] and new is plan  # within 5 s of the failure
    asked, new = again(sim, looker, locator, 5000)
    assert asked and not locator.plan.stale and targets(locator.plan) == targets(plan)
    assert sim.queries(TWO)
