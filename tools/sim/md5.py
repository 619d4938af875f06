"""MD5 (RFC 1321) of the simulator's own, for interpreters whose hashlib has none.

Straight from the RFC's text, with floats of 64 bits: it shares nothing with the phone's.
"""

from math import floor, sin

_SHIFTS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))


def _sines():
    # RFC 1321 3.4: T[i] is the integer part of 4294967296 * abs(sin(i)), i in radians
    return [floor(4294967296 * abs(sin(i))) for i in range(1, 65)]


def md5(data):
    """The digest of `data` as 32 hexadecimal digits, text."""
    table = _sines()
    bits = len(data) * 8
    data += b"\x80" + bytes((55 - len(data)) % 64)
    data += bits.to_bytes(8, "little")
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    for start in range(0, len(data), 64):
        words = [int.from_bytes(data[i : i + 4], "little") for i in range(start, start + 64, 4)]
        a, b, c, d = state
        for i in range(64):
            if i < 16:
                f, k = b & c | ~b & d, i
            elif i < 32:
                f, k = d & b | ~d & c, 5 * i + 1
            elif i < 48:
                f, k = b ^ c ^ d, 3 * i + 5
            else:
                f, k = c ^ (b | ~d & 0xFFFFFFFF), 7 * i
            f = a + (f & 0xFFFFFFFF) + table[i] + words[k % 16] & 0xFFFFFFFF
            n = _SHIFTS[i // 16][i % 4]
            a, d, c, b = d, c, b, b + (f << n | f >> 32 - n) & 0xFFFFFFFF
        state = [x + y & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d))]
    return b"".join(x.to_bytes(4, "little") for x in state).hex()
