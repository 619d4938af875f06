"""sip/md5.py: MD5 where hashlib has none."""

import hashlib
from binascii import hexlify

from srvphone.sip.md5 import md5


def test_rfc1321_a5_test_suite():
    letters = b"abcdefghijklmnopqrstuvwxyz"
    for text, digest in (
        (b"", b"d41d8cd98f00b204e9800998ecf8427e"),
        (b"a", b"0cc175b9c0f1b6a831c399e269772661"),
        (b"abc", b"900150983cd24fb0d6963f7d28e17f72"),
        (b"message digest", b"f96b697d7cb7938d525a2f31aaf161d0"),
        (letters, b"c3fcd3d76192e4007dfb496cca67e13b"),
        (letters.upper() + letters + b"0123456789", b"d174ab98d277d9f5a5611c2c9f419d9f"),
        (b"1234567890" * 8, b"57edf4a22be3c955ac49da2e2107b67a"),
    ):
        assert hexlify(md5(text)) == digest, text


def test_rfc1321_3_1_padding():
    """The length in bits takes 8 bytes: beyond 55 in a block of its own."""
    everything = bytes(range(256))
    # The MD5 of the MD5s of the first 0 to 129 bytes, so that no implementation is needed here.
    together = b"".join([md5(everything[-size:] if size else b"") for size in range(130)])
    assert hexlify(md5(together)) == b"43f5aed4f7c7a74c66114ed0918a39ff"
    assert hexlify(md5(b"\xff" * 1000)) == b"23cc517ae5734b068e21c92920a5ee02"


def test_same_as_hashlib():
    if not hasattr(hashlib, "md5"):
        return
    for size in (0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 500):
        text = bytes([i * i * 7 + size & 0xFF for i in range(size)])
        assert md5(text) == hashlib.md5(text).digest(), size
