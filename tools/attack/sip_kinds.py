"""SIP to the phone: honest answers, kinds of wrong ones to its requests, and requests.

    lines = answer(asked, 200, more)        # asked: a reader.Sip, what the phone sent
    data = joined(lines)
    data = CHALLENGE(draws, asked)          # any of ANSWERS: (name, function, seconds)
    data = OPTIONS(draws, to)               # any of REQUESTS: (name, function)

What makes an answer one to this request (Via with its branch, CSeq, Call-ID, From) is kept right,
so that what is odd about it is looked at; but for the kinds that damage just that.
`seconds` of a kind: for so long an honest phone may rest by what such an answer says.
RFC 3261 7, 8, 10, 20, 22; RFC 3581; RFC 7616.
"""

from attack.draws import accidents

LONG = 3888000  # s: the longest Expires that the phone takes
REFUSED = 1200  # s: the wait after a wrong password
SALT = (
    b"\r\n", b",", b";", b'"', b"<", b">", b"\xff", b"=", b":", b" ", b"\0", b"%s", b"401", b"503",
    b"423", b"stale=true", b"Expires: 99999999999\r\n", b"Retry-After: 9999999999999\r\n",
    b"\r", b"\n", b"\r\n ", b"\t", b"\\", b"()", b"Contact: <\r\n",
)  # fmt: skip
STATUSES = (
    100, 180, 183, 199, 200, 202, 299, 300, 302, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407,
    408, 410, 413, 414, 415, 416, 420, 421, 422, 423, 428, 429, 433, 437, 439, 469, 480, 481, 482,
    483, 484, 485, 486, 487, 488, 489, 491, 493, 494, 500, 501, 502, 503, 504, 505, 513, 555, 580,
    600, 603, 604, 606, 607, 699,
)  # fmt: skip
NUMBERS = (
    b"0", b"1", b"5", b"60", b"120", b"3600", b"86400", b"3888000", b"3888001", b"4294967295",
    b"4294967296", b"99999999999999999999999", b"-1", b"+5", b"", b" ", b"1.5", b"0x10", b"6 0",
    b"60;x", b"60 (comment)", b"60;duration=9", b"\xb2", b"000000060", b"NaN", b'"60"',
    b"Mon, 01 Jan 2035 00:00:00 GMT", b"5, 6", b"9" * 400,
)  # fmt: skip
SCHEMES = (b"Digest", b"digest", b"DIGEST", b"Basic", b"Bearer", b"NTLM", b"", b"Digest,", b'"')
REALMS = (
    b'"one.example"', b'"two.example"', b'"edge.example"', b'""', b"one.example",
    b'"x\\", uri=\\"sip:evil"', b'x", uri="sip:evil', b'"a\\\\"', b'"a\\"', b'"a', b"a\"b\"",
    b'"\xc3\xa4\xff"', b'"a\r\n b"', b'"a\r\n\tX-Evil: 1"', b'"a, b"', b"'a'",
    b'"' + b"r" * 255 + b'"',
    b'"' + b"r" * 300 + b'"', b'"' + b'\\"' * 120 + b'"', b'"a" b', b'"a"; b', b"a=b", b'"%s%d"',
)  # fmt: skip
NONCES = (
    b'"5afe"', b'""', b"5afe", b'"a\\"b"', b'"a, nonce=\\"b\\""', b'"a"b"',
    b'"' + b"n" * 256 + b'"', b'"' + b"n" * 257 + b'"', b'"\x01\x7f"', b'"a\r\n b"', b'"a\\',
    b'"=="', b'"a\\\\"', b'"a:b"',
)  # fmt: skip
MORE = (
    b"qop=auth", b'qop="auth"', b'qop="auth,auth-int"', b'qop="auth-int"', b"qop=", b'qop="x"',
    b"algorithm=MD5", b"algorithm=SHA-256", b'algorithm="SHA-256"', b"algorithm=md5-sess",
    b"algorithm=SHA-256-sess", b"algorithm=SHA-512-256", b"algorithm=", b"algorithm=MD5, x",
    b"algorithm=MD5\r\n ", b"stale=true", b"stale=TRUE", b'stale="true"', b"stale=false", b"stale",
    b'opaque="o"', b'opaque="o\\"p"', b'opaque="' + b"o" * 256 + b'"', b'domain="sip:x"', b"",
    b"userhash=true", b"charset=UTF-8", b'realm="again"', b'nonce="again"', b"=", b",,", b"nc=1",
    b'uri="sip:evil"', b'username="evil"', b'response="0"', b'cnonce="x"', b"x=" + b"y" * 500,
)  # fmt: skip
VIAS = (
    b";rport", b"; rport", b";rport ;x", b";rport-x=1;rport", b";rport=", b";rport=5060",
    b";RPORT", b";received=1.2.3.4", b";received=1.2.3.4;rport", b";rport;received=evil",
    b";received=1.1.1." + b"1" * 400, b";x=\";rport\"", b";x=\";rport", b";maddr=192.0.2.99",
    b";ttl=1", b";rport=99999", b";rport=0;x", b"", b";", b";;rport", b";rport\r\n ;y=1",
    b";received=\"a, b\";rport", b";\xff=\0", b";alias;rport;keep",
)  # fmt: skip
SENT_BY = (
    b"192.0.2.99:5060", b"192.0.2.99", b"host.example:5070", b"[2001:db8::1]:5060", b"[::1]",
    b"192.0.2.99:0", b"192.0.2.99:99999", b"192.0.2.99:x", b"192.0.2.99 : 5060", b":5060", b"",
    b"h" * 300, b"a:b:c", b"\xff\0",
)  # fmt: skip
METHODS = (
    b"OPTIONS", b"INVITE", b"CANCEL", b"BYE", b"NOTIFY", b"ACK", b"MESSAGE", b"REFER", b"UPDATE",
    b"SUBSCRIBE", b"PRACK", b"INFO", b"REGISTER", b"options", b"X-Y.Z", b"M" * 200, b"O\xff",
)  # fmt: skip
URIS = (
    b"sip:2001@192.0.2.1", b"sip:2001@192.0.2.1:5060;transport=udp", b"tel:+491234", b"*",
    b"http://x/", b"sips:2001@192.0.2.1", b"sip:", b"<sip:2001@192.0.2.1>", b"urn:service:sos",
    b"sip:2001@192.0.2.1?Replaces=1", b"SIP:%32001@192.0.2.1", b"sip:" + b"u" * 500, b"unknown:x",
    b"sip:2001@[::1]", b"\xff\0:",
)  # fmt: skip
TAILS = (
    b"", b";tag=abc", b";tag=", b";tag", b";TAG=abc", b";tag=a;tag=b", b";tag=\"x;y\"", b";x=\"",
    b";tag=" + b"t" * 300, b"\r\n ;tag=a", b";tag=\xff", b"?tag=1", b";tag=a\0b",
)  # fmt: skip
EXTRAS = (
    b"Require: nothingSupportsThis", b"Require: 100rel, timer", b"Require:", b"Supported: path",
    b"Proxy-Require: x", b"Max-Forwards: 0", b"Max-Forwards: -1", b"Max-Forwards: 70",
    b"Content-Type: application/sdp", b"Content-Encoding: gzip", b"Event: check-sync;reboot=true",
    b"Subscription-State: active", b"Authorization : Digest username=\"x\"", b"Accept: */*",
    b"Route: <sip:evil;lr>", b"Record-Route: <sip:a;lr>, <sip:b;lr>", b"Expires: 0", b"Date: x",
    b"Contact: <sip:evil@203.0.113.9>", b"Contact: *", b"Warning: 399 a \"b\"", b"X:\r\n y\r\n\tz",
    b"no colon here", b": no name", b"\xff\xfe: \0", b"Reason: SIP;cause=200", b"Replaces: a",
    b"Session-Expires: 1", b"Timestamp: 1", b"In-Reply-To: a", b"User-Agent: " + b"u" * 700,
)  # fmt: skip


