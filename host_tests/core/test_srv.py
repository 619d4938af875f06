"""The order of SRV records (RFC 2782, G8): exact chances, by following every possible draw."""

import gc
import sys

from cases import Seeded
from srvphone.core import Core
from srvphone.locate.srv import HIGHEST_FIRST, PROPORTIONAL, RFC2782, order

TEST1 = b"\x05test1\x0bgrandstream\x03com\x00"
TEST2 = b"\x05test2\x0bgrandstream\x03com\x00"
GUIDE = [(2, 1, 5060, TEST1), (1, 1, 5060, TEST2)]  # frames 241 and 257 of the guide


def no_draw(n):
    raise AssertionError("below(%d) called where there is nothing to draw" % n)


def records(weights, priority=1):
    """Records of one priority; the port tells the place in the answer."""
    return [(priority, w, i, b"\x01%d\x00" % (9 - i)) for i, w in enumerate(weights)]


def orders(weights, policy):
    """{order as a tuple of places: exact chance}, counted over everything `below` may say."""
    found = {}
    script = []  # [draw, of how many] of the run, the last one is counted up
    while True:
        place = [0]

        def below(n, place=place):
            assert n > 0
            if place[0] == len(script):
                script.append([0, n])
            drawn = script[place[0]]
            assert drawn[1] == n
            place[0] += 1
            return drawn[0]

        key = tuple([r[2] for r in order(records(weights), policy, below)])
        chance = 1.0
        for _, n in script:
            chance /= n
        found[key] = found.get(key, 0) + chance
        while script and script[-1][0] == script[-1][1] - 1:
            script.pop()
        if not script:
            return found
        script[-1][0] += 1


def first(weights, policy):
    """G8's formulas for the first pick."""
    n = len(weights)
    total = sum(weights)
    zeros = len([w for w in weights if w == 0])
    if total == 0:
        return [1 / n] * n
    if policy == PROPORTIONAL:
        return [w / total for w in weights]
    if zeros:
        return [(w or 1 / zeros) / (total + 1) for w in weights]
    return [(w + 1 / n) / (total + 1) for w in weights]


def expected(weights, policy):
    """G8's formulas again for each next pick, without replacement."""
    if not weights:
        return {(): 1.0}
    found = {}
    for i, chance in enumerate(first(weights, policy)):
        for rest, of_rest in expected(weights[:i] + weights[i + 1 :], policy).items():
            if chance * of_rest:
                key = (i,) + tuple([p + 1 if p >= i else p for p in rest])
                found[key] = chance * of_rest
    return found


def alike(a, b):
    return sorted(a) == sorted(b) and all(abs(a[k] - b[k]) < 1e-9 for k in a)


WEIGHTS = (
    [1, 1],
    [1, 2],
    [2, 1],
    [10, 90],
    [60, 40],
    [0, 100],
    [100, 0],
    [0, 0],
    [0, 0, 10],
    [10, 0, 0],
    [1, 2, 3],
    [3, 3, 3],
    [0, 0, 0],
    [0, 1, 0, 2],
)


def test_g8_chances_of_the_rule_itself():
    for weights, want in (
        ([1, 1], [0.5, 0.5]),
        ([1, 2], [0.375, 0.625]),
        ([0, 0, 10], [1 / 22, 1 / 22, 10 / 11]),
        ([0, 100], [1 / 101, 100 / 101]),
        ([5], [1]),
    ):
        got = [0.0] * len(weights)
        for key, chance in orders(weights, RFC2782).items():
            got[key[0]] += chance
        assert all(abs(a - b) < 1e-9 for a, b in zip(got, want)), (weights, got)


def test_g8_rfc2782_every_order_has_its_exact_chance():
    for weights in WEIGHTS:
        assert alike(orders(weights, RFC2782), expected(weights, RFC2782)), weights


def test_g8_proportional_every_order_has_its_exact_chance():
    for weights in WEIGHTS:
        assert alike(orders(weights, PROPORTIONAL), expected(weights, PROPORTIONAL)), weights


