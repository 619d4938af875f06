"""Digest credentials, the client's side (RFC 7616, RFC 8760, RFC 3261 22).

    c = digest.challenge(m.lines(b"www-authenticate"), secret)  # None: none we can answer
    value = c.credentials(b"REGISTER", uri, user, secret, cnonce)  # for Authorization

A secret is the password, bytes, or ("ha1", hex), the hash of user:realm:password: 32 digits serve
MD5, 64 serve SHA-256. Algorithms MD5, MD5-sess, SHA-256, SHA-256-sess; qop auth or none (the form
of RFC 2069). A Challenge belongs to one server and counts its own nc (G17). A SIP message with
challenges of several realms gets an answer to the topmost alone.

Realm and nonce go back with the escapes they came with, and are hashed without: unq() in RFC 7616
3.4 is the value of a quoted string, and in that a quoted-pair counts as its second character (RFC
7230 3.2.6). userhash, domain and charset are passed over, and so is the nextnonce of a 2xx: it
would save the 401 that a nonce which ran out costs. Limits: 256 bytes a field. A
Challenge keeps nothing of the secret.
"""

import hashlib

from .message import split, unquote


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


def challenge(values, secret=b""):
    """The topmost Challenge that can be answered (RFC 8760 2.4), or None.

    values: of all WWW-Authenticate or all Proxy-Authenticate lines, in order; one may hold
    several challenges. secret: its kind says what it can answer.
    """
    found = []
    for value in values:
        fields = {}
        for part in split(value):
            name, _, text = part.partition(b"=")
            words = name.lower().split() or [b""]
            name = words.pop()
            if words:  # a scheme: here the next challenge begins
                fields = {}
                if words[0] == b"digest":
                    found.append(fields)
            text = unquote(text.strip())
            if len(text) > 256:  # this challenge can't be used
                fields.clear()
                break
            fields[name] = text
    for fields in found:
        c = Challenge(fields)
        name, c.sess, more = fields.setdefault(b"algorithm", b"MD5").upper().partition(b"-SESS")
        c.sha = name == b"SHA-256"
        if (
            b"realm" in fields
            and b"nonce" in fields
            and (c.sha or name == b"MD5")
            and not more
            and (c.qop or not (fields.get(b"qop") or c.sess))
            and (isinstance(secret, bytes) or len(secret[1]) == 32 << c.sha)
        ):
            return c
    return None


def _plain(value):
    """What a quoted string stands for: each quoted-pair gives way to its second character."""
    # No header value holds an LF.
    return value.replace(b"\\\\", b"\n").replace(b"\\", b"").replace(b"\n", b"\\")
