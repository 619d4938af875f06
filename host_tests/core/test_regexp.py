"""The matcher for the regexp field of a NAPTR record (RFC 3402, G6), and its bounds."""

import gc
import sys

from srvphone.locate import regexp

NAME = b"test.grandstream.com"


def apply(field, subject):
    """What the matcher makes of it; None where it raises."""
    try:
        return regexp.apply(field, subject)
    except (ValueError, IndexError):
        return None


def matched(pattern, subject, flags=b""):
    """What of the subject the pattern matches, or None."""
    out = apply(b"!" + pattern + b"!<>!" + flags, subject)
    if out is None:
        return None
    start = out.index(b"<>")
    return subject[start : len(subject) - (len(out) - start - 2)]


def test_g6_regexp_makes_a_name():
    for field, subject, want in (
        (b"!^.*$!_sip._udp.test.grandstream.com!", NAME, b"_sip._udp.test.grandstream.com"),
        (b"!^(.*)$!_sip._udp.\\1!", NAME, b"_sip._udp.test.grandstream.com"),
        (b"!^test\\.(.+)$!sip.\\1!", NAME, b"sip.grandstream.com"),
        (b"!^TEST\\.(.+)$!sip.\\1!i", NAME, b"sip.grandstream.com"),
        (b"!^TEST\\.(.+)$!sip.\\1!", NAME, None),
        (b"!^test\\.(.+)$!\\1!i", b"TEST.Grandstream.COM", b"Grandstream.COM"),
        (b"!^([^.]+)\\.([^.]+)\\.(.*)$!\\2.\\1.\\3!", NAME, b"grandstream.test.com"),
    ):
        assert apply(field, subject) == want, field


def test_rfc3404_the_examples_of_the_uri_specification():
    # RFC 3404 2 and 4.4: the domain of a content identifier, the authority of a URI
    field = b"!^cid:.+@([^\\.]+\\.)(.*)$!\\2!i"
    assert apply(field, b"cid:199606121851.1@bar.example.com") == b"example.com"
    assert apply(b"!^http://([^/:]+)!\\1!i", b"HTTP://www.example.com/x") == b"www.example.com/x"


def test_rfc3402_any_delimiter_but_a_digit_a_backslash_and_i():
    for c in b"!/|#,:;=@~^.*(Xz ":
        c = bytes((c,))
        assert apply(c + b"a" + c + b"b" + c, b"xay") == b"xby", c
        assert apply(c + b"A" + c + b"b" + c + b"i", b"xay") == b"xby", c
    for c in b"0123456789\\iI":
        c = bytes((c,))
        assert apply(c + b"a" + c + b"b" + c, b"xay") in (None,) or c == b"I", c


def test_rfc3402_three_delimiters_exactly():
    for field in (b"", b"!", b"!!", b"!a!", b"!a!b", b"!a!b!!", b"!a!b!c!", b"!a!b!!i", b"!!b!"):
        assert apply(field, b"a") is None, field
    assert apply(b"!a\\!b!c!", b"xa!bx") == b"xcx"
    assert apply(b"!a!b\\!c!", b"a") == b"b!c"
    assert apply(b"!a\\\\!b!", b"xa\\x") == b"xbx"
    assert apply(b"!a!b\\\\!", b"a") == b"b\\"
    assert apply(b"!a!b\\!", b"a") is None
    assert apply(b"!a!!", b"xay") == b"xy"


def test_rfc3402_the_only_flag_is_i():
    assert apply(b"!A!b!i", b"a") == b"b"
    for flags in (b"g", b"ii", b"ig", b" ", b"x"):
        assert apply(b"!a!b!" + flags, b"a") is None, flags


