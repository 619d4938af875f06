"""sip/message.py: what is read, what is refused, what is built."""

import gc
import sys

from cases import CPYTHON, raises, vector
from srvphone.sip import message

VIA = b"Via: SIP/2.0/UDP 192.168.10.10:5060;branch=z9hG4bK77;rport=5060;received=192.168.10.10\r\n"
REST = (
    b"From: <sip:500@grandstream.com>;tag=1a2b\r\n"
    b"To: <sip:500@grandstream.com>;tag=z9\r\n"
    b"Call-ID: 5f3a@192.168.10.10\r\n"
    b"CSeq: 2 REGISTER\r\n"
)
UNAUTHORIZED = (
    b"SIP/2.0 401 Unauthorized\r\n"
    + VIA
    + REST
    + b'WWW-Authenticate: Digest realm="grandstream.com", nonce="ZSZ0bWUmdGJ1SH", qop="auth"\r\n'
    + b"Server: registrar (5.7.2 (x86_64/linux))\r\n"
    + b"Content-Length: 0\r\n\r\n"
)


def response(headers=b"", body=b"", start=b"SIP/2.0 200 OK\r\n"):
    return message.Message(start + VIA + REST + headers + b"\r\n" + body)


def refused(data):
    return raises(ValueError, message.Message, data)


def test_a_401_is_read():
    m = message.Message(UNAUTHORIZED)
    assert (m.status, m.method, m.uri, m.version) == (401, b"", b"", True)
    assert (m.cseq, m.cseq_method, m.body) == (2, b"REGISTER", b"")
    assert message.param(m.get(b"via"), b"branch") == b"z9hG4bK77"
    assert message.param(m.get(b"via"), b"rport") == b"5060"
    assert m.get(b"contact") == b"" and m.all(b"contact") == [] and m.lines(b"contact") == []


def test_a_request_is_read():
    m = message.Message(
        b"NOTIFY sip:500@192.168.10.10 SIP/2.0\r\n"
        + VIA
        + REST.replace(b"REGISTER", b"NOTIFY")
        + b"Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nyesno"
    )
    assert (m.status, m.method, m.uri) == (0, b"NOTIFY", b"sip:500@192.168.10.10")
    assert (m.cseq, m.cseq_method, m.body, m.version) == (2, b"NOTIFY", b"yes", True)


def text(value):
    return None if value is None else value.decode()


def test_rfc4475_messages():
    for case in vector("rfc4475.json")["cases"]:
        name = case["name"]
        expect = case["expect"]
        data = "\r\n".join(case["lines"]).encode()
        if "bad" in expect:
            refused(data)
            continue
        m = message.Message(data)
        for attribute in ("method", "uri", "status", "version", "cseq"):
            got = getattr(m, attribute)
            got = text(got) if isinstance(got, bytes) else got
            assert got == expect.get(attribute, got), (name, attribute, got)
        assert len(m.body) == expect.get("body", len(m.body)), name
        for header, values in expect.get("all", {}).items():
            got = [text(value) for value in m.all(header.encode())]
            assert got == values, (name, header, got)
            assert text(m.get(header.encode())) == (values or [""])[0], (name, header)
        for header, uri in expect.get("uri_of", {}).items():
            assert text(message.uri_of(m.get(header.encode()))) == uri, (name, header)
        for header, key, value in expect.get("param", []):
            got = text(message.param(m.get(header.encode()), key.encode()))
            assert got == value, (name, header, key, got)
        for header, limit, value in expect.get("number", []):
            assert message.number(m.get(header.encode()), limit) == value, (name, header)


def test_rfc3261_7_3_3_compact_forms():
    forms = "v via,f from,t to,i call-id,m contact,l content-length,c content-type,k supported"
    names = [form.split(" ") for form in forms.split(",")]
    lines = [b"%s\t: %s\r\n" % (short.upper().encode(), short.encode()) for short, _ in names]
    m = message.Message(
        b"SIP/2.0 200 OK\r\nCSeq: 1 X\r\n" + b"".join(lines).replace(b": l", b": 0") + b"\r\n"
    )
    for short, name in names:
        assert m.all(name.encode()) == [b"0" if short == "l" else short.encode()], name
    # What is only a part of the table is no name in it.
    for name in (
        b"allow",
        b"events",
        b"contact-x",
        b"-to",
        b"date",
        b"ia",
        b" ",
        b"vvia",
        b"via f",
    ):
        assert m.lines(name) == [], name
    # Nor is a letter one that differs in its highest bit, or has something behind it.
    for line in (b"\xf6: x", b"\xd6: x", b"v x: y", b"vv: x", b"\x16: x", b"v"):
        m = message.Message(UNAUTHORIZED.replace(b"Server: ", line + b"\r\nServer: "))
        assert len(m.lines(b"via")) == 1, line


