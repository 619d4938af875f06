"""Digest credentials, the client's side (RFC 7616, RFC 8760, RFC 3261 22).

    found, malformed = digest.challenges(m.lines(b"www-authenticate"), secret)
    c = found[0]                # of each realm the topmost that can be answered
    value = c.credentials(b"REGISTER", uri, user, secret, cnonce)  # for Authorization

A secret is the password, bytes, or ("ha1", hex), the hash of user:realm:password: 32 digits serve
MD5, 64 serve SHA-256. Algorithms MD5, MD5-sess, SHA-256, SHA-256-sess; qop auth or none (the form
of RFC 2069). A Challenge belongs to one server and counts its own nc (G17).

What does not follow the grammar is not answered, since its parts go back to the server as they
came: a parameter is a token or a whole quoted string, without control characters, and stands there
once (RFC 7235 2.1). Unquoted values are taken more widely than as tokens: some servers write a
nonce so.

Realm and nonce go back with the escapes they came with, and are hashed without: unq() in RFC 7616
3.4 is the value of a quoted string, and in that a quoted-pair counts as its second character (RFC
7230 3.2.6). userhash, domain and charset are passed over, and so is the nextnonce of a 2xx: it
would save the 401 that a nonce which ran out costs. Limits: 256 bytes a field. A
Challenge keeps nothing of the secret.
"""

import hashlib

from micropython import const

from .message import is_quoted, split, unquote

_VALUE_MAX = const(256)


class Challenge:
    """One challenge that can be answered.

    .values  what came, by name: b"realm", b"nonce", perhaps b"opaque", b"algorithm", others
    .stale   True: the nonce was too old, nothing is said of the password
    .nc      how often the nonce was used
    .header  the name of the header that its credentials stand in
    """

    def __init__(self, values):
        self.values = values
        self.stale = values.get(b"stale", b"").lower() == b"true"
        self.nc = 0
        self.header = b""
        self.sha = False  # SHA-256, else MD5
        self.sess = b""  # b"" without -sess
        self.qop = b"auth" in split(values.get(b"qop", b"").lower())  # auth, else none
        self.first: "tuple" = ()  # -sess: the nonce and the cnonce of the first use

    def realm(self):
        return self.values[b"realm"]

    def nonce(self):
        return self.values[b"nonce"]

    def credentials(self, method, uri, user, secret, cnonce):
        """The value of (Proxy-)Authorization, bytes; nc is one higher each time.

        uri: the Request-URI as it is sent. cnonce: a token, new each time.
        """
        self.nc += 1
        fields = self.values
        realm = fields[b"realm"]
        nonce = _plain(fields[b"nonce"])
        if isinstance(secret, tuple):
            key = secret[1].lower()
        else:
            key = self._hash(user, _plain(realm), secret)
        if self.sess:
            # RFC 7616 3.4.2: the key is made once, with the first nonce and cnonce. That cnonce is
            # also sent on: a server that takes it from each request arrives at the same key.
            first = self.first = self.first or (nonce, cnonce)
            cnonce = first[1]
            key = self._hash(key, *first)
        answer = self._hash(method, uri)
        more = b""
        if b"opaque" in fields:
            more = b', opaque="%s"' % fields[b"opaque"]
        if self.qop:
            answer = b"%08x:%s:auth:%s" % (self.nc, cnonce, answer)
            more += b', qop=auth, nc=%08x, cnonce="%s"' % (self.nc, cnonce)
        return (
            b'Digest username="%s", realm="%s", nonce="%s", uri="%s", '
            b'response="%s", algorithm=%s%s'
        ) % (
            user.replace(b"\\", b"\\\\").replace(b'"', b'\\"'),
            realm,
            fields[b"nonce"],
            uri,
            self._hash(key, nonce, answer),
            fields[b"algorithm"],
            more,
        )

    def _hash(self, *texts):
        """Lower-case hex of the hash of the texts, joined by colons."""
        data = b":".join(texts)
        if self.sha:
            data = hashlib.sha256(data).digest()
        else:
            try:
                data = hashlib.md5(data).digest()
            except (AttributeError, ValueError):  # many boards lack it, some hosts forbid it
                from .md5 import md5

                data = md5(data)
        return data.hex().encode()


def challenges(values, secret=b""):
    """([Challenge, ...], is one malformed?): of each realm the topmost that can be answered (RFC
    8760 2.4), in their order.

    values: of all WWW-Authenticate or all Proxy-Authenticate lines, in order; one may hold
    several challenges. secret: its kind says what it can answer.
    """
    found = []
    realms = []
    malformed = False
    for scheme, parameters in _split(values):
        if scheme != b"digest":
            continue
        fields = _fields(parameters)
        if fields is None:
            malformed = True
            continue
        challenge = _made(fields, secret)
        if challenge and challenge.realm() not in realms:
            realms.append(challenge.realm())
            found.append(challenge)
    return found, malformed


def _split(values):
    """[(scheme in lower case, its parameters), ...] of all lines."""
    found = []
    for value in values:
        parameters = []  # before the first scheme there are none
        for part in split(value):
            words = part.partition(b"=")[0].split()
            if len(words) > 1 or part and b"=" not in part:  # here the next challenge begins
                parameters = []
                found.append((words[0].lower(), parameters))
                part = part[len(words[0]) :].strip()
            if part:  # else between two commas, as lists may have it
                parameters.append(part)
    return found


def _fields(parameters):
    """{name in lower case: value} of a challenge, None if it is malformed."""
    fields = {}
    for parameter in parameters:
        name, equals, value = parameter.partition(b"=")
        name = name.strip().lower()
        value = _value(value.strip())
        if not (equals and name) or name in fields or b'"' in name or value is None:
            return None
        fields[name] = value
    return fields


def _value(text):
    """What a parameter's value stands for, escapes as they came; None if it is none."""
    if text[:1] == b'"':
        if not is_quoted(text):
            return None
        text = unquote(text)
    else:
        for c in text:
            if c < 33 or c in b'"\\<>':
                return None
        if not text:
            return None
    for c in text:
        if c < 32 and c != 9 or c == 127:
            return None
    return text if len(text) <= _VALUE_MAX else None


def _made(fields, secret):
    """The Challenge of these parameters, or None if it can't be answered."""
    name, sess, more = fields.setdefault(b"algorithm", b"MD5").upper().partition(b"-SESS")
    c = Challenge(fields)
    c.sha = name == b"SHA-256"
    c.sess = sess
    if (
        b"realm" in fields
        and b"nonce" in fields
        and (c.sha or name == b"MD5")
        and not more
        and (c.qop or not (fields.get(b"qop") or sess))
        and (isinstance(secret, bytes) or len(secret[1]) == 32 << c.sha)
    ):
        return c
    return None


def _plain(value):
    """What a quoted string stands for: each quoted-pair gives way to its second character."""
    # No header value holds an LF.
    return value.replace(b"\\\\", b"\n").replace(b"\\", b"").replace(b"\n", b"\\")
