"""sip/digest.py: which challenge is answered, and with what."""

import hashlib
from binascii import hexlify

from srvphone.sip import digest, message
from srvphone.sip.md5 import md5

URI = b"sip:grandstream.com"
BASIC = b'realm="grandstream.com", nonce="n1"'


def challenge(values, secret=b""):
    """The topmost challenge that can be answered, or None."""
    found, _ = digest.challenges(values, secret)
    return found[0] if found else None


def hashed(algorithm, *texts):
    """Hex of a hash, not by way of digest.py."""
    text = b":".join(texts)
    if algorithm == b"SHA-256":
        return hexlify(hashlib.sha256(text).digest())
    return hexlify(hashlib.md5(text).digest() if hasattr(hashlib, "md5") else md5(text))


def challenged(*fields):
    c = challenge([b"Digest " + b", ".join(fields)])
    assert c
    return c


def answer(c, secret=b"secret", cnonce=b"c1", user=b"500"):
    """The fields of the credentials, by name, as they stand there."""
    value = c.credentials(b"REGISTER", URI, user, secret, cnonce)
    assert value[:7] == b"Digest "
    fields = {}
    for field in message.split(value[7:]):
        name, _, text = field.partition(b"=")
        assert name not in fields
        fields[name] = text
    return fields


def quoted(text):
    return b'"' + text + b'"'


