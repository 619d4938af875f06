"""The REGISTER request (RFC 3261 10.2).

request = Register(registration, locator, target, 3600, b"")
outcome, response = yield from client.exchange(request, locator, target)
request.context         # what a 2xx to the newest send means
"""

from micropython import const

from .client import Request
from .message import capped

EVERYTHING = const(-1)  # instead of an Expires: remove every binding of the user
USUAL_S = const(3600)  # asked for where a 423 does not say what it wants

_LEAST_MAX_S = const(86400)  # G24


def min_expires(response):
    """The Min-Expires of a 423 in seconds, at most a day; -1 if it has none that can be read."""
    return capped(response.get(b"min-expires"), _LEAST_MAX_S)


class Register(Request):
    """A REGISTER at one target. expires_s 0 removes the binding of `address`, EVERYTHING all of
    the user's.

    Its context is (locator, target, expires_s), what a 2xx to it means; None if that would mean
    nothing, since it binds no address.
    """

    method = b"REGISTER"

    def __init__(self, registration, locator, target, expires_s, address):
        client = registration.client
        Request.__init__(self, client.server, client.aor(), registration.call_id)
        self.registration = registration
        self.locator = locator
        self.target = target
        self.expires_s = expires_s
        self.address = address  # of the binding; b"": the phone's own

    def next_cseq(self):
        self.registration.cseq += 1
        return self.registration.cseq

    def headers(self):
        client = self.registration.client
        local = client.local
        expires_s = self.expires_s
        self.context = None
        if expires_s == EVERYTHING:
            return b"Contact: *\r\nExpires: 0\r\n"
        lines = b"Expires: %d\r\n" % expires_s
        if local.host and expires_s > 0:
            self.context = self.locator, self.target, expires_s
        if self.address or local.host:
            lines += b"Contact: <%s>\r\n" % client.contact(self.address or local.address)
        return lines

    def late(self, transaction):
        return self.registration.late(transaction)
