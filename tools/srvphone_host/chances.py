"""The exact chances of SRV orders (RFC 2782, rule G8), as fractions.

    first([1, 2], RFC2782)       # [Fraction(3, 8), Fraction(5, 8)]: weights 1 and 2
    orders([1, 2], RFC2782)      # {(0, 1): Fraction(3, 8), (1, 0): Fraction(5, 8)}

Both are for the records of one priority, given by their weights in the order of the answer; a
record is named by its place there. This is written from G8's closed formulas, independently of
`srvphone.locate.srv`, which tests compare with it. `by_arrangement` is the text of the RFC itself,
counted out: every arrangement, every draw.
"""

from fractions import Fraction
from itertools import permutations

from srvphone.locate.srv import HIGHEST_FIRST, PROPORTIONAL, RFC2782


def first(weights, policy=RFC2782):
    """The chance of each record to be picked first."""
    n = len(weights)
    total = sum(weights)
    if policy == HIGHEST_FIRST:
        best = weights.index(max(weights))
        return [Fraction(int(i == best)) for i in range(n)]
    if total == 0:
        return [Fraction(1, n)] * n
    if policy == PROPORTIONAL:
        return [Fraction(w, total) for w in weights]
    zeros = weights.count(0)
    if zeros:
        return [Fraction(w or Fraction(1, zeros)) / (total + 1) for w in weights]
    return [(w + Fraction(1, n)) / (total + 1) for w in weights]


def orders(weights, policy=RFC2782):
    """{order as a tuple of places: its chance}, for every order that is possible."""
    if not weights:
        return {(): Fraction(1)}
    found = {}
    for i, chance in enumerate(first(weights, policy)):
        if chance:
            for rest, of_rest in orders(weights[:i] + weights[i + 1 :], policy).items():
                order = (i,) + tuple(place + (place >= i) for place in rest)
                found[order] = chance * of_rest
    return found


def by_arrangement(weights):
    """The chance of each record to be picked first, as RFC 2782 and G8 tell it.

    Zero weights are put first; both groups are arranged at random; a draw from 0 to the sum
    inclusive takes the first record whose running sum is not below it.
    """
    places = range(len(weights))
    heads = list(permutations([i for i in places if weights[i] == 0]))
    tails = list(permutations([i for i in places if weights[i]]))
    total = sum(weights)
    chances = [Fraction(0)] * len(weights)
    each = Fraction(1, len(heads) * len(tails) * (total + 1))
    for head in heads:
        for tail in tails:
            for draw in range(total + 1):
                running = 0
                for i in head + tail:
                    running += weights[i]
                    if running >= draw:
                        chances[i] += each
                        break
    return chances