def joined(lines, body=b"", end=b"\r\n"):
    return end.join(list(lines) + [b"", body])


def answer(asked, status, more=(), reason=b"Because"):
    """The lines of a response to what the phone asked, with Content-Length 0 at the end."""
    lines = [b"SIP/2.0 %d %s" % (status, reason)]
    for name, value in asked.headers:
        if name == b"to" and status > 100 and b";tag=" not in value:
            value += b";tag=server"
        if name in (b"via", b"from", b"to", b"call-id", b"cseq"):
            lines.append(name + b": " + value)
    return lines + list(more) + [b"Content-Length: 0"]


def right_200(asked):
    """What a registrar that takes all says: its Contact, its Expires."""
    more = []
    if asked.method == b"REGISTER":
        for value in asked.all(b"contact"):
            more.append(b"Contact: %s;expires=%s" % (value, asked.get(b"expires")))
        more.append(b"Expires: " + asked.get(b"expires"))
    return answer(asked, 200, more)


# Wrong answers.


def flip(draws, asked):
    status = draws.pick((200, 401, 423, 503))
    more = [b"Expires: 60", b"Min-Expires: 90", b"Retry-After: 5"]
    data = joined(answer(asked, status, more + [challenge_line(draws)]))
    return accidents(draws, data, SALT)