def test_g6_regexp_literals_sets_and_edges():
    for pattern, subject, want in (
        (b"b", b"abc", b"b"),
        (b"x", b"abc", None),
        (b"a.c", b"xabcx", b"abc"),
        (b"a.c", b"ac", None),
        (b"[bc]", b"abc", b"b"),
        (b"[a-c]+", b"xabcx", b"abc"),
        (b"[^a-c]+", b"abxyc", b"xy"),
        (b"[]a]+", b"x]a]x", b"]a]"),
        (b"[^]a]+", b"]xy]", b"xy"),
        (b"[a-]+", b"x-a-x", b"-a-"),
        (b"[.*]+", b"a.*b", b".*"),
        (b"[\\]", b"a\\", b"\\"),
        (b"[A-z]+", b"1aZ_1", b"aZ_"),
        (b"\\.", b"a.b", b"."),
        (b"\\*\\+\\?", b"a*+?b", b"*+?"),
        (b"\\$\\^\\(\\)\\|\\[\\{", b"$^()|[{", b"$^()|[{"),
        (b"a}]", b"a}]", b"a}]"),
        (b"^b", b"ab", None),
        (b"^a", b"ab", b"a"),
        (b"a$", b"aa", b"a"),
        (b"a$", b"ab", None),
        (b"^$", b"", b""),
        (b"^$", b"a", None),
        (b"(^a|b$)", b"cb", b"b"),
        (b"\xff", b"a\xffb", b"\xff"),
    ):
        assert matched(pattern, subject) == want, (pattern, subject)


def test_g6_regexp_repeats():
    for pattern, subject, want in (
        (b"a*", b"aaab", b"aaa"),
        (b"a*", b"baa", b""),
        (b"a+", b"baa", b"aa"),
        (b"a+", b"b", None),
        (b"ba?", b"baa", b"ba"),
        (b"ba?c", b"bc", b"bc"),
        (b"(ab)*c", b"xababc", b"ababc"),
        (b"(a*)*", b"aab", b"aa"),
        (b"(a*)+b", b"aab", b"aab"),
        (b"(a|b|c)*d", b"abcabcd", b"abcabcd"),
        (b"((a|b)c)+", b"acbcab", b"acbc"),
        (b"x*", b"", b""),
    ):
        assert matched(pattern, subject) == want, (pattern, subject)


def test_g6_regexp_leftmost_then_longest():
    for pattern, subject, want in (
        (b"a|ab|abc", b"xabcd", b"abc"),
        (b"abc|bcde", b"abcde", b"abc"),
        (b"bcde|abc", b"abcde", b"abc"),
        (b"(a|ab)(c|bcd)", b"abcd", b"abcd"),
        (b"b*|a", b"abb", b"a"),
        (b"a.*c|b", b"ba", b"b"),
        (b"abcd|bc", b"abcx", b"bc"),
        (b"a(b|bc|bcd)?", b"abcdabcd", b"abcd"),
    ):
        assert matched(pattern, subject) == want, (pattern, subject)


def test_g6_regexp_groups_in_the_replacement():
    for field, subject, want in (
        (b"!(a)(b)(c)!\\3\\2\\1!", b"xabcx", b"xcbax"),
        (b"!((a)b)!\\1-\\2!", b"ab", b"ab-a"),
        (b"!(a)|(b)!<\\1\\2>!", b"b", b"<b>"),
        (b"!(a)*!<\\1>!", b"aa", b"<a>"),
        (b"!(.)*!<\\1>!", b"abc", b"<c>"),
        (b"!(a|ab)(c|bcd)!\\1-\\2!", b"abcd", b"a-bcd"),
        (b"!(a*)(a*)!\\1-\\2!", b"aaa", b"aaa-"),
        (b"!(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)!\\9!", b"abcdefghij", b"i"),
        (b"!a!\\1!", b"a", None),
        (b"!(a)!\\2!", b"a", None),
        (b"!(a)!\\0!", b"a", None),
        (b"!(a)!&\\&\\n!", b"a", b"&&n"),
        (b"!(a)!\\\\1!", b"a", b"\\1"),
    ):
        assert apply(field, subject) == want, field


