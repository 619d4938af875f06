"""Which credentials a server gets, and when the password is wrong (G16, G17, W3).

    keyring = Keyring(core, account, "0")
    lines = keyring.lines(request, address)                 # header lines, b"" if it wants none
    outcome = keyring.challenged(request, response, address)    # None: say it again, with them
    keyring.forget(address)                                 # it was silent

A server may be asked by an edge proxy (407) and a registrar (401), each with a realm of its own; a
request carries credentials for each (RFC 3261 22.1 to 22.3). W3, for one attempt, one realm and
one kind of them: a *refusal* is a challenge that answers credentials. It does not count if

    a)  it says stale=true, once
    b)  the refused nonce had been used in an earlier request, once a nonce: servers may take a
        nonce for one request alone (RFC 7616 3.3)

The password is wrong when a refusal that counts brings the same nonce back, or a second one
counts; so another node's new nonce is answered once more. Any answer but 401 and 407 starts the
count anew.

Limits: 16 servers, each with 3 realms and the counts of 16 nonces; 10 requests with credentials an
attempt. The oldest gives way; a server that is forgotten costs one challenge.
RFC 3261 22; RFC 7616 3.3, 3.4.
"""

from micropython import const

from . import digest

WRONG_PASSWORD = const("wrong-password")

_SERVERS = const(16)
_REALMS = const(3)
_NONCES = const(16)
_SIGNED_MAX = const(10)


class _Server:
    """.address; .challenges: the newest of each realm and kind; .uses: [[nonce, nc], ...], the
    newest last."""

    def __init__(self, address):
        self.address = address
        self.challenges = []
        self.uses = []

    def find(self, challenge):
        """The challenge of the same realm and kind that is answered now, or None."""
        for one in self.challenges:
            if one.header == challenge.header and one.realm() == challenge.realm():
                return one
        return None

    def keep(self, challenge, old):
        """From now on this one is answered, in the place of an old one."""
        if old:
            self.challenges.remove(old)
            if old.nonce() == challenge.nonce():
                challenge.first = old.first
        elif len(self.challenges) >= _REALMS:
            self.challenges.pop(0)
        self.challenges.append(challenge)
        for nonce, count in self.uses:
            if nonce == challenge.nonce():
                challenge.nc = count

    def used(self, challenge):
        """One more request carries its nonce, also if it was offered more than once (F4)."""
        for use in self.uses:
            if use[0] == challenge.nonce():
                use[1] = challenge.nc
                return
        if len(self.uses) >= _NONCES:
            self.uses.pop(0)
        self.uses.append([challenge.nonce(), challenge.nc])


class _Refusals:
    """Of one realm and kind in one attempt."""

    def __init__(self, header, realm):
        self.header = header
        self.realm = realm
        self.counted = False  # has one counted?
        self.stale = False  # was one excused by (a)?
        self.excused = []  # nonces whose refusal was, by (b)

    def is_final(self, refused, challenge):
        """Does the refusal of a challenge's credentials by a new one mean a wrong password?"""
        nonce = refused.nonce()
        if challenge.stale and not self.stale:
            self.stale = True
            return False
        if refused.nc > 1 and nonce not in self.excused:
            self.excused.append(nonce)
            return False
        if self.counted or challenge.nonce() == nonce:
            return True
        self.counted = True
        return False


class Keyring:
    def __init__(self, core, account, label):
        self.core = core
        self.label = label
        self.user = (account.authenticate_id or account.sip_user_id).encode()
        self.secret = account.authenticate_password.encode()
        self.ha1_realm = None  # the one realm that `ha1` serves, once it is known
        if account.ha1:
            self.secret = "ha1", account.ha1.encode()
        self.servers = []

    def _server(self, address):
        for server in self.servers:
            if server.address == address:
                return server
        return None

    def lines(self, request, address):
        """The header lines with credentials for each challenge of this server (G17)."""
        server = self._server(address)
        if not server or not server.challenges:
            return b""
        request.signed += 1
        lines = b""
        for challenge in server.challenges:
            cnonce = self.core.token_hex(8)
            value = challenge.credentials(
                request.method, request.uri, self.user, self.secret, cnonce
            )
            server.used(challenge)
            lines += b"%s: %s\r\n" % (challenge.header, value)
        return lines

    def challenged(self, request, response, address):
        """A 401 or 407: None if the request is to be said again; else what it comes to, the
        status or WRONG_PASSWORD."""
        server = self._server(address)
        if not server:
            if len(self.servers) >= _SERVERS:
                self.servers.pop(0)
            server = _Server(address)
            self.servers.append(server)
        answered = False
        for challenge in self._offered(response, address):
            old = server.find(challenge)
            if old and self._refusals(request, challenge).is_final(old, challenge):
                server.challenges.clear()
                self.core.note("W3", WRONG_PASSWORD, self.label, address)
                return WRONG_PASSWORD
            server.keep(challenge, old)
            answered = True
        if answered and request.signed >= _SIGNED_MAX:
            self.core.note("W3", "too-many", self.label, address, request.signed)
            answered = False
        return None if answered else response.status

    def _offered(self, response, address):
        """The challenges of a response that can be answered, each with its header."""
        offered = []
        for name, header in (
            (b"www-authenticate", b"Authorization"),
            (b"proxy-authenticate", b"Proxy-Authorization"),
        ):
            found, malformed = digest.challenges(response.lines(name), self.secret)
            if malformed:
                self.core.note("W3", "bad-challenge", self.label, address)
            for challenge in found:
                challenge.header = header
                if self._serves(challenge.realm(), address):
                    offered.append(challenge)
        return offered

    def _serves(self, realm, address):
        """A password serves every realm, `ha1` the first one that asks."""
        if isinstance(self.secret, bytes):
            return True
        if self.ha1_realm is None:
            self.ha1_realm = realm
        if realm == self.ha1_realm:
            return True
        self.core.note("W3", "other-realm", self.label, address)
        return False

    def _refusals(self, request, challenge):
        realm = challenge.realm()
        for one in request.refusals:
            if one.header == challenge.header and one.realm == realm:
                return one
        one = _Refusals(challenge.header, realm)
        request.refusals.append(one)
        return one

    def forget(self, address):
        """The server was silent: its nonces are used no more; their counts stay."""
        server = self._server(address)
        if server:
            server.challenges.clear()