def cut(draws, asked):
    data = joined(right_200(asked))
    return data[: draws.below(len(data))]


def any_status(draws, asked):
    more = []
    if draws.chance(40):
        more.append(b"Retry-After: " + draws.pick(NUMBERS))
    if draws.chance(20):
        more.append(draws.pick(EXTRAS))
    return joined(answer(asked, draws.pick(STATUSES), more))


def closes(draws, asked):
    """503 with Retry-After, or an error of another class with it."""
    status = draws.pick((404, 480, 486, 500, 600)) if draws.chance(20) else 503
    seconds = draws.pick((b"3600", b"3600", b"3600", b"4000000000", draws.pick(NUMBERS)))
    return joined(answer(asked, status, [b"Retry-After: " + seconds]))


def challenge_line(draws, header=b""):
    if not header:
        header = draws.pick((b"WWW-Authenticate", b"WWW-Authenticate", b"Proxy-Authenticate"))
    parts = []
    if draws.chance(90):
        parts.append(b"realm=" + draws.pick(REALMS))
    if draws.chance(90):
        parts.append(b"nonce=" + draws.pick(NONCES))
    for _ in range(draws.below(5)):
        parts.append(draws.pick(MORE))
    if draws.chance(10):
        parts.append(parts[0] if parts else b"")
    comma = draws.pick((b", ", b",", b" , ", b",\r\n ", b" ", b";"))
    scheme = b"Digest" if draws.chance(80) else draws.pick(SCHEMES)
    return header + b": " + scheme + b" " + comma.join(parts)


def challenge(draws, asked):
    """One challenge or several, by every kind of grammar."""
    more = [challenge_line(draws) for _ in range(1 + draws.below(4))]
    return joined(answer(asked, draws.pick((401, 407)), more))


def sound_challenge(draws, asked):
    """A challenge that can be answered: of the right realm or an edge's, any algorithm."""
    status, header = draws.pick(((401, b"WWW"), (407, b"Proxy")))
    realm = draws.pick((b"one.example", b"two.example", b"edge.example"))
    nonce = draws.pick((b"n1", b"n2", b"%d" % draws.below(99999)))
    more = draws.pick((b"", b", stale=true", b', opaque="o"'))
    algorithm = draws.pick((b"", b", algorithm=SHA-256", b", algorithm=MD5"))
    value = b'%s-Authenticate: Digest realm="%s", nonce="%s", qop="auth"%s%s'
    return joined(answer(asked, status, [value % (header, realm, nonce, algorithm, more)]))


