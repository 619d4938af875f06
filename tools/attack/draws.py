"""Every random choice of the campaign: one key, one sequence, on every interpreter.

    draws = Draws(seed, number)
    draws.below(6), draws.chance(30), draws.pick(choices), draws.urandom(8)

Three small multiplicative generators (Wichmann and Hill, 1982), so that no number needs more than
the 31 bits of a board. Good enough to choose by; no secret may come from it.
"""


class Draws:
    def __init__(self, *key):
        """key: whole numbers."""
        h = 1
        for number in key:
            h = (h * 31 + number * 17) % 0x7FFFFF
        self.a = 1 + h % 30268
        self.b = 1 + h * 7 % 30306
        self.c = 1 + h * 13 % 30322
        for _ in range(12):
            self.below(2)

    def below(self, n):
        """0 to n - 1."""
        self.a = a = self.a * 171 % 30269
        self.b = b = self.b * 172 % 30307
        self.c = c = self.c * 170 % 30323
        return (a << 15 ^ b << 7 ^ c) % n

    def chance(self, percent):
        return self.below(100) < percent

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def urandom(self, n):
        """So many bytes."""
        out = bytearray(n)
        for i in range(n):
            out[i] = self.below(256)
        return bytes(out)


def accidents(draws, data, salt):
    """The bytes after 1 to 4 accidents: something put in, taken out, overwritten, a bit turned."""
    data = bytearray(data)
    for _ in range(1 + draws.below(4)):
        at = draws.below(len(data) + 1)
        kind = draws.below(4)
        if kind == 0:
            data = data[:at] + draws.pick(salt) + data[at:]
        elif kind == 1:
            data = data[:at] + data[at + draws.below(20) :]
        elif at < len(data):
            data[at] = draws.below(256) if kind == 2 else data[at] ^ 1 << draws.below(8)
    return bytes(data)
