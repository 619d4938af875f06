"""Random numbers for identifiers and draws, from a handed-in source of random bytes.

    chance = Chance(os.urandom)
    chance.below(10)      # 0 to 9, each as likely
    chance.token(8)       # b"9f86d081884c7d65"

Nothing here allocates more than the bytes drawn; numbers stay below 2**30.
"""

from binascii import hexlify


class Chance:
    def __init__(self, urandom):
        self.urandom = urandom

    def word(self):
        """16 random bits, 0 to 65535."""
        b = self.urandom(2)
        return b[0] << 8 | b[1]

    def below(self, n):
        """A uniform draw from 0 to n - 1, for n up to 2**30 - 1 (rejection, so without bias)."""
        while True:
            b = self.urandom(4)
            r = (b[0] & 0x3F) << 24 | b[1] << 16 | b[2] << 8 | b[3]
            if r < 0x3FFFFFFF - 0x3FFFFFFF % n:
                return r % n

    def token(self, size):
        """`size` random bytes as lower-case hexadecimal bytes."""
        return hexlify(self.urandom(size))