def test_rfc3261_7_3_1_folded_lines():
    m = response(b"Contact:\r\n <sip:a@b>\r\n\t;q=1\r\nSubject: one\n  two\r\n \r\n three\r\n")
    assert m.get(b"contact") == b"<sip:a@b> ;q=1"
    assert m.get(b"subject") == b"one two  three"
    # What goes on before the first header belongs to none.
    m = message.Message(b"SIP/2.0 200 OK\r\n X: y\r\n" + VIA + REST + b"\r\n")
    assert m.lines(b"x") == [] and m.get(b"via")


def test_bare_lf_ends_a_line():
    m = message.Message(UNAUTHORIZED.replace(b"\r\n", b"\n") + b"rest")
    assert m.status == 401 and m.body == b""
    assert m.get(b"cseq") == b"2 REGISTER"


def test_w5_a_lone_cr_is_refused():
    for old, new in (
        (b"registrar", b"a\rX-Other: b"),
        (b"\r\n\r\n", b"\r\n\rX: y\r\n\r\n"),
        (b"\r\n\r\n", b"\r\n\r\r\n\r\n"),
        (b"Unauthorized", b"Unauthorized\rX: y"),
        (b" 0\r\n", b" 0\r\r\n"),
    ):
        assert old in UNAUTHORIZED
        refused(UNAUTHORIZED.replace(old, new))
    assert response(body=b"a\rb").body == b"a\rb"


def test_lines_that_are_no_header_are_passed_over():
    m = response(b"junk\r\n: none\r\n\xff\xfe: \x00\r\nContact : <sip:a@b>\r\n<sip:c@d>\r\n")
    assert m.all(b"contact") == [b"<sip:a@b>"]


def test_repeated_headers_and_lists_in_order():
    m = response(
        b'Contact: "A, \\"B\\", <C>" <sip:a@b;x=,>;q=1, <sip:c@d>\r\nk: a,b\r\nm: ,<sip:e@f>,\r\n'
        b"SUPPORTED: c\r\nAllow:\r\n"
    )
    first = b'"A, \\"B\\", <C>" <sip:a@b;x=,>;q=1'
    assert m.all(b"contact") == [first, b"<sip:c@d>", b"<sip:e@f>"]
    assert m.get(b"contact") == first
    assert message.uri_of(first) == b"sip:a@b;x=,"
    assert m.all(b"supported") == [b"a", b"b", b"c"]
    assert m.all(b"allow") == [] and m.get(b"allow") == b"" and m.lines(b"allow") == [b""]
    assert m.lines(b"supported") == [b"a,b", b"c"]


def test_w5_start_lines():
    rest = b"\r\n" + VIA + REST + b"\r\n"
    for start in (
        b"", b"SIP/2.0", b"SIP/2.0 20 OK", b"SIP/2.0 2000 OK", b"SIP/2.0 0200 OK",
        b"SIP/2.0 099 X", b"SIP/2.0 700 X", b"SIP/2.0 2x0 OK", b"SIP/2.0 -20 OK",
        b"SIP/2.0  200 OK", b"SIP/3.0 200 OK", b"HTTP/1.1 200 OK", b"REGISTER", b"REGISTER sip:a",
        b"REGISTER SIP/2.0", b"REGISTER sip:a HTTP/1.1", b"REGISTER sip:a SIP/2.0 x", b"\x00\x00",
    ):  # fmt: skip
        refused(start + rest)
    for status in (100, 699):
        assert message.Message(b"SIP/2.0 %d" % status + rest).status == status
    assert message.Message(b"sip/2.0 404 Not  Found " + rest).status == 404
    assert message.Message(b"SIP/2.0 100 " + rest).status == 100
    assert message.Message(b"REGISTER sip:a sip/2.0" + rest).version
    assert message.Message(b"REGISTER sip:a SIP/2.0" + rest).version
    assert not message.Message(b"REGISTER sip:a SIP/2.1" + rest).version


def test_w5_not_sip_at_all():
    for data in (
        b"",
        b"\r\n",
        b"\r\n\r\n",
        b"\x00",
        b"\n" * 1472,
        b"\xff" * 1472,
        b"SIP/2.0 200 OK",
    ):
        refused(data)


def test_w5_every_cut_of_a_message_is_refused():
    for end in range(len(UNAUTHORIZED)):
        refused(UNAUTHORIZED[:end])


