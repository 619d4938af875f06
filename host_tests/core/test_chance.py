"""Random numbers from handed-in bytes."""

from cases import Seeded
from srvphone.chance import Chance


def test_below_is_uniform_and_in_range():
    chance = Chance(Seeded(7).urandom)
    for n in (1, 2, 3, 10, 1000):
        counts = {}
        for _ in range(2000):
            r = chance.below(n)
            assert 0 <= r < n
            counts[r] = counts.get(r, 0) + 1
        if n <= 10:
            assert len(counts) == n
            for r in counts:
                assert abs(counts[r] - 2000 // n) < 250 // n + 100


def test_below_refuses_what_would_favour_small_numbers():
    draws = [b"\x3f\xff\xff\xff", b"\xe0\x00\x00\x00", b"\x1f\xff\xff\xff", b"\x00\x00\x00\x00"]
    chance = Chance(lambda n: draws.pop(0))
    assert chance.below(1 << 29) == (1 << 29) - 1  # of the first 2**29; the top is drawn again
    assert chance.below(1 << 29) == 0


def test_token_and_word():
    chance = Chance(lambda n: bytes(range(n)))
    assert chance.token(4) == b"00010203"
    assert chance.word() == 1