def many_challenges(draws, asked):
    count = 1 + draws.below(20)
    name = draws.pick((b"WWW-Authenticate", b"Proxy-Authenticate"))
    if draws.chance(50):
        return joined(answer(asked, 401, [challenge_line(draws, name) for _ in range(count)]))
    value = b'%s: Digest realm="r%d", nonce="n%d", qop="auth"'
    return joined(answer(asked, 401, [value % (name, i, i) for i in range(count)]))


def too_brief(draws, asked):
    more = []
    for _ in range(draws.pick((0, 1, 1, 1, 2))):
        more.append(draws.pick((b"Min-Expires: ", b"min-expires :")) + draws.pick(NUMBERS))
    return joined(answer(asked, 423, more))


def contact_value(draws, asked):
    own = asked.get(b"contact") or b"<sip:2001@192.0.2.1:5060>"
    value = draws.pick(
        (own, own, own, own.upper(), own.replace(b"20", b"%320"), own.replace(b">", b""), b"*",
         own.replace(b":5060", b""), b"<sip:2001@203.0.113.5:41022>", b'"a, b" ' + own, b"<",
         own[1:-1], b"<sip:%s>" % (b"c" * 400), b'"' + own, b"<tel:1>", b"<sip:\xff@\0>"),
    )  # fmt: skip
    if draws.chance(70):
        value += b";expires=" + draws.pick(NUMBERS)
    return value + draws.pick((b"", b"", b";q=0.5", b";expires=5", b";expires", b';x="', b";"))


def contacts(draws, asked):
    """200 with all kinds of Contact and Expires."""
    values = [contact_value(draws, asked) for _ in range(draws.below(9))]
    more = []
    if draws.chance(50):
        more = [b"Contact: " + value for value in values]
    elif values:
        more = [draws.pick((b"Contact: ", b"m:", b"CONTACT :")) + b", ".join(values)]
    for _ in range(draws.pick((0, 1, 1, 2))):
        more.append(b"Expires: " + draws.pick(NUMBERS))
    return joined(answer(asked, draws.pick((200, 200, 202)), more))


def grants(draws, asked):
    """200 that grants little, nothing, or more than was asked."""
    seconds = draws.pick((b"0", b"1", b"2", b"59", b"61", b"3600", b"3888000"))
    own = asked.get(b"contact")
    more = [[], [b"Expires: " + seconds], [b"Contact: %s;expires=%s" % (own, seconds)]]
    return joined(answer(asked, 200, draws.pick(more)))


def vias(draws, asked):
    """The Via in other clothes: twice, folded, compact, with other parameters, another branch."""
    lines = right_200(asked)
    via = lines[1].partition(b": ")[2]
    kind = draws.below(8)
    if kind == 0:
        lines.insert(1 + draws.below(2), b"Via: SIP/2.0/UDP 203.0.113.7;branch=z9hG4bKx")
    elif kind == 1:
        lines[1] = b"v: " + via
    elif kind == 2:
        lines[1] = b"Via: " + via.replace(b";", b"\r\n ;")
    elif kind == 3:
        lines[1] = b"Via: " + via + b", SIP/2.0/UDP x;branch=z9hG4bKy"
    elif kind == 4:
        lines[1] = b"Via: " + via.replace(b"z9hG4bK", b"Z9hg4Bk")
    elif kind == 5:
        del lines[1]
    else:
        host = draws.pick((b"198.51.100.7", b"1.1.1." + b"7" * 700, b"300.1.1.1", b"1.2.3", b""))
        port = draws.pick((b"", b"=41022", b"=0", b"=99999", b"=x", b"=" + b"5" * 90))
        rest = via.replace(b";rport", b"")
        lines[1] = b"Via: %s;received=%s;rport%s" % (rest, host, port)
    return joined(lines)