def test_w5_bounds():
    longest = UNAUTHORIZED.replace(b"registrar", b"r" * (2800 - len(UNAUTHORIZED) + 9))
    whole = message.Message(longest)
    assert len(longest) == 2800 and whole.status == 401 and not whole.cut
    assert message.Message(longest + b" ").cut
    assert response(b"a:\n" * 59, b"x").body == b"x"  # 64 header lines
    refused(b"SIP/2.0 200 OK\n" + VIA + REST + b"a:\n" * 60 + b"\n")


def test_rfc3261_18_3_content_length():
    for length, body in ((b"0", b""), (b"4", b"body"), (b"6", b"body\r\n"), (b"0004", b"body")):
        assert response(b"Content-Length: " + length + b"\r\n", b"body\r\n").body == body
    assert response(b"", b"body\r\n").body == b"body\r\n"
    for length in (b"7", b"-1", b"+4", b"4 4", b"4,4", b"4;x", b"0x4", b"", b"9" * 400, b"4.0"):
        data = b"SIP/2.0 200 OK\r\n" + VIA + REST + b"l: " + length + b"\r\n\r\nbody\r\n"
        refused(data)


def test_rfc3261_8_1_1_5_cseq():
    def with_cseq(value):
        return UNAUTHORIZED.replace(b"2 REGISTER", value)

    assert message.Message(with_cseq(b"2147483647\t OPTIONS")).cseq == 0x7FFFFFFF
    assert message.Message(with_cseq(b"1073741824 OPTIONS")).cseq == 1 << 30
    assert message.Message(with_cseq(b"0 OPTIONS")).cseq_method == b"OPTIONS"
    for value in (
        b"",
        b"1",
        b"REGISTER",
        b"2147483648 A",
        b"1 A B",
        b"-1 A",
        b"1A A",
        b"1 A, 1 A",
    ):
        refused(with_cseq(value))


def test_number():
    assert message.number(b"3888000", 3888000) == 3888000
    assert message.number(b"0" * 1000 + b"70", 255) == 70
    for value in (b"", b"3888001", b"9" * 1400, b"-1", b" 1", b"1 ", b"1e3", b"\xb2"):
        assert message.number(value, 3888000) == -1, value
    assert message.number(b"2147483648", 0x7FFFFFFF) == -1
    assert message.number(b"0", 0) == 0


def test_param():
    value = b'"x;tag=no\\";tag=no" <sip:a@b;tag=no>;TAG = yes ;Flag; quoted="a;\\"b,c";empty=;=x'
    assert message.param(value, b"tag") == b"yes"
    assert message.param(value, b"flag") == b""
    assert message.param(value, b"quoted") == b'a;\\"b,c'
    assert message.param(value, b"empty") == b""
    assert message.param(value, b"fla") is None
    assert message.param(b"sip:a@b;tag=1;tag=2", b"tag") == b"1"
    for value in (b"", b";", b'"', b"<", b"<sip:a@b;tag=1", b'"a;tag=1', b"tag=1", b">;tagx=1"):
        assert message.param(value, b"tag") is None, value


def test_uri_of():
    for value, uri in (
        (b"<sip:a@b;lr>;tag=1", b"sip:a@b;lr"), (b"sip:a@b;tag=1", b"sip:a@b"), (b"*", b"*"),
        (b'"<sip:x@y>\\\\" <sip:a@b>', b"sip:a@b"), (b'"\\"<x>" <sip:a@b>', b"sip:a@b"),
        (b"", b""), (b"<sip:a@b", b""), (b'"<sip:a@b>', b""), (b"<>", b""), (b'<a"@b>', b'a"@b'),
    ):  # fmt: skip
        assert message.uri_of(value) == uri, value


def test_split():
    def split(value):
        return message.split(value, ord(","))

    assert split(b' a ,"b,\\\\",, <c,"> ,d') == [b"a", b'"b,\\\\"', b"", b'<c,">', b"d"]
    assert split(b'"a\\\\\\",b",c') == [b'"a\\\\\\",b"', b"c"]
    assert split(b'<a">,b') == [b'<a">', b"b"]
    assert split(b"") == [b""] and split(b" ,\t, ") == [b"", b"", b""]
    for value in (b'a"b,', b"a<b,", b'a"b,\\', b'"\\",'):
        assert split(value) == [value]
    assert message.split(b"a;b,c") == [b"a;b", b"c"]


def test_unquote_keeps_escapes():
    assert message.unquote(b'"a\\"b\\\\"') == b'a\\"b\\\\'
    assert message.unquote(b"token") == b"token" and message.unquote(b'""') == b""
    assert message.unquote(b'"a"b') == b"a"


def test_reading_a_401_takes_little_memory():
    if CPYTHON:
        return
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    message.Message(UNAUTHORIZED)
    taken = gc.mem_alloc() - before
    gc.enable()
    assert taken < (1500 if sys.maxsize > 0x7FFFFFFF else 750), taken
