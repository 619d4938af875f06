"""A registrar for the simulator: text templates, its own reading, its own digest check.

    primary = sim.registrar("192.168.10.13", users={"2002": "secret"})
    primary.fails(503, headers=["Retry-After: 30"], times=1)
    primary.works()
    primary.bound("2002")                # ms until the last binding ends, 0 if there is none

It is a UAS as RFC 3261 8.2, 10.3, 17.2 and 18.2 want it (responses by Via with rport, RFC 3581;
retransmissions get the last response again; a REGISTER whose CSeq is not above that of its
Call-ID fails) and checks credentials by RFC 7616 and 8760. It shares no line with the phone's
SIP. Whatever it finds wrong with a request stands in `complaints`. Limits: UDP, no forking, no
dialogs: an INVITE with good credentials gets a 200 at once, and nothing is played.

What `fails` knows as its first argument (method, times, headers and delay_ms are all optional;
the newest that fits a request counts):

    503 or another status     with `headers`, a list of "Name: value"
    ""                        the right response: to be slow, or an exception
    "silent"                  nothing
    "closed"                  the port is closed
    "trying"                  100, then nothing
    "late"                    100 at once, the right response delay_ms later
    "garbage"                 random bytes instead of the right response
    "wrong branch"            the right response, in a Via that is not the phone's
    "wrong address"           the right response, from another address
    "twice"                   the right response two times
"""

import hashlib

from sim.md5 import md5

REASONS = {
    100: "Trying",
    200: "OK",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    603: "Decline",
}
ELSEWHERE = "203.0.113.60"  # where responses with a wrong address come from (RFC 5737)
MOST_TRANSACTIONS = 64  # remembered; of more, the oldest is forgotten
MOST_NONCES = 64
MOST_KEPT = 100  # complaints, and responses from phones; the rest is not kept


class Location:
    """Which contacts a user is bound to, until when; may be shared by several registrars."""

    def __init__(self, sim):
        self.sim = sim
        self.users = {}  # name: [[contact URI, virtual ms of the end, Call-ID, CSeq], ...]
        self.lapses = []  # [name, ran out at, bound again at or None]

    def bindings(self, user):
        """The bindings that have not run out, oldest first."""
        now = self.sim.now
        bindings = self.users.get(user, [])
        good = [b for b in bindings if b[1] > now]
        if bindings and not good:
            self.lapses.append([user, max(b[1] for b in bindings), None])
        self.users[user] = good
        return good

    def bind(self, user, binding):
        bindings = self.bindings(user)
        for lapse in self.lapses:
            if lapse[0] == user and lapse[2] is None:
                lapse[2] = self.sim.now
        self.users[user] = [b for b in bindings if b[0] != binding[0]] + [binding]

    def unbind(self, user, contact=None):
        """Remove one binding, or all."""
        self.users[user] = [b for b in self.bindings(user) if contact and b[0] != contact]


