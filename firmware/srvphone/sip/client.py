"""One account's requests at one target: what stands around them, credentials, sending.

    client = Client(core, transactions, local, account, "0", "grandstream.com")
    outcome, response = yield from client.exchange(request, locator, target)    # in a task
    tr = client.send(request, locator, target)      # in a task, which waits for it elsewhere

A Request says what its owner wants: method, URI, To, Call-ID, CSeq, headers made anew for each
send, and what a late answer means. Which target comes next is the business of `failover`.

    outcome     a final status (with the response), or SILENT, UNREADABLE, REFUSED, TIMEOUT (see
                transaction), LATE (a late answer to an earlier request has settled it),
                WRONG_PASSWORD (see credentials)

RFC 3261 8.1.1; RFC 3581; rules G1, G16, G16a, G25.
"""

from micropython import const

from ..address import is_ipv4
from ..transport import via
from .credentials import Keyring
from .message import number, param
from .transaction import LATE, SILENT, UNREADABLE, Transaction

_IPV4_MAX = const(16)  # one more than the longest
_NOWHERE = const("0.0.0.0")

_REQUEST = const(
    b"%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=%s;rport\r\nMax-Forwards: 70\r\n"
    b"From: %s<%s>;tag=%s\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: %d %s\r\n%s"
    b"Content-Length: 0\r\n\r\n"
)


class LocalAddress:
    """The phone's own address on the SIP socket, as it stands in Via and Contact.

    While `host` is not known, b"", a name stands there that can't exist (RFC 2606).
    """

    def __init__(self, port):
        self.set(b"", port)

    def set(self, host, port):
        self.host = host
        self.port = port
        self.address = b"%s:%d" % (host or b"srvphone.invalid", port)

    def learn(self, response):
        """Take the address that a server saw us come from (RFC 3581), if ours is unknown."""
        if self.host:
            return
        top = response.get(b"via")
        host = param(top, b"received") or b""
        try:
            text = str(host[:_IPV4_MAX], "utf-8")
        except ValueError:
            return
        if is_ipv4(text) and text != _NOWHERE:
            port = number(param(top, b"rport") or b"", 65535)
            self.set(text.encode(), port if port > 0 else self.port)


class Request:
    """What is to be said at one target. Its owner derives from this.

    .uri, .to, .call_id  bytes; the Call-ID is random and new, so it serves as the tag, too
    .context             of the newest send, kept with its transaction for the owner
    """

    method = b""

    def __init__(self, uri, to, call_id):
        self.uri = uri
        self.to = to
        self.call_id = call_id
        self.context = None
        self.signed = 0  # sends with credentials
        self.refusals = []  # of credentials, as `credentials` counts them (W3)

    def next_cseq(self):
        """The number of the send that comes."""
        return 1

    def headers(self):
        """The header lines of the send that comes, beside those that every request has."""
        return b""

    def late(self, transaction):
        """An answer to an earlier request has come late: does it settle this one (G16a)?"""
        return False


class Client:
    def __init__(self, core, transactions, local, account, label, server):
        """server: the domain in Request-URI, From and To (G1). label: of the account, in the
        trace."""
        self.core = core
        self.transactions = transactions
        self.local = local
        self.account = account
        self.label = label
        self.server = b"sip:" + server.encode()
        self.keyring = Keyring(core, account, label)

    def aor(self):
        """The address of record."""
        return self.contact(self.server[4:])

    def contact(self, address):
        """The URI of the user at an address."""
        return b"sip:%s@%s" % (self.account.sip_user_id.encode(), address)

    # An exchange.

    def exchange(self, request, locator, target):
        """In a task: say it, answer challenges at the same target (G16) -> (outcome, response)."""
        while True:
            credentials = self.keyring.lines(request, target.address)
            tr = self.send(request, locator, target, credentials)
            while not tr.outcome:
                ended = yield None, Transaction
                if ended.outcome == LATE and request.late(ended):
                    self.transactions.finish(tr, SILENT)
                    return LATE, None
            response = tr.response
            if not response:
                if tr.outcome in (SILENT, UNREADABLE):
                    self.keyring.forget(target.address)
                return tr.outcome, None
            if response.source == target.address:
                self.local.learn(response)
            if response.status not in (401, 407):
                request.refusals.clear()
                return response.status, response
            outcome = self.keyring.challenged(request, response, target.address)
            if outcome:
                return outcome, response

    # A request.

    def send(self, request, locator, target, credentials=b""):
        """Build the request outside a dialog and start its transaction, with a new branch, for the
        task that runs.

        The transaction's context is the request's. credentials: a header line.
        """
        account = self.account
        core = self.core
        more = request.headers() + credentials
        if account.proxy_require:
            more += b"Proxy-Require: %s\r\n" % account.proxy_require.encode()
        if locator.route:
            more += b"Route: %s\r\n" % locator.route
        branch = b"z9hG4bK" + core.token_hex(8)
        data = _REQUEST % (
            request.method,
            request.uri,
            via(target.transport),
            self.local.address,
            branch,
            self._display_name(),
            self.aor(),
            request.call_id,
            request.to,
            request.call_id,
            request.next_cseq(),
            request.method,
            more,
        )
        tr = self.transactions.send(
            core.current_task(),
            target.address,
            (branch, request.method),
            data,
            account.max_sip_request_retries + 1,
        )
        tr.context = request.context
        return tr

    def _display_name(self):
        """Name, as a quoted string with the space behind it (G25); b"" without one."""
        name = self.account.name
        if not name:
            return b""
        return b'"%s" ' % name.replace("\\", "\\\\").replace('"', '\\"').encode()