def test_g8_the_policies_differ():
    assert not alike(orders([1, 2], RFC2782), orders([1, 2], PROPORTIONAL))
    assert not alike(orders([0, 100], RFC2782), orders([0, 100], PROPORTIONAL))


def test_g8_highest_first_is_decided_by_weight_then_by_the_answer():
    for weights, want in (
        ([1, 2], [1, 0]),
        ([1, 1], [0, 1]),
        ([5, 7, 5, 7, 0, 5], [1, 3, 0, 2, 5, 4]),
        ([0] * 9, list(range(9))),
    ):
        got = order(records(weights), HIGHEST_FIRST, no_draw)
        assert [r[2] for r in got] == want, weights
    low = records([1, 9, 1], 2)
    high = records([3, 3, 4], 1)
    mixed = [low[0], high[0], low[1], high[1], low[2], high[2]]
    got = order(mixed, HIGHEST_FIRST, no_draw)
    assert got == [high[2], high[0], high[1], low[1], low[0], low[2]]


def test_g8_ascending_priority_before_any_weight():
    for policy in (RFC2782, PROPORTIONAL, HIGHEST_FIRST):
        assert order(GUIDE, policy, no_draw) == [GUIDE[1], GUIDE[0]], policy
        many = [(p, 65535 - p, 5060, TEST1) for p in (9, 0, 65535, 7, 1, 256, 255)]
        got = [r[0] for r in order(many, policy, no_draw)]
        assert got == [0, 1, 7, 9, 255, 256, 65535], policy


def test_g8_draws_stay_inside_their_priority():
    chance = Core(Seeded(8).urandom, None)
    mixed = records([1, 2, 0], 2) + records([3, 0, 5], 1) + records([7], 3)
    for policy, possible in ((RFC2782, 36), (PROPORTIONAL, 4)):  # there, a 0 always comes last
        seen = []
        for _ in range(200):
            got = order(mixed, policy, chance.randbelow)
            assert [r[0] for r in got] == [1, 1, 1, 2, 2, 2, 3]
            assert sorted(got) == sorted(mixed)
            if got not in seen:
                seen.append(got)
        assert possible * 0.8 < len(seen) <= possible


def test_g8_the_answer_stays_as_it_was():
    given = records([3, 1, 2])
    before = given[:]
    got = order(given, RFC2782, lambda n: n - 1)
    assert given == before and got is not given
    assert all(any(r is g for g in given) for r in got)
    assert order([], RFC2782, no_draw) == []
    assert order(given[:1], HIGHEST_FIRST, no_draw) == given[:1]


def test_g8_the_largest_weights():
    many = [(1, 65535, i, TEST1) for i in range(60)]
    got = order(many, RFC2782, lambda n: n - 1)
    assert sorted(got) == many and got[0] == many[0]  # counted from the end
    assert order(many, PROPORTIONAL, lambda n: 0)[0] == many[59]


def test_g8_draws_of_the_real_generator():
    # chi-square, 3 degrees of freedom at most here: 16.3 is passed once in a thousand
    chance = Core(Seeded(2782).urandom, None)
    for weights in ([1, 2], [10, 90], [1, 2, 3], [0, 0, 10]):
        want = first(weights, RFC2782)
        counts = [0] * len(weights)
        for _ in range(1500):
            counts[order(records(weights), RFC2782, chance.randbelow)[0][2]] += 1
        square = sum([(c - 1500 * p) ** 2 / (1500 * p) for c, p in zip(counts, want)])
        assert square < 16.3, (weights, counts)


def test_g8_allocates_the_new_list_alone():
    if not hasattr(gc, "mem_alloc"):
        return
    word = 8 if sys.maxsize > 1 << 32 else 4
    gc.collect()
    order(GUIDE, RFC2782, no_draw)
    before = gc.mem_alloc()
    order(GUIDE, RFC2782, no_draw)
    assert gc.mem_alloc() - before == 8 * word