def headers(draws, asked):
    """A header missing, doubled, folded, long, binary, or 70 more of them."""
    lines = right_200(asked)
    for _ in range(1 + draws.below(3)):
        at = 1 + draws.below(len(lines) - 1)
        kind = draws.below(8)
        if kind == 0 and len(lines) > 2:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[at])
        elif kind == 2:
            lines[at] = lines[at].replace(b" ", draws.pick((b"\r\n ", b"\r\n\t  ", b"\t")))
        elif kind == 3:
            lines[at] += b";x=" + b"y" * draws.pick((100, 700, 1200))
        elif kind == 4:
            lines[at] += draws.urandom(20).replace(b"\r", b"").replace(b"\n", b"")
        elif kind == 5:
            lines += [b"X-%d: y" % i for i in range(draws.pick((20, 50, 60, 80)))]
        elif kind == 6:
            lines[at] = lines[at].replace(b":", draws.pick((b" :", b"\t:", b"::", b"")), 1)
        else:
            lines.insert(at, draws.pick(EXTRAS))
    return joined(lines)


def length(draws, asked):
    lines = right_200(asked)[:-1]
    for _ in range(draws.pick((0, 1, 1, 1, 2))):
        name = draws.pick((b"Content-Length: ", b"l: ", b"content-length :"))
        lines.append(name + draws.pick(NUMBERS + (b"1", b"2", b"4")))
    return joined(lines, draws.urandom(draws.pick((0, 1, 4, 60))))