def test_rfc7616_3_9_1_both_algorithms():
    for algorithm, response in (
        (b"SHA-256", b"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        (b"MD5", b"8ca523f5e9506fed4657c9700eebdbec"),
    ):
        c = challenged(
            b'realm="http-auth@example.org"',
            b'qop="auth, auth-int"',
            b"algorithm=" + algorithm,
            b'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"',
            b'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
        )
        cnonce = b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
        value = c.credentials(b"GET", b"/dir/index.html", b"Mufasa", b"Circle of Life", cnonce)
        assert value == (
            b'Digest username="Mufasa", realm="http-auth@example.org",'
            b' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html",'
            b' response="' + response + b'", algorithm=' + algorithm + b","
            b' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", qop=auth, nc=00000001,'
            b' cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"'
        )


def test_rfc2617_3_5_example():
    c = challenged(
        b'realm="testrealm@host.com"',
        b'qop="auth,auth-int"',
        b'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
        b'opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    )
    value = c.credentials(b"GET", b"/dir/index.html", b"Mufasa", b"Circle Of Life", b"0a4f113b")
    assert b', response="6629fae49393a05397450978507c4ef1", algorithm=MD5, ' in value


def test_rfc2069_without_qop():
    fields = answer(challenged(BASIC, b'opaque=""'))
    ha1 = hashed(b"MD5", b"500", b"grandstream.com", b"secret")
    ha2 = hashed(b"MD5", b"REGISTER", URI)
    assert fields == {
        b"username": b'"500"',
        b"realm": b'"grandstream.com"',
        b"nonce": b'"n1"',
        b"uri": quoted(URI),
        b"response": quoted(hashed(b"MD5", ha1, b"n1", ha2)),
        b"algorithm": b"MD5",
        b"opaque": b'""',
    }


def test_rfc3261_22_4_what_is_quoted_and_echoed():
    fields = answer(challenged(BASIC, b'qop="auth"', b"algorithm=mD5", b'opaque="o,\\"=p"'))
    assert fields[b"qop"] == b"auth"
    assert fields[b"nc"] == b"00000001"
    assert fields[b"cnonce"] == b'"c1"'
    assert fields[b"algorithm"] == b"mD5"
    assert fields[b"opaque"] == b'"o,\\"=p"'
    assert b"opaque" not in answer(challenged(BASIC))


def test_rfc7616_3_4_2_session_key_is_made_once():
    for algorithm in (b"MD5", b"SHA-256"):
        c = challenged(BASIC, b'qop="auth"', b"algorithm=" + algorithm + b"-sess")
        key = hashed(algorithm, b"500", b"grandstream.com", b"secret")
        key = hashed(algorithm, key, b"n1", b"c1")
        ha2 = hashed(algorithm, b"REGISTER", URI)
        for nc, cnonce in ((1, b"c1"), (2, b"c2")):
            fields = answer(c, b"secret", cnonce)
            texts = (key, b"n1", b"%08x" % nc, b"c1", b"auth", ha2)
            assert fields[b"response"] == quoted(hashed(algorithm, *texts)), (algorithm, nc)
            assert fields[b"cnonce"] == b'"c1"' and fields[b"algorithm"] == algorithm + b"-sess"


def test_rfc7616_ha1_instead_of_the_password():
    for algorithm in (b"MD5", b"SHA-256", b"MD5-sess", b"SHA-256-sess"):
        ha1 = hashed(algorithm.replace(b"-sess", b""), b"500", b"grandstream.com", b"secret")
        for key in (ha1, ha1.upper()):
            c = challenged(BASIC, b'qop="auth"', b"algorithm=" + algorithm)
            d = challenged(BASIC, b'qop="auth"', b"algorithm=" + algorithm)
            assert answer(c, ("ha1", key)) == answer(d, b"secret"), algorithm


def test_rfc8760_2_4_topmost_that_can_be_answered():
    def chosen(secret, *values):
        c = challenge(values, secret)
        return c and c.values[b"nonce"]

    sha512 = b'Digest realm="r", nonce="512", algorithm=SHA-512-256, qop="auth"'
    sha256 = b'Digest realm="r", nonce="256", algorithm=SHA-256, qop="auth"'
    md5_ = b'Digest realm="r", nonce="md5", algorithm=MD5, qop="auth"'
    assert chosen(b"x", sha512, sha256, md5_) == b"256"
    assert chosen(b"x", md5_, sha256) == b"md5"
    assert chosen(b"x", sha512) is None
    assert chosen(b"x") is None
    ha1 = ("ha1", b"0" * 32)
    assert chosen(ha1, sha256, md5_) == b"md5"
    assert chosen(ha1, sha256) is None
    assert chosen(("ha1", b"0" * 64), md5_, sha256) == b"256"
    assert chosen(("ha1", b"0" * 31), md5_, sha256) is None
    # Several in one header line, other schemes before, between and after.
    assert chosen(b"x", b"NTLM, " + sha512 + b", " + sha256 + b"," + md5_) == b"256"
    assert chosen(b"x", b'Basic realm="r", Bearer a=b, ' + md5_ + b", Basic realm=x") == b"md5"
    assert chosen(b"x", b"Negotiate YWJj==, " + md5_) == b"md5"
    assert chosen(b"x", b'Basic realm="r", nonce="n"', b"Digest") is None


def test_rfc7616_3_3_algorithm_token():
    for text in (b"MD5", b"md5", b'"MD5"', b"MD5-sess", b'"sha-256"', b"SHA-256-SESS"):
        c = challenged(BASIC, b'qop="auth"', b"algorithm = " + text)
        assert answer(c)[b"algorithm"] == text.replace(b'"', b"")
    for text in (
        b"MD",
        b"MD55",
        b"SHA",
        b"SHA-1",
        b"SHA-512",
        b"MD5-",
        b"-sess",
        b"MD-sess5",
        b"MD5-sessx",
        b"SHA-256-",
        b"S",
        b"AKAv1-MD5",
    ):
        values = [b"Digest " + BASIC + b', qop="auth", algorithm=' + text]
        assert challenge(values) is None, text


def test_rfc7616_3_3_qop_list():
    for text in (b'"auth"', b"auth", b'"auth-int,auth"', b'"x , AUTH"', b"Auth"):
        assert answer(challenged(BASIC, b"qop=" + text))[b"qop"] == b"auth"
    for text in (b'"auth-int"', b'"authx"', b'"x"', b'","'):
        assert challenge([b"Digest " + BASIC + b", qop=" + text]) is None, text
    assert b"qop" not in answer(challenged(BASIC, b'qop=""'))
    # -sess needs a cnonce, and that is sent with qop alone.
    assert challenge([b"Digest " + BASIC + b", algorithm=MD5-sess"]) is None


def test_rfc7616_3_4_escapes_are_echoed_and_not_hashed():
    c = challenged(b'realm="a\\"b\\\\\\c"', b'nonce="n\\1"', b'qop="auth"')
    fields = answer(c, user=b'x"\\y')
    assert fields[b"realm"] == b'"a\\"b\\\\\\c"'
    assert fields[b"nonce"] == b'"n\\1"'
    assert fields[b"username"] == b'"x\\"\\\\y"'
    ha1 = hashed(b"MD5", b'x"\\y', b'a"b\\c', b"secret")
    ha2 = hashed(b"MD5", b"REGISTER", URI)
    response = hashed(b"MD5", ha1, b"n1", b"00000001", b"c1", b"auth", ha2)
    assert fields[b"response"] == quoted(response)


def test_w3_stale():
    for text, stale in ((b"true", True), (b"TRUE", True), (b'"True"', True), (b"false", False)):
        assert challenged(BASIC, b"stale=" + text).stale is stale
    assert challenged(BASIC).stale is False


def test_g17_nc_counts_per_nonce():
    c = challenged(BASIC, b'qop="auth"')
    assert c.nc == 0
    assert [answer(c)[b"nc"] for _ in range(11)][-1] == b"0000000b"
    assert c.nc == 11
    other = challenged(BASIC, b'qop="auth"')
    assert answer(other)[b"nc"] == b"00000001"
    assert answer(c)[b"nc"] == b"0000000c"


def test_w5_challenges_that_can_not_be_used():
    long = b"x" * 257
    for value in (
        b"",
        b"Digest",
        b"Digest ,,",
        b"digest=",
        b"=",
        b'Digest realm="r"',
        b'Digest nonce="n"',
        b'Digest realm="r" nonce="n"',
        b'Digest realm="r, nonce="n"',
        b'Digest realm="r", nonce="%s"' % long,
        b'Digest realm="%s", nonce="n"' % long,
        b'Digest realm="r", nonce="n", opaque="%s"' % long,
        b'Digest opaque="%s", realm="r", nonce="n"' % long,
        b'realm="r", nonce="n"',
        b'Basic digest, realm="r", nonce="n"',
        b'Digest credentials="r", __class__="x", nc=7',
    ):
        assert challenge([value]) is None, value
    exact = long[:-1]
    assert challenged(b'realm="%s", nonce="%s", opaque="%s"' % (exact, exact, exact))
    # An unknown field can't reach what is not the peer's.
    c = challenged(BASIC, b"nc=7", b"first=x", b"sha=1", b"credentials=x", b"userhash=true")
    assert c.nc == 0 and answer(c)[b"username"] == b'"500"'


def test_sloppy_white_space_and_case():
    c = challenge([b'DIGEST\t REALM = "r" ,nOnce= "n",\topaque ="o"'])
    assert [c.values[name] for name in (b"realm", b"nonce", b"opaque")] == [b"r", b"n", b"o"]


def test_no_secret_is_kept():
    c = challenged(BASIC, b'qop="auth"', b"algorithm=MD5-sess")
    key = ("ha1", b"abcdef0123456789abcdef0123456789")
    for secret in (b"pass word", key):
        answer(c, secret)
        kept = repr(c) + repr([getattr(c, name) for name in dir(c)])
        assert "pass word" not in kept and "abcdef" not in kept
        assert hashed(b"MD5", b"500", b"grandstream.com", b"pass word").decode() not in kept
