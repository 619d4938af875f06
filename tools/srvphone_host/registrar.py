"""The lab's SIP registrar on a real socket, with a switchboard of what may go wrong.

    server = Registrar()
    server.start(("127.0.0.13", 5060))
    server.switch("503", retry_after=30)       # see STATES
    server.log                                 # [(monotonic seconds, method, status), ...]
    server.close()

It reads and answers by itself, with nothing of the phone's own code, so that the two can't share
a mistake: digest by RFC 7616 from hashlib, retransmissions get the same answer, an old nonce is
stale, a repeated nonce count is refused. One user, no forking, UDP.
"""

import contextlib
import hashlib
import os
import re
import socket
import threading
import time
from collections import OrderedDict

STATES = {
    "up": "registers who knows the password",
    "silent": "swallows everything",
    "refused": "port closed: the system reports it to the sender",
    "503": "answers 503 Service Unavailable, with Retry-After if seconds are given",
    "wrong realm": "asks for the password of a realm that it has none for",
    "slow": "answers late, by default 2 s",
}
REASONS = {
    200: "OK",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}
OTHER_REALM = "elsewhere.example"
MAX_ANSWERS = 64  # kept for retransmissions; the oldest goes
MAX_EXPIRES = 3600

_KEPT = ("From", "To", "Call-ID", "CSeq")  # RFC 3261 8.2.6.2: copied into the response
_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact"}
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


