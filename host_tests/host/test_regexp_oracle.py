"""The matcher of `locate/regexp.py` against CPython's `re`, which the firmware never uses (G6)."""

import re
from random import Random

from srvphone.locate import regexp

ATOMS = ("a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", "\\.")
REPEATS = ("", "", "", "*", "+", "?")


def apply(field, subject):
    """What the matcher makes of it; None where it raises what it may raise."""
    try:
        return regexp.apply(field, subject)
    except (ValueError, IndexError):
        return None


def pattern(random, depth=3):
    """A random pattern without edges."""
    ways = []
    for _ in range(random.choice((1, 1, 2, 3))):
        way = ""
        for _ in range(random.randrange(1, 4)):
            inner = random.random() < 0.3 and depth
            atom = "(%s)" % pattern(random, depth - 1) if inner else random.choice(ATOMS)
            way += atom + random.choice(REPEATS)
        ways.append(way)
    return "|".join(ways)


def leftmost_longest(compiled, subject):
    for start in range(len(subject) + 1):
        for end in range(len(subject), start - 1, -1):
            if compiled.fullmatch(subject, start, end):
                return start, end
    return None


def test_g6_regexp_finds_what_re_says_is_leftmost_and_longest():
    random = Random(3402)
    found = 0
    for _ in range(3000):
        text = pattern(random)
        if len(text) > 60:
            continue
        subject = "".join(random.choice("abc.") for _ in range(random.randrange(8)))
        field = b"!%s!<>!" % text.encode()
        out = apply(field, subject.encode())
        want = leftmost_longest(re.compile(text), subject)
        if want:
            start, end = want
            found += 1
            assert out == (subject[:start] + "<>" + subject[end:]).encode(), (text, subject)
        else:
            assert out is None, (text, subject)
    assert 1000 < found < 2900


def test_g6_regexp_edges_agree_with_re():
    random = Random(3403)
    for _ in range(2000):
        text = pattern(random, 1)
        text = random.choice(("^(%s)$", "^(%s)", "(%s)$", "(^%s|c$)")) % text
        subject = "".join(random.choice("abc.") for _ in range(random.randrange(6)))
        out = apply(b"!%s!<>!" % text.encode(), subject.encode())
        want = re.search(text, subject)
        assert (out is None) == (want is None), (text, subject)
        if want:
            assert out.index(b"<>") == want.start(), (text, subject)


def test_g6_regexp_never_raises():
    random = Random(3404)
    for _ in range(20000):
        size = random.randrange(24)
        field = bytes(random.choice(b"!!!ab()[]{}*+?|^$\\-,.:12i\xff") for _ in range(size))
        out = apply(b"!" + field, b"aab12")
        assert out is None or len(out) <= 255