def ends(draws, asked):
    """Line ends: early ones, bare LF, bare CR, none at the end, NUL before it all."""
    lines = right_200(asked)
    early = draws.pick((b"\r\n", b"\r\n\r\n", b"\n", b"\0\r\n", b"\r", b"\r\n" * 50, b" "))
    if draws.chance(50):
        return early + joined(lines)
    return joined(lines, b"", draws.pick((b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n\0")))


def start(draws, asked):
    """The start line: other versions, statuses that are none, reasons."""
    lines = right_200(asked)
    lines[0] = draws.pick(
        (b"SIP/3.0 200 OK", b"sip/2.0 200 ok", b"SIP/2.0 2000 OK", b"SIP/2.0 200", b"SIP/2.0",
         b"SIP/2.0  200 OK", b"SIP/2.0 99 X", b"SIP/2.0 700 X", b"SIP/2.0 -00 X", b"HTTP/1.1 200",
         b"SIP/2.0 200 " + b"r" * 900, b"SIP/2.0 200 \xff\0", b"SIP/2.0 20O OK", b"",
         b"SIP/2.0 200 Authorization: x", b"SIP/2.0 \xb2\xb2\xb2 X", b"SIP/2.0 200\tOK"),
    )  # fmt: skip
    return joined(lines)


def provisional(draws, asked):
    more = [draws.pick(EXTRAS)] if draws.chance(30) else []
    return joined(answer(asked, draws.pick((100, 180, 183, 199)), more))


def big(draws, asked):
    """A 200 with other bindings of the user, beyond what a frame carries."""
    own = asked.get(b"contact")
    count = 2 + draws.below(24)
    more = [b"Contact: <sip:2001@203.0.113.%d:5060;x=%s>;expires=50" % (i, b"x" * 60)
            for i in range(count)]  # fmt: skip
    if own:
        more.insert(draws.below(count), b"Contact: %s;expires=60" % own)
    data = joined(answer(asked, 200, more))
    return data[: draws.pick((1472, 2800, 3000, 4000))]


def refusal(draws, asked):
    return joined(answer(asked, 403))


ANSWERS = (
    ("sip flip", flip, LONG),
    ("sip cut", cut, 0),
    ("sip status", any_status, REFUSED),
    ("sip retry-after", closes, 0),
    ("sip challenge", challenge, REFUSED),
    ("sip sound challenge", sound_challenge, REFUSED),
    ("sip many challenges", many_challenges, REFUSED),
    ("sip 423", too_brief, 0),
    ("sip contacts", contacts, LONG),
    ("sip grants", grants, LONG),
    ("sip via", vias, 0),
    ("sip headers", headers, LONG),
    ("sip length", length, 0),
    ("sip line ends", ends, 0),
    ("sip start line", start, 0),
    ("sip provisional", provisional, 0),
    ("sip big", big, 0),
    ("sip refusal", refusal, REFUSED),
)

CLOSING = ("sip retry-after", "sip status", "sip flip")  # may hold a Retry-After


# Requests to the phone.


def request_lines(draws, method, number):
    """A request whose every header may be odd; `number` tells it from others."""
    odd = draws.chance(50)
    via = b"SIP/2.0/UDP %s;branch=z9hG4bK%d" % (draws.pick(SENT_BY[:4]), number)
    if odd:
        via = b"%s %s;branch=%s%d%s" % (
            draws.pick((b"SIP/2.0/UDP", b"SIP / 2.0 / UDP", b"SIP/2.0/TCP", b"X")),
            draws.pick(SENT_BY),
            draws.pick((b"z9hG4bK", b"", b'"z9hG4bK')),
            number,
            draws.pick(VIAS),
        )
    else:
        via += draws.pick(VIAS)
    uri = draws.pick(URIS) if odd else URIS[0]
    version = draws.pick((b"SIP/2.0", b"SIP/2.0", b"SIP/2.0", b"SIP/3.0", b"sip/2.0", b"HTTP/1.1"))
    tail = draws.pick(TAILS) if odd else b""
    return [
        b"%s %s %s" % (method, uri, version),
        b"Via: " + via,
        b"From: <sip:1001@example>" + (draws.pick(TAILS) if odd else b";tag=f"),
        b"To: <sip:2001@example>" + tail,
        b"Call-ID: call-%d" % number,
        b"CSeq: %d %s" % (1 + draws.below(3), method),
        b"Max-Forwards: 70",
        b"Content-Length: 0",
    ]


def sound_request(draws, number):
    return joined(request_lines(draws, draws.pick(METHODS[:5]), number))


def extra_request(draws, number):
    lines = request_lines(draws, draws.pick(METHODS), number)
    for _ in range(1 + draws.below(4)):
        lines.insert(1 + draws.below(len(lines) - 1), draws.pick(EXTRAS))
    return joined(lines)


def flipped_request(draws, number):
    data = joined(request_lines(draws, draws.pick(METHODS), number))
    return accidents(draws, data, SALT)


def many_vias(draws, number):
    lines = request_lines(draws, draws.pick(METHODS[:5]), number)
    for i in range(draws.pick((1, 5, 30, 70))):
        lines.insert(2, b"Via: SIP/2.0/UDP h%d:5060;branch=z9hG4bK%d;received=192.0.2.9" % (i, i))
    return joined(lines)


def long_request(draws, number):
    lines = request_lines(draws, draws.pick(METHODS), number)
    at = 1 + draws.below(5)
    lines[at] += draws.pick((b";", b"", b" ")) + b"z" * draws.pick((900, 1300, 2000, 2800))
    return joined(lines)


def request_body(draws, number):
    lines = request_lines(draws, draws.pick(METHODS), number)[:-1]
    body = draws.urandom(draws.below(200))
    lines.append(b"Content-Length: " + draws.pick(NUMBERS + (b"%d" % len(body),) * 9))
    return joined(lines, body)


def no_message(draws, number):
    """Keep-alives, STUN, noise."""
    return draws.pick(
        (b"", b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0", b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12),
         draws.urandom(draws.below(400)), b"\r" * 900, b"SIP/2.0 200 OK\r\n\r\n", b" ", b":" * 99,
         b"OPTIONS sip:x SIP/2.0\r\n" + b"a" * 1400, b"\n" * 1400, b"v:\n" * 400, b"OPTIONS"),
    )  # fmt: skip


REQUESTS = (
    ("request", sound_request),
    ("request, more headers", extra_request),
    ("request, flip", flipped_request),
    ("request, many vias", many_vias),
    ("request, long", long_request),
    ("request, body", request_body),
    ("no message", no_message),
)
