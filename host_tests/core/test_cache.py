"""What DNS answered, until its TTL (G13); denials (RFC 2308), failures (RFC 9520)."""

from cases import DAY_MS, STARTS
from srvphone.clock import diff, later
from srvphone.dns.answer import FOUND, NODATA, NXDOMAIN, Answer
from srvphone.dns.cache import Cache

A = b"\x00\x01\x00\x01"
SRV = b"\x00\x21\x00\x01"
NAME = b"\x04test\x00"


def found(now, ttl, records=("192.0.2.1",), alias=None):
    return Answer(FOUND, ttl, later(now, ttl * 1000), list(records), alias)


def denied(status, now, ttl, alias=None):
    return Answer(status, ttl, later(now, ttl * 1000), [], alias)


def test_g13_kept_for_its_own_ttl():
    for now in STARTS:
        cache = Cache()
        answer = found(now, 3)
        cache.put(NAME + A, answer)
        assert cache.get(NAME + A, later(now, 2999)) is answer
        assert cache.get(NAME + A, later(now, 3000)) is None
        assert cache.get(NAME + SRV, now) is None


def test_g13_ttl_0_is_not_kept_and_ends_the_old_one():
    cache = Cache()
    cache.put(NAME + A, found(0, 3))
    cache.put(NAME + A, found(1000, 0))
    assert cache.get(NAME + A, 1000) is None
    assert cache.size == 0


def test_g13_a_new_answer_replaces_the_old_one():
    cache = Cache()
    cache.put(NAME + A, found(0, 3, ["192.0.2.1"] * 5))
    new = found(1000, 3)
    cache.put(NAME + A, new)
    assert cache.get(NAME + A, 3500) is new
    assert len(cache.answers) == 1 and cache.size == 7


def test_g13_what_ended_is_forgotten_before_its_time_could_wrap():
    for now in STARTS:
        cache = Cache()
        cache.put(NAME + A, found(now, 86400))
        cache.put(NAME + SRV, found(now, 3))
        cache.purge(later(now, DAY_MS - 1))
        assert list(cache.answers) == [NAME + A]
        cache.purge(later(now, DAY_MS + 299999))
        assert cache.answers
        cache.purge(later(now, DAY_MS + 300000))
        assert not cache.answers and cache.size == 0


def test_g13_a_denial_is_an_answer_and_ends_the_old_one():
    for status in (NXDOMAIN, NODATA):
        cache = Cache()
        cache.put(NAME + A, found(0, 300))
        cache.put(NAME + A, denied(status, 5000, 60))
        assert cache.get(NAME + A, 6000).status == status
        assert cache.get(NAME + A, 5000 + 61000) is None


def test_rfc2308_nxdomain_for_the_name_nodata_for_the_type():
    cache = Cache()
    cache.put(NAME + A, denied(NXDOMAIN, 0, 60))
    assert cache.get(NAME + SRV, 1000).status == NXDOMAIN
    cache = Cache()
    cache.put(NAME + A, denied(NODATA, 0, 60))
    assert cache.get(NAME + SRV, 1000) is None


def test_rfc2308_nxdomain_holds_although_an_older_answer_of_a_type_has_ended():
    cache = Cache()
    cache.put(NAME + SRV, found(0, 3))
    cache.put(NAME + A, denied(NXDOMAIN, 1000, 60))
    assert cache.get(NAME + SRV, 2000).status == FOUND
    assert cache.get(NAME + SRV, 4000).status == NXDOMAIN


def test_rfc2308_nxdomain_behind_an_alias_is_not_of_the_name_itself():
    cache = Cache()
    cache.put(NAME + A, denied(NXDOMAIN, 0, 60, b"\x05other\x00"))
    assert cache.get(NAME + A, 1000).status == NXDOMAIN
    assert cache.get(NAME + SRV, 1000) is None


def test_rfc9520_failures_double_from_5_s_to_5_min():
    for start in STARTS:
        cache = Cache()
        now = start
        for wait_s in (5, 10, 20, 40, 80, 160, 300, 300):
            failure = cache.failed(NAME + A, 2, now)
            assert failure.status == 2 and failure.records is None
            assert diff(failure.expires, now) == wait_s * 1000
            assert cache.get(NAME + A, later(now, wait_s * 1000 - 1)) is failure
            assert cache.get(NAME + SRV, now) is None
            now = later(now, wait_s * 1000)
            assert cache.get(NAME + A, now) is None
        for answer in (found(now, 3), found(now, 0), denied(NXDOMAIN, now, 9)):
            cache.put(NAME + A, answer)
            assert diff(cache.failed(NAME + A, 2, now).expires, now) == 5000


def test_rfc9520_a_failure_after_an_answer_begins_at_5_s():
    cache = Cache()
    cache.put(NAME + A, found(0, 3))
    assert cache.failed(NAME + A, 2, 4000).ttl == 5


def test_rfc9520_failures_are_forgotten_five_minutes_after():
    for start in STARTS:
        cache = Cache()
        cache.failed(NAME + A, 2, start)
        cache.purge(later(start, 5000 + 299999))
        assert cache.failed(NAME + A, 2, later(start, 5000 + 299999)).ttl == 10
        cache.purge(later(start, 20000 + 600000))
        assert not cache.answers and cache.size == 0


def test_w9_bounded_in_entries_the_first_to_end_goes():
    cache = Cache()
    for i in range(40):
        cache.put(b"\x02%02d\x00" % i + A, found(0, 100 + (i * 7) % 40, ()))
        assert len(cache.answers) <= 24
    kept = sorted(answer.ttl for answer in cache.answers.values())
    assert kept[-1] == 139 and len(kept) == 24
    assert kept == list(range(116, 140))


def test_w9_bounded_in_bytes():
    cache = Cache()
    for i in range(20):
        cache.put(b"\x02%02d\x00" % i + A, found(0, 100 + i, ["192.0.2.1"] * 10))
    assert cache.size <= 192 and 1 < len(cache.answers) < 6
    cache.purge(later(0, DAY_MS))
    assert cache.size == 0
    cache.put(NAME + A, found(0, 100, ["192.0.2.1"] * 100))
    assert not cache.answers and cache.size == 0  # one that is too large by itself


def test_w9_one_large_answer_may_cost_several_small_ones():
    for start in STARTS:
        cache = Cache()
        for i in range(20):
            cache.put(b"\x02%02d\x00" % i + A, found(start, 100 + i))
        cache.put(NAME + A, found(start, 500, ["192.0.2.1"] * 40))
        kept = [answer.ttl for answer in cache.answers.values()]
        assert sorted(kept) == list(range(111, 120)) + [500] and cache.size <= 192


def test_w9_failures_are_bounded_too():
    cache = Cache()
    for i in range(40):
        cache.failed(b"\x02%02d\x00" % i + A, 2, i)
    assert len(cache.answers) == 24
    assert cache.get(b"\x0239\x00" + A, 40)