class Registrar:
    """One registrar; see the module's docstring. All fields may be set at any time."""

    tcp = "silent"

    def __init__(self, sim, address, realm, users, location=None):
        self.sim = sim
        self.address = address
        self.realm = realm  # quotes and backslashes in it are escaped
        self.users = users  # {name: password}
        self.location = location or Location(sim)
        self.random = sim.random.split("registrar %s %d" % address)
        self.faults = []

        self.algorithms = ["MD5"]  # offered in this order, one header line each; [] asks for none
        self.qop = "auth"  # or "", "auth-int", "auth,auth-int"
        self.nonces = (
            "kept"  # good while nc rises; or "once", "same" (always one), "stale" (never)
        )
        self.nonce_life_ms = 0  # of "kept" ones, 0 without end
        self.says_stale = True  # False: a nonce that ran out is answered without stale=true
        self.one_line = False  # all challenges in one header
        self.proxy = False  # 407 instead of 401, also for REGISTER

        self.minimum_s = 0  # a shorter Expires gets 423 with Min-Expires
        self.maximum_s = 3600  # longer ones are cut
        self.grants_in = "both"  # or "contact", "header"
        self.foreign = []  # Contact values listed before the phone's own
        self.cseq_status = 500  # to a REGISTER whose CSeq is not higher

        self.requests = 0  # retransmissions left out
        self.retransmissions = 0
        self.with_credentials = 0
        self.branches = 0
        self.replays = 0  # credentials whose nc was used before
        self.max_nc = 0
        self.acks = 0
        self.unreadable = 0
        self.complaints = []
        self.responses = []  # (virtual ms, status, text) of what phones answered

        self._sent = 0
        self.restart()

    def restart(self):
        """The server was restarted: it knows its bindings, but neither nonces nor transactions."""
        self._nonces = []  # [nonce, virtual ms when made, highest nc]
        self._transactions = []  # (branch and method, [bytes of the responses so far])

    def fails(self, how, method=None, headers=(), times=None, delay_ms=0):
        """Respond badly from now on, or so many `times`; see the module's docstring."""
        self.faults.append([how, method, headers, times, delay_ms])

    def works(self):
        """Forget every fault."""
        self.faults = []

    def bound(self, user):
        """Milliseconds until the user's last binding ends; 0: there is none."""
        return max([b[1] - self.sim.now for b in self.location.bindings(user)] + [0])

    def lapses(self, user):
        """[(ran out at, bound again at or None), ...] in virtual ms; un-REGISTER is none."""
        self.location.bindings(user)
        return [(lapse[1], lapse[2]) for lapse in self.location.lapses if lapse[0] == user]

    # To the phone

    def send(self, data, to):
        """Send any bytes to (address, port) -> the Frame."""
        return self.sim.send("SIP", self.address, to, data)

    def request(self, method, to, branch="", call_id="", cseq=1, headers=(), body=""):
        """Send a request -> the Frame. ACK and CANCEL want branch, call_id and cseq of theirs."""
        self._sent += 1
        mark = "%s-%d" % (self.address[0].replace(".", "-"), self._sent)
        lines = [
            "%s sip:2002@%s:%d SIP/2.0" % (method, to[0], to[1]),
            "Via: SIP/2.0/UDP %s:%d;branch=%s" % (self.address + (branch or "z9hG4bK-" + mark,)),
            "Max-Forwards: 70",
            "From: <sip:1001@%s>;tag=sim" % self.realm.replace('"', ""),
            "To: <sip:2002@%s:%d>" % to,
            "Call-ID: " + (call_id or "call-" + mark),
            "CSeq: %d %s" % (cseq, method),
            "Contact: <sip:1001@%s:%d>" % self.address,
        ]
        lines += list(headers) + ["Content-Length: %d" % len(body), "", body]
        return self.send("\r\n".join(lines).encode(), to)

    # From the phone

    def receive(self, frame):
        """A datagram came -> the fate of its frame."""
        if not frame.data.strip(b"\r\n"):
            return "delivered"  # a keep-alive
        if frame.data[:8] == b"SIP/2.0 ":
            if len(self.responses) < MOST_KEPT:
                text = "".join([chr(c) for c in frame.data])  # it echoes what is no UTF-8, too
                self.responses.append((self.sim.now, frame.what, text))
            return "delivered"
        try:
            wanted = "proxy-authorization" if self.proxy else "authorization"
            request = _Request(frame.data, frame.source, wanted)
        except (ValueError, IndexError):
            self.unreadable += 1
            self._complain("unreadable")
            return "delivered"
        fault = self._fault(request.method)
        how = fault[0]
        key = request.branch + " " + request.method
        sent = None
        for known, responses in self._transactions:
            if known == key:
                sent = responses
        if how in ("silent", "closed"):
            self._use(fault)
            return how
        if request.method == "ACK":
            self.acks += 1
        elif sent is None:
            self._use(fault)
            self._first(request, key, fault)
        else:
            self.retransmissions += 1
            if sent:
                self.sim.send("SIP", self.address, request.back, sent[-1])
        return "delivered"

    def _first(self, request, key, fault):
        # A new transaction
        how, _, headers, _, delay_ms = fault
        sim = self.sim
        self.requests += 1
        for fault_found in request.faults():
            self._complain(fault_found)
        if not any(known.split(" ")[0] == request.branch for known, _ in self._transactions):
            self.branches += 1
        sent = []
        self._transactions.append((key, sent))
        if len(self._transactions) > MOST_TRANSACTIONS:
            self._transactions.pop(0)
        if request.credentials:
            self.with_credentials += 1
        if how == "trying" or how == "late":
            self._respond(self.address, request, sent, request.response(100, []))
            if how == "trying":
                return
        if type(how) is int:
            data = request.response(how, headers)
        else:
            data = request.response(*self._handle(request))
        source = self.address
        if how == "garbage":
            data = self.random.urandom(len(data))
        elif how == "wrong branch":
            data = data.replace(b"branch=z9hG4bK", b"branch=z9hG4bK-not-")
        elif how == "wrong address":
            source = (ELSEWHERE, source[1])
        for _ in range(2 if how == "twice" else 1):
            if delay_ms:
                sim.at(sim.now + delay_ms, self._respond, source, request, sent, data)
            else:
                self._respond(source, request, sent, data)

    def _respond(self, source, request, sent, data):
        sent.append(data)
        self.sim.send("SIP", source, request.back, data)

    def _complain(self, text):
        if len(self.complaints) < MOST_KEPT:
            self.complaints.append(text)

    def _fault(self, method):
        for fault in reversed(self.faults):
            if fault[1] in (None, method) and fault[3] != 0:
                return fault
        return ["", None, (), None, 0]

    def _use(self, fault):
        if fault[3]:
            fault[3] -= 1

    def _handle(self, request):
        # -> status, header lines
        if request.method == "OPTIONS" or request.method == "CANCEL" or request.method == "BYE":
            return 200, []
        if request.method not in ("REGISTER", "INVITE"):
            return 501, []
        refusal = self._authorize(request)
        if refusal:
            return refusal
        if request.method == "INVITE":
            return 200, ["Contact: <sip:%s:%d>" % self.address]
        return self._register(request)

    def _register(self, request):
        # RFC 3261 10.3
        location = self.location
        user = _uri(request.get("to"))[4:].split("@")[0]
        now = self.sim.now
        header = request.get("expires")
        call_id = request.get("call-id")
        cseq = request.cseq
        for contact in request.all("contact"):
            asked = _param(contact, "expires") or header or "3600"
            if not asked.isdigit() or (contact == "*" and asked != "0"):
                return 400, []
            seconds = min(int(asked), self.maximum_s)
            if 0 < seconds < self.minimum_s:
                return 423, ["Min-Expires: %d" % self.minimum_s]
            uri = None if contact == "*" else _uri(contact)
            for known, _, its_call_id, its_cseq in location.bindings(user):
                if uri in (None, known) and its_call_id == call_id and cseq <= its_cseq:
                    self._complain("CSeq %d is not above %d" % (cseq, its_cseq))
                    return self.cseq_status, []
            if seconds:
                location.bind(user, [uri, now + seconds * 1000, call_id, cseq])
            else:
                location.unbind(user, uri)
        headers = ["Contact: " + value for value in self.foreign]
        for uri, end, _, _ in location.bindings(user):
            left = (end - now + 999) // 1000
            expires = "" if self.grants_in == "header" else ";expires=%d" % left
            headers.append("Contact: <%s>%s" % (uri, expires))
        if self.grants_in != "contact":
            headers.append("Expires: %d" % ((self.bound(user) + 999) // 1000))
        return 200, headers

    def _authorize(self, request):
        # None: good credentials, or none wanted. Else status and challenges.
        if not self.algorithms:
            return None
        given = request.credentials
        if not given or given.get("realm") != self.realm:
            return self._challenge(request, False)
        user = given.get("username", "")
        password = self.users.get(user)
        right = password and digest(given, password, request.method, request.body)
        if not right or given.get("response") != right:
            return self._challenge(request, False)
        if given.get("uri") != request.uri:
            self._complain("uri in the credentials is not the Request-URI")
            return 400, []
        if given.get("algorithm", "MD5") not in self.algorithms:
            self._complain("an algorithm that was not offered")
        if (given.get("qop") or "") not in self.qop.split(","):
            self._complain("a qop that was not offered")
        if self.nonces == "same":
            return None if given["nonce"] == "5afe5afe" else self._challenge(request, True)
        nc = request.nc
        self.max_nc = max(self.max_nc, nc)
        known = None
        for nonce in self._nonces:
            if nonce[0] == given["nonce"]:
                known = nonce
        if known is None or self.nonces == "stale":
            return self._challenge(request, True)
        if self.nonce_life_ms and self.sim.now - known[1] >= self.nonce_life_ms:
            return self._challenge(request, True)
        if given.get("qop") and nc <= known[2]:
            self.replays += 1
            return self._challenge(request, True)
        known[2] = nc
        if self.nonces == "once":
            self._nonces.remove(known)
        return None

    def _challenge(self, request, stale):
        nonce = "5afe5afe" if self.nonces == "same" else self.random.urandom(8).hex()
        self._nonces.append([nonce, self.sim.now, 0])
        if len(self._nonces) > MOST_NONCES:
            self._nonces.pop(0)
        realm = self.realm.replace("\\", "\\\\").replace('"', '\\"')
        values = []
        for algorithm in self.algorithms:
            text = 'Digest realm="%s", nonce="%s", opaque="0paque"' % (realm, nonce)
            text += ", algorithm=" + algorithm
            text += ', qop="%s"' % self.qop if self.qop else ""
            text += ", stale=true" if stale and self.says_stale else ""
            values.append(text)
        if self.one_line:
            values = [", ".join(values)]
        proxy = self.proxy or request.method != "REGISTER"
        name = "Proxy-Authenticate: " if proxy else "WWW-Authenticate: "
        return 407 if proxy else 401, [name + value for value in values]


class _Request:
    """A request, read just far enough. ValueError or IndexError if that is not possible."""

    def __init__(self, data, source, wanted="authorization"):
        """wanted: the header whose credentials count; a request may have the other one, too."""
        head, _, self.body = data.decode().partition("\r\n\r\n")
        lines = head.split("\r\n")
        self.method, self.uri, self.version = lines[0].split(" ")
        self.headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(line)
            self.headers.append((name.strip().lower(), value.strip()))
        self.source = source
        via = self.all("via")[0]
        self.branch = _param(via, "branch") or ""
        host, _, port = via.split(";")[0].split(" ")[1].partition(":")
        self.via = via
        self.back = (source[0], int(port or 5060))
        if _param(via, "rport") is not None:  # RFC 3581 4
            self.via = via.replace(";rport", ";rport=%d" % source[1]) + ";received=" + source[0]
            self.back = source
        elif host != source[0]:
            self.via = via + ";received=" + source[0]
        self.value = self.get(wanted)
        self.credentials = _pairs(self.value) if self.value else {}
        self.nc = int(self.credentials.get("nc") or "0", 16)
        self.cseq = int(self.get("cseq").split(" ")[0])

    def get(self, name):
        values = self.all(name)
        return values[0] if values else ""

    def all(self, name):
        return [value for known, value in self.headers if known == name]

    def faults(self):
        """What RFC 3261 8.1.1 and RFC 7616 3.4 ask for and is not so."""
        found = []
        for name in ("to", "from", "call-id", "cseq", "via", "max-forwards"):
            if len(self.all(name)) != 1:
                found.append("%d headers %s" % (len(self.all(name)), name))
        if not self.branch.startswith("z9hG4bK"):
            found.append("branch without z9hG4bK")
        if not _param(self.get("from"), "tag"):
            found.append("From without tag")
        if self.get("cseq").split(" ")[1:] != [self.method]:
            found.append("CSeq of another method")
        if self.get("content-length") != str(len(self.body.encode())):
            found.append("Content-Length is not the body's")
        if self.version != "SIP/2.0":
            found.append("version " + self.version)
        if self.method == "REGISTER" and "@" in self.uri:
            found.append("Request-URI of REGISTER with a user part")
        value = self.value
        if self.credentials.get("qop"):
            if len(self.credentials.get("nc", "")) != 8:
                found.append("nc is not 8 digits")
            for name in ("nc", "qop", "algorithm"):
                if name + '="' in value:
                    found.append(name + " in quotes")
            if not self.credentials.get("cnonce"):
                found.append("qop without cnonce")
        return found

    def response(self, status, headers):
        """The response to this request, as bytes."""
        lines = ["SIP/2.0 %d %s" % (status, REASONS.get(status, "Status")), "Via: " + self.via]
        lines += ["Via: " + via for via in self.all("via")[1:]]
        to = self.get("to")
        if status > 100 and _param(to, "tag") is None:
            to += ";tag=sim"
        lines += ["From: " + self.get("from"), "To: " + to, "Call-ID: " + self.get("call-id")]
        lines += ["CSeq: " + self.get("cseq")] + list(headers) + ["Content-Length: 0", "", ""]
        return "\r\n".join(lines).encode()


def _uri(value):
    # What stands in the angle brackets; without them, what stands before the parameters
    if "<" in value:
        return value.split("<")[1].split(">")[0]
    return value.split(";")[0].strip()


def _param(value, name):
    # A parameter behind the address: its value, "" if it has none, None if it is not there
    for part in value.split(">")[-1].split(";")[1:]:
        key, _, text = part.partition("=")
        if key.strip().lower() == name:
            return text.strip()
    return None


def _pairs(value):
    # The parameters of `Digest a="b, \"c\"", d=e`
    if value[:7].lower() != "digest ":
        raise ValueError(value)
    pairs = {}
    name = text = ""
    quoted = escaped = named = False
    for c in value[7:] + ",":
        if escaped:
            text += c
            escaped = False
        elif quoted and c == "\\":
            escaped = True
        elif c == '"':
            quoted = not quoted
        elif c == "," and not quoted:
            pairs[name.strip().lower()] = text
            name = text = ""
            named = False
        elif c == "=" and not named:
            named = True
        elif not named:
            name += c
        elif quoted or c != " ":
            text += c
    return pairs


def _md5(text):
    data = text.encode()
    return hashlib.md5(data).digest().hex() if hasattr(hashlib, "md5") else md5(data)


def _sha256(text):
    return hashlib.sha256(text.encode()).digest().hex()


def digest(given, password, method, body=""):
    """The response that belongs to credentials (a dict), as RFC 7616 3.4.1 makes it.

    "" (never right) for what is not known or not whole.
    """
    algorithm = given.get("algorithm", "MD5").upper()
    session = algorithm.endswith("-SESS")
    h = {"MD5": _md5, "SHA-256": _sha256}.get(algorithm[:-5] if session else algorithm)
    if h is None or "nonce" not in given or "uri" not in given:
        return ""
    nonce, cnonce, qop = given["nonce"], given.get("cnonce", ""), given.get("qop")
    ha1 = h("%s:%s:%s" % (given["username"], given["realm"], password))
    if session:
        ha1 = h("%s:%s:%s" % (ha1, nonce, cnonce))
    a2 = method + ":" + given["uri"]
    if qop == "auth-int":
        a2 += ":" + h(body)
    if qop:
        return h(":".join((ha1, nonce, given.get("nc", ""), cnonce, qop, h(a2))))
    return h(":".join((ha1, nonce, h(a2))))