def read(data):
    """The start line and the headers, {lower-case name: [value, ...]}, of a SIP message."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    start, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if colon:
            headers.setdefault(_COMPACT.get(name, name), []).append(value.strip())
    return start, headers


def parameters(value):
    """The parameters of a challenge or of credentials, {name: value without quotes}."""
    found = _PARAMETER.findall(value.partition(" ")[2])
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def digest(given, method, user, password, realm):
    """The response that RFC 7616 3.4 wants for the parameters of these credentials."""
    algorithm = given.get("algorithm", "MD5")
    new = hashlib.sha256 if algorithm.upper().startswith("SHA-256") else hashlib.md5

    def h(*parts):
        return new(":".join(parts).encode()).hexdigest()

    ha1 = h(user, realm, password)
    if algorithm.lower().endswith("-sess"):
        ha1 = h(ha1, given["nonce"], given["cnonce"])
    ha2 = h(method, given["uri"])
    if "qop" in given:
        return h(ha1, given["nonce"], given["nc"], given["cnonce"], given["qop"], ha2)
    return h(ha1, given["nonce"], ha2)


class Registrar:
    states = STATES

    def __init__(
        self,
        user="2002",
        password="secret",
        realm="grandstream.com",
        algorithm="MD5",
        qop=True,
        state="up",
    ):
        self.user, self.password, self.realm = user, password, realm
        self.algorithm, self.qop = algorithm, qop
        self.log = []
        self.bindings = {}  # Contact URI: (monotonic second at which it lapses)
        self._wanted = (state, None, 0)
        self._done = threading.Event()
        self._ending = False
        self._nonces = {}  # nonce: highest nonce count seen
        self._answers = OrderedDict()  # (branch, CSeq): answer

    def start(self, address, folder=None):
        """Take the (address, port) and answer. OSError if it is taken."""
        self.address = address
        self._socket = None if self._wanted[0] == "refused" else self._bound()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def switch(self, state, retry_after=None, delay_s=2.0):
        """Behave as `state` from now on. Its number is seconds: of Retry-After, of the delay."""
        if state not in STATES:
            raise ValueError("%r is none of: %s" % (state, ", ".join(STATES)))
        self._done.clear()
        self._wanted = (state, retry_after, delay_s)
        if not self._done.wait(2):
            raise OSError("%s:%d can't be taken again" % self.address)

    def close(self):
        self._ending = True
        self._thread.join(2)

    def _bound(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            s.bind(self.address)
        except OSError:
            s.close()
            raise
        s.settimeout(0.05)
        return s

    def _run(self):
        while not self._ending:
            wanted = self._wanted
            state, retry_after, delay_s = wanted
            # Only this thread touches the socket: closed elsewhere, it would live on in recvfrom.
            if state == "refused" and self._socket:
                self._socket.close()
                self._socket = None
            elif state != "refused" and not self._socket:
                self._socket = self._bound()
            if wanted is self._wanted:
                self._done.set()
            if not self._socket:
                time.sleep(0.02)
                continue
            try:
                data, source = self._socket.recvfrom(65536)
            except OSError:  # a timeout, or the refusal of an answer of ours
                continue
            wanted = self._wanted
            if wanted[0] in ("silent", "refused") or not data.strip():
                continue
            answer = self._answer(data, source, *wanted[:2])
            if answer and wanted[0] == "slow":
                late = threading.Timer(wanted[2], self._send, (answer, source))
                late.daemon = True
                late.start()
            elif answer:
                self._send(answer, source)
        if self._socket:
            self._socket.close()

    def _send(self, answer, source):
        with contextlib.suppress(OSError, AttributeError):  # switched off, or ended, meanwhile
            self._socket.sendto(answer, source)

    def _answer(self, data, source, state, retry_after):
        start, headers = read(data)
        try:
            method, uri, _ = start.split(" ", 2)
            via, cseq = headers["via"][0], headers["cseq"][0]
            branch = re.search(r"branch=([^;,\s]+)", via)[1]
            sent_by = re.match(r"SIP/2\.0/UDP\s+([^;\s]+)", via)[1]
            kept = [(name, headers[name.lower()][0]) for name in _KEPT]
        except (KeyError, TypeError, ValueError):
            return None  # not SIP, or what RFC 3261 8.1.1 demands is not there
        if method == "ACK" or start.startswith("SIP/"):
            return None
        known = self._answers.get((branch, cseq))
        if known:
            return known
        status, more = self._decide(method, uri, headers, state, retry_after)
        self.log.append((time.monotonic(), method, status))

        # RFC 3581: where it came from, so that it goes back through a NAT
        via = re.sub(r";rport(?=[;,]|$)", ";rport=%d" % source[1], via, count=1)
        if ";rport=" in via or sent_by.partition(":")[0] != source[0]:
            via += ";received=" + source[0]
        lines = ["SIP/2.0 %d %s" % (status, REASONS[status]), "Via: " + via]
        lines += ["Via: " + v for v in headers["via"][1:]]
        for name, value in kept:
            if name == "To" and ";tag=" not in value:
                value += ";tag=" + os.urandom(4).hex()
            lines.append("%s: %s" % (name, value))
        lines += [*more, "Content-Length: 0", "", ""]
        answer = "\r\n".join(lines).encode()
        self._answers[branch, cseq] = answer
        if len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)
        return answer

    def _decide(self, method, uri, headers, state, retry_after):
        """The status, and the headers that come with it."""
        if state == "503":
            return 503, ["Retry-After: %d" % retry_after] if retry_after else []
        if method == "OPTIONS":
            return 200, ["Allow: REGISTER, OPTIONS"]
        if method != "REGISTER":
            return 405, ["Allow: REGISTER, OPTIONS"]
        if uri.partition(":")[2].partition(":")[0] != self.realm:
            return 404, []
        verdict = self._judge(headers.get("authorization", []), state == "wrong realm")
        if verdict != "good":
            return 401, [self._challenge(state, verdict == "stale")]
        return 200, self._bind(headers)

    def _judge(self, credentials, other_realm):
        """good, stale (right, but not by a nonce that may still be used) or bad."""
        for given in map(parameters, credentials):
            try:
                right = digest(given, "REGISTER", self.user, self.password, self.realm)
                count = int(given.get("nc", "0"), 16)
                if given["username"] != self.user or given["response"] != right or other_realm:
                    continue
                if given["nonce"] not in self._nonces:
                    return "stale"
                if "qop" in given and count <= self._nonces[given["nonce"]]:
                    return "stale"
                self._nonces[given["nonce"]] = count
                return "good"
            except (KeyError, ValueError):
                continue
        return "bad"

    def _challenge(self, state, stale):
        nonce = os.urandom(12).hex()
        self._nonces[nonce] = 0
        realm = OTHER_REALM if state == "wrong realm" else self.realm
        challenge = 'WWW-Authenticate: Digest realm="%s", nonce="%s", algorithm=%s' % (
            realm,
            nonce,
            self.algorithm,
        )
        return challenge + (', qop="auth"' if self.qop else "") + (", stale=true" if stale else "")

    def _bind(self, headers):
        """Keep or remove the bindings; the headers of the 200."""
        now = time.monotonic()
        asked = headers.get("expires", ["3600"])[0]
        for contact in headers.get("contact", []):
            if contact == "*":
                self.bindings.clear()
                continue
            uri = re.search(r"<([^>]*)>", contact) or re.match(r"([^;]*)", contact)
            own = re.search(r"(?i);expires=(\d+)", contact[uri.end() :])
            seconds = own[1] if own else asked
            seconds = min(int(seconds) if seconds.isdigit() else MAX_EXPIRES, MAX_EXPIRES)
            self.bindings[uri[1]] = now + seconds
        self.bindings = {uri: until for uri, until in self.bindings.items() if until > now}
        return [
            "Contact: <%s>;expires=%d" % (uri, round(until - now))
            for uri, until in self.bindings.items()
        ]
