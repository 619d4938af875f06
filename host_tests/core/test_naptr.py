"""Which NAPTR records count, and in which order (RFC 3403, RFC 3263 4.1; G5, G6)."""

import sys

from srvphone.dns import wire
from srvphone.locate.naptr import usable

UDP = (b"sip+d2u",)
NONE = b"\x00"
GUIDE = (80, 60, b"s", b"SIP+D2U", b"", wire.name("_sip._udp.test.grandstream.com"))  # frame 255


def record(order, preference, flags=b"s", service=b"SIP+D2U", regexp=b"", name="x.org"):
    return (order, preference, flags, service, regexp, wire.name(name) if name else NONE)


def chosen(records, services=UDP, subject="test.grandstream.com"):
    """(names of the usable records, in order; reports)"""
    reports = []
    found = usable(records, services, subject, reports.append)
    return [wire.text(name) for _, _, name in found], reports


def test_g5_the_record_of_the_guide():
    reports = []
    found = usable([GUIDE], UDP, "test.grandstream.com", reports.append)
    assert found == [(80, b"s", GUIDE[5])] and reports == []


def test_g5_services_of_other_transports_are_discarded_before_the_order():
    records = [
        record(10, 1, service=b"SIPS+D2T", name="tls"),
        record(20, 1, service=b"SIP+D2T", name="tcp"),
        record(30, 1, service=b"SIP+D2S", name="sctp"),
        record(30, 2, service=b"SIPS+D2S", name="sctps"),
        record(40, 1, service=b"E2U+sip", name="enum"),
        record(50, 1, service=b"", name="nothing"),
        record(60, 1, name="udp"),
    ]
    names, reports = chosen(records)
    assert names == ["udp"] and len(reports) == 6
    assert reports[0] == "NAPTR 10 1 s SIPS+D2T: not our service"
    assert chosen(records, (b"sip+d2t", b"sip+d2u"))[0] == ["tcp"]
    assert chosen(records, (b"sip+d2u", b"sips+d2t"))[0] == ["tls"]
    assert chosen(records[:6])[0] == []


def test_g5_services_are_compared_without_case():
    for service in (b"SIP+D2U", b"sip+d2u", b"Sip+D2u"):
        assert chosen([record(1, 1, service=service)])[0] == ["x.org"]


def test_g5_lowest_order_then_lowest_preference():
    records = [
        record(20, 1, name="d"),
        record(10, 30, name="c"),
        record(10, 2, name="a"),
        record(10, 10, name="b"),
        record(300, 0, name="e"),
    ]
    assert chosen(records) == (["a", "b", "c"], [])
    records.reverse()
    assert chosen(records) == (["a", "b", "c"], [])
    assert [r[0] for r in records] == [300, 10, 10, 10, 20]  # as they were


def test_g6_only_the_best_order_is_tried():
    records = [record(10, 1, name="a"), record(20, 1, name="b")]
    assert chosen(records)[0] == ["a"]


def test_g6_the_best_order_is_the_lowest_that_has_a_usable_record():
    records = [
        record(5, 1, flags=b"u", name="u"),
        record(6, 1, regexp=b"!a!b!", name="both"),
        record(10, 1, name="a"),
        record(10, 2, flags=b"a", name="b"),
        record(20, 1, name="c"),
    ]
    names, reports = chosen(records)
    assert names == ["a", "b"] and len(reports) == 2


def test_g6_flags_without_case():
    for flags, flag in ((b"s", b"s"), (b"S", b"s"), (b"a", b"a"), (b"A", b"a"), (b"", b"")):
        found = usable([record(1, 1, flags=flags)], UDP, "x", None)
        assert found == [(1, flag, wire.name("x.org"))], flags


def test_g6_u_p_and_unknown_flags_are_skipped():
    for flags in (b"u", b"U", b"p", b"P", b"x", b"sa", b"ss", b" ", b"\x00", b"1"):
        names, reports = chosen([record(1, 1, flags=flags), record(1, 2, name="next")])
        assert names == ["next"] and len(reports) == 1, flags
        assert reports[0].endswith(": not a SIP flag")