def test_g6_regexp_what_is_malformed():
    for pattern in (
        b"*",
        b"+a",
        b"a**",
        b"a+?",
        b"(*a)",
        b"a|*",
        b"{2}",
        b"a{",
        b"a{}",
        b"a{,2}",
        b"a{x}",
        b"a{-1}",
        b"a{2,1}",
        b"a{1,-1}",
        b"a{1,2,3}",
        b"a{2}",
        b"a{2,}",
        b"(a|b){2,3}",
        b"(",
        b")",
        b"a)",
        b"(a",
        b"a)(b",
        b"((a)",
        b"[",
        b"[]",
        b"[a",
        b"[^]",
        b"[a-",
        b"[b-a]",
        b"[b-aa]",
        b"[[:alpha:]]",
        b"[[.a.]]",
        b"\\d",
        b"\\1",
        b"(a)\\1",
        b"\\",
    ):
        assert apply(b"!" + pattern + b"!x!", b"aa{}aab[]11d") is None, pattern


def test_g6_regexp_patterns_made_to_take_long():
    for pattern in (b"(a*)*b", b"(a|a)*b", b"(a|aa)+$", b"(.*)(.*)(.*)[^ac]", b"((a*)*)*b"):
        assert apply(b"!^" + pattern + b"!x!", b"a" * 60 + b"c") is None, pattern
    assert matched(b"(a*)*b", b"a" * 60 + b"b") == b"a" * 60 + b"b"
    for pattern in (b"b|" * 99 + b"b", b"^" * 200 + b"b", b"b" * 200, b"[a-z]" * 40 + b"$"):
        assert apply(b"!x" + pattern + b"!x!", b"a" * 60) is None, pattern


def test_g6_regexp_bound_of_10_groups_and_so_of_the_recursion():
    for open, close in ((b"(", b")"), (b"()", b"")):
        for n, want in ((10, b"x"), (11, None), (100, None)):
            assert apply(b"!" + open * n + b"a" + close * n + b"!x!", b"a") == want, n
    assert apply(b"!" + b"(" * 120 + b"a" + b")*" * 65 + b"!x!", b"a") is None


def test_g6_regexp_bound_of_2000_steps():
    # three a byte: a repetition, the place that it is tried at, the place that "$" is tried at
    assert apply(b"!^a*$!x!", b"a" * 664) == b"x"
    assert apply(b"!^a*$!x!", b"a" * 665) is None
    assert apply(b"!(a*)(a*)(a*)$!x!", b"a" * 165) is None


def cost(pattern, subject, steps=2000):
    """How many steps a pattern takes; more than `steps`: it was refused."""
    left = [steps]
    try:
        regexp.apply(b"!" + pattern + b"!x!", subject, left)
    except (ValueError, IndexError):
        pass
    return steps - left[0]


def test_g6_regexp_what_a_set_costs_is_counted():
    wide = b"\x02-\xff"
    for count in (1, 20, 81):  # each member is read once, however often the set is repeated
        assert cost(b"^[" + wide * count + b"]*$", b"a") == 12 + count, count
    for pattern in (
        b"[" + wide * 81 + b"]*\xfe",
        b"[^" + b"\x02-\x03" * 80 + b"]*\xfe",
        b"([" + b"bcdefgh" * 30 + b"]|a)*$z",
        b"[^" + b"bcdefgh" * 30 + b"]*$z",
        b"[b-y]*[c-z]*[d-w]" * 14,
    ):
        assert apply(b"!" + pattern + b"!x!", NAME * 3) is None, pattern
        assert 1900 < cost(pattern, NAME * 3) < 2300, pattern


def test_g6_regexp_a_set_makes_no_bytes():
    if not hasattr(gc, "mem_alloc"):
        return
    word = 8 if sys.maxsize > 1 << 31 else 4
    field = b"![" + b"\x02-\xff" * 81 + b"]*\xfe!x!"
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    assert apply(field, NAME) is None
    used = gc.mem_alloc() - before
    gc.enable()
    assert used < 30000 * word, used  # all that 2,000 steps leave behind; it was 8 MB a word


def test_g6_regexp_bound_of_256_bytes():
    for n, want in ((250, b"x"), (251, b"x"), (252, None)):
        assert apply(b"!^" + b"a" * n + b"!x!", b"a" * n) == want, n


def test_g6_regexp_bound_of_the_result():
    assert apply(b"!^(.*)$!\\1\\1!", b"a" * 127) == b"a" * 254
    assert apply(b"!^(.*)$!\\1\\1!", b"a" * 128) is None
