"""G8 by count: 100,000 whole orders for each case, against the exact chances (chi-square).

A wrong policy must be told from the right one by p < 1e-6. What one draw says about 10/90 is so
little that it takes 400,000; for 60/40 (0.5990 against 0.6) it would take nine million. There
`core/test_srv.py`, which follows every possible draw, has to do.
"""

from math import exp, lgamma, log

import pytest

from cases import Seeded
from srvphone.account import Account
from srvphone.core import Core
from srvphone.locate import srv
from srvphone_host import chances

CASES = ([1, 1], [1, 2], [10, 90], [60, 40], [0, 100], [0, 0], [0, 0, 10], [1, 2, 3])
POLICIES = (chances.RFC2782, chances.PROPORTIONAL)


def upper_gamma(a, x):
    """The regularized upper incomplete gamma function Q(a, x)."""
    if x <= 0:
        return 1.0
    scale = exp(a * log(x) - x - lgamma(a))
    if x < a + 1:  # series of the lower one
        term = total = 1 / a
        k = a
        while term > total * 1e-15:
            k += 1
            term *= x / k
            total += term
        return 1 - scale * total
    b = x + 1 - a  # continued fraction (Lentz)
    c = 1e300
    d = 1 / b
    h = d
    for i in range(1, 1000):
        an = -i * (i - a)
        b += 2
        d = 1 / (an * d + b)
        c = b + an / c
        h *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return scale * h


def p_value(counts, expected):
    """How likely counts at least as far from the chances `expected` are."""
    draws = sum(counts.values())
    if any(key not in expected for key in counts):
        return 0.0
    square = sum((counts.get(k, 0) - draws * p) ** 2 / (draws * p) for k, p in expected.items())
    return upper_gamma((len(expected) - 1) / 2, square / 2) if len(expected) > 1 else 1.0


def count(weights, policy, draws):
    records = [(1, w, i, b"\x00") for i, w in enumerate(weights)]
    below = Core(Seeded(sum(weights) * 1000 + policy).urandom, None).randbelow
    counts = {}
    for _ in range(draws):
        key = tuple([r[2] for r in srv.order(records, policy, below)])
        counts[key] = counts.get(key, 0) + 1
    return counts


def as_floats(weights, policy):
    return {key: float(p) for key, p in chances.orders(weights, policy).items()}


def test_the_p_value_is_the_one_of_the_tables():
    for freedom, square, p in ((1, 10.828, 0.001), (5, 20.515, 0.001), (2, 4.605, 0.1)):
        assert upper_gamma(freedom / 2, square / 2) == pytest.approx(p, rel=1e-3)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("weights", CASES, ids=str)
def test_g8_orders_come_as_often_as_they_should(weights, policy):
    draws = 400_000 if weights == [10, 90] else 100_000
    counts = count(weights, policy, draws)
    right = as_floats(weights, policy)
    assert p_value(counts, right) > 0.001
    wrong = as_floats(weights, POLICIES[policy == chances.RFC2782])
    if wrong != right and weights != [60, 40]:
        assert p_value(counts, wrong) < 1e-6


@pytest.mark.parametrize("weights", CASES, ids=str)
def test_g8_highest_first_is_always_the_same_order(weights):
    (key,) = chances.orders(weights, chances.HIGHEST_FIRST)
    assert count(weights, chances.HIGHEST_FIRST, 50) == {key: 50}
    assert chances.orders(weights, chances.HIGHEST_FIRST)[key] == 1


@pytest.mark.parametrize("weights", [*CASES, [0, 0, 3, 4], [2, 2, 2], [0, 5, 0]], ids=str)
def test_g8_the_formulas_are_what_the_text_of_the_rfc_comes_to(weights):
    assert chances.first(weights) == chances.by_arrangement(weights)


@pytest.mark.parametrize("policy", [*POLICIES, chances.HIGHEST_FIRST])
@pytest.mark.parametrize("weights", CASES, ids=str)
def test_g8_chances_sum_to_one_and_agree(weights, policy):
    whole = chances.orders(weights, policy)
    assert sum(whole.values()) == 1
    for i, chance in enumerate(chances.first(weights, policy)):
        assert sum(p for key, p in whole.items() if key[0] == i) == chance


def test_g8_the_rule_s_own_examples():
    as_texts = [str(c) for w in ([1, 1], [1, 2], [0, 0, 10]) for c in chances.first(w)]
    assert as_texts == ["1/2", "1/2", "3/8", "5/8", "1/22", "1/22", "10/11"]


def test_g8_the_policies_are_those_of_the_settings():
    policies = Account.fields["srv_weight_policy"].split("|")
    assert [policies.index(text) for text in ("rfc2782", "proportional", "highest-first")] == [
        chances.RFC2782,
        chances.PROPORTIONAL,
        chances.HIGHEST_FIRST,
    ]
