"""SIP URIs, compared as RFC 3261 19.1.4 says.

    same(b"sip:%32002@Example.com;lr", b"sip:2002@example.com")    # True

Scheme, host and parameters are compared without case, the user with it; an escape is the character
it stands for, unless that is a reserved one; a port that is left out is not 5060. What cannot be
read is equal to nothing.
"""

from micropython import const

from .message import split

_SEMICOLON = const(59)
_HEX_DIGITS = const(b"0123456789ABCDEF")
_RESERVED = const(b";/?:@&=+$,")  # RFC 3261 25.1
_NEEDS_BOTH = const((b"user", b"ttl", b"method", b"maddr"))  # 19.1.4: alone in one, it differs


def same(a, b):
    """Are two URIs (bytes) equal?"""
    a = _read(a)
    b = _read(b)
    if not (a and b) or a[:3] != b[:3]:
        return False
    for mine, other in ((a[3], b[3]), (b[3], a[3])):
        for name in mine:
            if other.get(name, mine[name]) != mine[name]:
                return False
            if name in _NEEDS_BOTH and name not in other:
                return False
    return True


def _read(uri):
    """(scheme, user, host and port with the headers, {parameter: value}), or None."""
    scheme, colon, rest = uri.partition(b":")
    user, at, place = rest.partition(b"@")
    if not at:
        user, place = b"", rest
    user = unescaped(user)
    place, question, headers = place.partition(b"?")
    parts = split(place, _SEMICOLON)
    if not (colon and parts[0]) or user is None:
        return None
    parameters = {}
    for part in parts[1:]:
        name, _, value = part.lower().partition(b"=")
        parameters[name.strip()] = value.strip()
    headers = sorted(headers.split(b"&"))
    return scheme.strip().lower(), user, (parts[0].strip().lower(), headers), parameters


def unescaped(text):
    """`text` with its escapes resolved but for reserved characters, None if one is malformed."""
    pieces = text.split(b"%")
    out = pieces[0]
    for piece in pieces[1:]:
        digits = piece[:2].upper()
        if len(digits) < 2 or digits.strip(_HEX_DIGITS):
            return None
        c = bytes((int(digits, 16),))
        out += (b"%" + digits if c in _RESERVED else c) + piece[2:]
    return out