def test_g6_a_record_that_is_not_terminal_may_have_no_service():
    assert chosen([record(1, 1, flags=b"", service=b"", name="next.org")])[0] == ["next.org"]
    assert chosen([record(1, 1, flags=b"", service=b"SIP+D2T", name="next.org")])[0] == []


def test_g6_regexp_and_replacement_is_invalid():
    names, reports = chosen([record(1, 1, regexp=b"!^.*$!a.org!"), record(1, 2, name="next")])
    assert names == ["next"]
    assert reports == ["NAPTR 1 1 s SIP+D2U: regexp and replacement"]


def test_g6_neither_regexp_nor_replacement_is_skipped():
    names, reports = chosen([record(1, 1, name=None), record(1, 2, name="next")])
    assert names == ["next"] and reports == ["NAPTR 1 1 s SIP+D2U: no name"]


def test_g6_a_regexp_alone_is_applied_to_the_name():
    one = record(1, 1, regexp=b"!^test\\.(.*)$!_sip._udp.\\1!", name=None)
    assert chosen([one]) == (["_sip._udp.grandstream.com"], [])
    two = record(1, 2, regexp=b"!^TEST\\.(.*)$!sip.\\1!i", flags=b"A", name=None)
    assert chosen([two, one])[0] == ["_sip._udp.grandstream.com", "sip.grandstream.com"]


def test_g6_a_regexp_that_makes_no_name_is_skipped():
    for regexp in (
        b"!nothing!x!",
        b"!^.*$!!",
        b"!^.*$!.!",
        b"!^.*$!a..b!",
        b"!^.*$!a b!",
        b"!^.*$!a\xffb!",
        b"!^.*$!\xc3\xbc!",
        b"!^.*$!\r\n!",
        b"!^.*$!" + b"x" * 64 + b"!",
        b"!^.*$!sip:a@b c!",
        b"!^(.*)$!\\1.\\1.\\1.\\1.\\1.\\1.\\1.\\1.\\1.\\1.\\1.\\1.\\1!",
        b"!(!x!",
        b"!!",
        b"x",
        b"!(a*)*b!x!",
        b"\xff" * 255,
    ):
        names, reports = chosen(
            [record(1, 1, regexp=regexp, name=None), record(1, 2, name="next")]
        )
        assert names == ["next"], regexp
        assert reports == ["NAPTR 1 1 s SIP+D2U: no name"], reports


def test_g6_at_most_four_regexps_are_applied():
    records = [record(1, i, regexp=b"!^.*$!n%d!" % i, name=None) for i in range(6)]
    names, reports = chosen(records + [record(1, 9, name="last")])
    assert names == ["n0", "n1", "n2", "n3", "last"]
    assert [r.split(": ")[1] for r in reports] == ["too many regexps"] * 2


def test_w9_the_regexps_of_an_answer_share_2000_steps():
    slow = b"!(a|b|c|d|e|f|g|h|i|j|k|l|m)*$z!n!"
    quick = b"!^.*$!n!"
    for count, names in ((1, ["n"]), (2, [])):  # one takes 1,463
        records = [record(1, i, regexp=slow, name=None) for i in range(count)]
        found, reports = chosen(records + [record(1, 9, regexp=quick, name=None)])
        assert found == names, count
    assert [text.split(": ")[1] for text in reports] == ["no name"] * 2 + ["too many regexps"]


def test_g6_the_matcher_is_not_loaded_without_need():
    sys.modules.pop("srvphone.locate.regexp", None)
    chosen([GUIDE, record(80, 61, regexp=b"!a!b!")])
    assert "srvphone.locate.regexp" not in sys.modules
    chosen([record(1, 1, regexp=b"!^.*$!a!", name=None)])
    assert "srvphone.locate.regexp" in sys.modules


def test_g6_nothing_unprintable_is_reported():
    evil = b"\x1b[2J\r\n\x00\xff'\"\\"
    for flags, service in ((evil, b"SIP+D2U"), (b"s", evil * 20), (b"\n" * 255, b"")):
        _, reports = chosen([record(1, 1, flags=flags, service=service)])
        assert len(reports) == 1 and len(reports[0]) < 140, reports
        assert all(32 <= ord(c) < 127 for c in reports[0]), reports


def test_g5_no_records():
    assert chosen([]) == ([], [])
