"""MD5 (RFC 1321) where hashlib has none (many boards) or forbids it (some hosts).

    md5(b"abc")  # 16 bytes

A 32-bit word is two halves of 16 bits, low half first: a board, whose small integers have 31 bits,
then makes hardly any on the heap. Slow, and some 7 KB of passing heap for 64 bytes: meant for the
few short texts of a digest answer and for no other use. Limit: little-endian machines, as all are
that MicroPython runs on.
"""

from array import array

# floor(abs(sin(i)) * 2**32) for i from 1 to 64. The floats of a board are too short for it, hence
# sin(i + 1) = 2 * cos(1) * sin(i) - sin(i - 1), with 48 bits behind the point.
_SINES = array("H")
_last = 0
_sine = 0xD76AA4784867
while len(_SINES) < 128:
    _SINES += array("H", (abs(_sine) >> 16).to_bytes(4, "little"))
    _last, _sine = _sine, (_sine * 0x114A280FB5069 >> 48) - _last


def md5(data):
    """The hash of `data`, bytes of any length, as 16 bytes."""
    data += b"\x80" + bytes(55 - len(data) & 63) + (len(data) << 3).to_bytes(8, "little")
    state = array("H", b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10")
    m = 0xFFFF
    while data:
        x = array("H", data)
        data = data[64:]
        v = array("H", state)
        for i in range(64):
            turn = i >> 4
            k = (i, 5 * i + 1, 3 * i + 5, 7 * i)[turn] << 1 & 31
            s = b"\7\14\21\26\5\11\16\24\4\13\20\27\6\12\17\25"[turn << 2 | i & 3]
            a = -2 * i & 7  # where a stands in v; b, c and d follow it, and a follows d
            n = 0
            for h in range(a, a + 2):  # a += f(b, c, d) + x[k] + sine
                b = v[h - 6]
                c = v[h - 4]
                d = v[h - 2]
                b = (d ^ b & (c ^ d), c ^ d & (b ^ c), b ^ c ^ d, c ^ (b | d ^ m))[turn]
                n += v[h] + b + x[k | h & 1] + _SINES[i << 1 | h & 1]
                v[h] = n & m
                n >>= 16
            # a = b + (a rotated to the left by s); from 16 on the halves change places
            h = a | s >> 4
            c = v[h]
            d = v[h ^ 1]
            s &= 15
            n = (c << s & m | d >> 16 - s) + v[a - 6]
            v[a] = n & m
            v[a + 1] = (d << s | c >> 16 - s) + v[a - 5] + (n >> 16) & m
        for h in range(8):
            n = (n >> 16) * (h & 1) + state[h] + v[h]
            v[h] = n & m
        state = v
    return bytes(state)
