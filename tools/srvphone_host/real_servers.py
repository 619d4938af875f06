"""Recipes for real servers as Debian packages them: Knot, BIND, unbound, dnsmasq, Kamailio, SIPp.

    server = Kamailio(qop=False)
    server.start(("127.0.0.13", 5060), folder=Path(...))
    server.switch("silent")
    server.close()

They have the interface of the lab's own servers. Each runs in the foreground, in a process group
of its own that `close` ends by its id, with its files in the folder; `start` returns when it
answers. A real server can't be told to be silent, so it is ended and a socket that swallows
everything takes its place; `up` starts it anew, without what it knew.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype

from srvphone_host.dns_server import read_zone
from srvphone_host.errors import LabError
from srvphone_host.registrar import Registrar

START_S = 10  # at most, until a server answers
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def find(command):
    """The path of a server's program. LabError if it is not installed."""
    found = shutil.which(command, path=_PATH)
    if not found:
        raise LabError("%s is not installed. Run `make servers` (Debian packages)." % command)
    return found


class Process:
    """A program in the foreground, in its own process group, its output in a file."""

    def __init__(self, command, folder):
        self.log = Path(folder) / (Path(command[0]).name + ".log")
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self):
        return self._process.pid

    def wait_until(self, answers):
        """Return as soon as `answers()` is true. LabError, with the log's end, if it never is."""
        end = time.monotonic() + START_S
        while not answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.end()
                text = self.log.read_text(encoding="utf-8", errors="replace")
                raise LabError("%s did not start:\n%s" % (self.log.stem, text[-1500:]))

    def end(self):
        for signum, wait_s in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
            try:
                os.killpg(self._process.pid, signum)
                self._process.wait(wait_s)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()


def exchange(address, data, timeout_s=0.02):
    """The answer to a datagram, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout_s)
        try:
            s.connect(address)
            s.send(data)
            return s.recv(65535)
        except OSError:
            time.sleep(timeout_s / 2)
            return None


class _Server:
    """A real server that may be up, silent or refused."""

    states = {
        "up": "runs (started anew, without what it knew)",
        "silent": "ended, and a socket that swallows everything in its place",
        "refused": "ended: the system reports the closed port to the sender",
    }
    command = ""
    _process = _sink = None

    def __init__(self):
        self.program = find(self.command)

    def switch(self, state):
        self._end()
        if state == "up":
            self._run()
        elif state == "silent":
            self._sink = Registrar(state="silent")
            self._sink.start(self.address)

    def close(self):
        self._end()

    def _end(self):
        for server, end in ((self._process, Process.end), (self._sink, Registrar.close)):
            if server:
                end(server)
        self._process = self._sink = None

    @property
    def pid(self):
        return self._process.pid if self._process else None


class _DnsServer(_Server):
    """Serves zones; `start` takes the text of one or {name: text} of several. A zone whose text
    is None is one that the server should have and has not: it says SERVFAIL, dnsmasq nothing."""

    def start(self, address, zone, folder):
        """Serve the zone or zones on `address`, with files in `folder`."""
        self.address, self.folder = address, Path(folder).resolve()
        if isinstance(zone, str):
            zone = {read_zone(zone).origin.to_text(omit_final_dot=True): zone}
        self.zones = zone
        self._run()

    def _run(self):
        for name, text in self.zones.items():
            if text is not None:
                (self.folder / (name + ".zone")).write_text(text, encoding="utf-8")
        self._process = Process(self._line(), self.folder)
        whole = [name for name, text in self.zones.items() if text is not None]
        for name in whole or ["."]:
            self._process.wait_until(lambda name=name: self._has(name))

    def _has(self, name):
        """Whether it answers, and has the zone, which SERVFAIL says that it hasn't yet."""
        answer = exchange(self.address, dns.message.make_query(name, "SOA").to_wire())
        return answer and dns.message.from_wire(answer).rcode() != dns.rcode.SERVFAIL

    def _configured(self, file, head, zone, end=""):
        """The path of the configuration: `head`, `zone` for each zone, and `end`."""
        ip, port = self.address
        values = {"folder": self.folder, "ip": ip, "port": port}
        text = head.format(**values)
        text += "".join(zone.format(name=name, **values) for name in self.zones)
        path = self.folder / file
        path.write_text(text + end, encoding="utf-8")
        return str(path)


class Knot(_DnsServer):
    """Authoritative; follows aliases inside a zone."""

    command = "knotd"

    def _line(self):
        return [self.program, "-c", self._configured("knot.conf", KNOT_CONF, KNOT_ZONE)]


KNOT_CONF = """\
server:
    rundir: "{folder}"
    listen: {ip}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{folder}"
log:
  - target: stderr
    any: warning
zone:
"""
KNOT_ZONE = """\
  - domain: {name}
    storage: "{folder}"
    file: {name}.zone
    zonefile-sync: -1
    journal-content: none
"""


class Bind(_DnsServer):
    """Authoritative, no recursion; follows aliases through all its zones. It listens only on
    addresses that the system lists, and of the loopback network that is 127.0.0.1 alone."""

    command = "named"

    def _line(self):
        # -g: in the foreground, as -f, and what it logs goes to its output.
        conf = self._configured("named.conf", BIND_CONF, BIND_ZONE)
        return [self.program, "-g", "-n", "1", "-c", conf]


BIND_CONF = """\
options {{
    directory "{folder}";
    pid-file "{folder}/named.pid";
    session-keyfile "{folder}/session.key";
    managed-keys-directory "{folder}";
    listen-on port {port} {{ {ip}; }};
    listen-on-v6 {{ none; }};
    recursion no;
    allow-query {{ any; }};
    dnssec-validation no;
    empty-zones-enable no;
    notify no;
}};
controls {{ }};
"""
BIND_ZONE = """\
zone "{name}" {{ type primary; file "{name}.zone"; check-srv-cname ignore; }};
"""


class Unbound(_DnsServer):
    """A resolver for others, which has the zones' data here: its answers are not authoritative,
    it follows every alias, and what is none of its zones it refuses. With `recursive` False it
    answers as an authoritative server: a delegation gives a referral."""

    command = "unbound"

    def __init__(self, recursive=True):
        super().__init__()
        self.recursive = recursive

    def _line(self):
        zones = ""
        for name, text in self.zones.items():
            zone = UNBOUND_FORWARD if text is None else UNBOUND_ZONE
            zones += zone.format(
                name=name, folder=self.folder, downstream="no" if self.recursive else "yes"
            )
        conf = self._configured("unbound.conf", UNBOUND_CONF, UNBOUND_OWN, zones)
        return [self.program, "-d", "-d", "-p", "-c", conf]


UNBOUND_CONF = """\
server:
    directory: "{folder}"
    chroot: ""
    username: ""
    use-syslog: no
    interface: {ip}@{port}
    port: {port}
    access-control: 127.0.0.0/8 allow
    num-threads: 1
    do-ip6: no
    do-not-query-localhost: no
    module-config: "iterator"
    # Give a forwarder up, and say SERVFAIL, after 0.1 s: by default it takes more than nine.
    unknown-server-time-limit: 50
    infra-cache-max-rtt: 100
    outbound-msg-retry: 1
    local-zone: "." refuse
"""
UNBOUND_OWN = """\
    local-zone: "{name}." transparent
"""
UNBOUND_ZONE = """\
auth-zone:
    name: "{name}."
    zonefile: "{folder}/{name}.zone"
    for-upstream: yes
    for-downstream: {downstream}
    fallback-enabled: no
"""
# Nobody is at that port.
UNBOUND_FORWARD = """\
forward-zone:
    name: "{name}."
    forward-addr: 127.0.0.1@1
"""


class Dnsmasq(_DnsServer):
    """A forwarder of small networks, which has the zones' SRV, NAPTR, A and CNAME records here. It
    knows no SOA, no delegation and no wildcard, and aliases of names with addresses alone."""

    command = "dnsmasq"

    def _line(self):
        ip, port = self.address
        line = [self.program, "-k", "-C", "/dev/null", "--port=%d" % port, "--no-resolv"]
        line += ["--listen-address=%s" % ip, "--bind-interfaces", "--no-hosts", "--pid-file="]
        line += ["--user=root", "--log-facility=-"]  # else it can't stay root where it is that
        for name, text in self.zones.items():
            if text is None:
                line.append("--server=/%s/127.0.0.1#1" % name)
            else:
                line.append("--local=/%s/" % name)
                line += self._records(read_zone(text))
        return line

    @staticmethod
    def _records(zone):
        # It has a TTL per host, and one for all the rest: the SRV and NAPTR records'.
        line = ["--local-ttl=%d" % srv.ttl for _, srv in zone.iterate_rdatasets("SRV")][:1]
        for owner, ttl, data in zone.iterate_rdatas():
            name, kind = _bare(owner), dns.rdatatype.to_text(data.rdtype)
            if kind == "A":
                line.append("--host-record=%s,%s,%d" % (name, data.address, ttl))
            elif kind == "CNAME":
                line.append("--cname=%s,%s,%d" % (name, _bare(data.target), ttl))
            elif kind == "SRV":
                fields = (_bare(data.target), data.port, data.priority, data.weight)
                line.append("--srv-host=%s,%s,%d,%d,%d" % (name, *fields))
            elif kind == "NAPTR":
                texts = [t.decode() for t in (data.flags, data.service, data.regexp)]
                fields = (data.order, data.preference, *texts, _bare(data.replacement))
                line.append("--naptr-record=%s,%d,%d,%s,%s,%s,%s" % (name, *fields))
        return line


def _bare(name):
    return name.to_text(omit_final_dot=True)


class Kamailio(_Server):
    """A registrar of one user, without a database; digest with or without qop. `nonces` is one of
    NONCES; with `min_expires` it answers 423 to less, once the credentials are right."""

    command = "kamailio"

    def __init__(
        self,
        user="2002",
        password="secret",
        realm="grandstream.com",
        qop=True,
        nonces="for all",
        min_expires=0,
    ):
        super().__init__()
        self.nonces = nonces
        self._values = {"user": user, "password": password, "realm": realm, "qop": int(qop)}
        self._values["min_expires"] = min_expires

    def start(self, address, folder):
        self.address, self.folder = address, Path(folder).resolve()
        self._run()

    def _run(self):
        conf = self.folder / "kamailio.cfg"
        text = KAMAILIO_CFG + NONCES[self.nonces] + self._route()
        for name, value in self._values.items():
            text = text.replace("{%s}" % name, str(value))
        conf.write_text(text, encoding="utf-8")
        line = [self.program, "-DD", "-E", "-f", str(conf), "-Y", str(self.folder)]
        line += ["-A", "LISTEN=udp:%s:%d" % self.address, "-P", str(self.folder / "pid")]
        line += ["-m", "16", "-M", "4"]  # MB; 22 in all
        self._process = Process(line, self.folder)
        self._process.wait_until(lambda: exchange(self.address, PROBE))

    def _route(self):
        return KAMAILIO_REGISTRAR


class KamailioEdge(Kamailio):
    """A proxy that asks for credentials of its own (407) and takes them out of what it relays to
    its `registrar`, which stands on another port of the same address. `switch` is the proxy's
    alone: the registrar knows on what it knew."""

    def __init__(self, registrar, realm="edge.example.com", **values):
        super().__init__(realm=realm, **values)
        self.registrar = registrar

    def start(self, address, folder):
        behind = Path(folder) / "registrar"
        behind.mkdir()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((address[0], 0))
            place = s.getsockname()
        self.registrar.start(place, behind)
        self._values["registrar"] = "%s:%d" % place
        super().start(address, folder)

    def close(self):
        super().close()
        self.registrar.close()

    def _route(self):
        return KAMAILIO_EDGE


KAMAILIO_CFG = """\
debug=1
log_stderror=yes
children=1
dns=no
rev_dns=no
auto_aliases=no
disable_tcp=yes
listen=LISTEN

loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "auth.so"
modparam("sl", "bind_tm", 0)
"""

# What a nonce is good for, until it is 300 s old.
NONCES = {
    "for all": "",  # whatever its count
    "counted": 'modparam("auth", "nonce_count", 1)\n',  # each time with a higher count
    "once": 'modparam("auth", "one_time_nonce", 1)\n',  # one request
}

KAMAILIO_REGISTRAR = """\
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "min_expires", 1)

request_route {
    if (!is_method("REGISTER")) {
        sl_send_reply("405", "Method Not Allowed");
        exit;
    }
    if ($au != "{user}" || !pv_www_authenticate("{realm}", "{password}", "0")) {
        www_challenge("{realm}", "{qop}");
        exit;
    }
    # Left to itself the module raises what is asked for, silently. 0 takes the binding away.
    $var(expires) = $(hdr(Expires){s.int});
    if ($var(expires) > 0 && $var(expires) < {min_expires}) {
        append_to_reply("Min-Expires: {min_expires}\\r\\n");
        sl_send_reply("423", "Interval Too Brief");
        exit;
    }
    save("location");
}
"""

KAMAILIO_EDGE = """\
loadmodule "tm.so"

request_route {
    if (!is_method("REGISTER")) {
        sl_send_reply("405", "Method Not Allowed");
        exit;
    }
    # A request that came before is not judged anew: its nonce may have been good once.
    t_check_trans();
    if (!pv_proxy_authenticate("{realm}", "{password}", "0")) {
        proxy_challenge("{realm}", "{qop}");
        exit;
    }
    consume_credentials();
    remove_hf("Route");
    $du = "sip:{registrar}";
    t_relay();
}
"""

# Any answer to it tells that a SIP server is up.
PROBE = (
    b"OPTIONS sip:probe SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bKprobe\r\n"
    b"Max-Forwards: 0\r\nFrom: <sip:probe@localhost>;tag=1\r\nTo: <sip:probe@localhost>\r\n"
    b"Call-ID: probe\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


class Sipp(_Server):
    """A registrar that plays a scenario to every caller: one of SCENARIOS."""

    command = "sipp"

    def __init__(self, scenario, **values):
        super().__init__()
        self._text = SCENARIOS[scenario] % values

    def start(self, address, folder):
        self.address, self.folder = address, Path(folder).resolve()
        self._run()

    def _run(self):
        file = self.folder / "scenario.xml"
        file.write_text(_SIPP_FRAME % self._text, encoding="utf-8")
        ip, port = self.address
        line = [self.program, "-sf", str(file), "-i", ip, "-p", str(port), "-nostdin"]
        # A registration goes on under one Call-ID: a scenario that is over must start again.
        self._process = Process([*line, "-deadcall_wait", "0"], self.folder)
        # It answers nothing but the scenario: it is up when its port is taken.
        self._process.wait_until(self._port_taken)

    def _port_taken(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(self.address)
            except OSError:
                return True
        time.sleep(0.02)
        return False


_SIPP_FRAME = """\
<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="registrar">
%s</scenario>
"""


def _sipp_receive(action="", more=""):
    return '<recv request="REGISTER"%s>%s</recv>\n' % (more, action)


def _sipp_send(status, *headers):
    """A response; `%%` because the scenario is filled in once more."""
    lines = ["SIP/2.0 " + status, "[last_Via:]", "[last_From:]", "[last_To:];tag=[call_number]"]
    lines += ["[last_Call-ID:]", "[last_CSeq:]", *headers, "Content-Length: 0", "", ""]
    return "<send><![CDATA[\n%s\n]]></send>\n" % "\n".join(lines)


_CHALLENGE = (
    'WWW-Authenticate: Digest realm="grandstream.com", nonce="47ebe028cda119c35d4877b383027d28",'
    ' algorithm=MD5, qop="auth"'
)
_VERIFY = '<action><verifyauth assign_to="good" username="2002" password="secret" /></action>'
SCENARIOS = {
    "401": _sipp_receive()
    + _sipp_send("401 Unauthorized", _CHALLENGE)
    + _sipp_receive(_VERIFY, ' next="right" test="good"')
    + _sipp_send("403 Forbidden")
    + '<nop next="end"></nop>\n<label id="right" />\n'
    + _sipp_send("200 OK", "[last_Contact:]", "Expires: %(expires)d")
    + '<label id="end" />\n',
    "423": _sipp_receive()
    + _sipp_send("423 Interval Too Brief", "Min-Expires: %(min_expires)d")
    + _sipp_receive()
    + _sipp_send("200 OK", "[last_Contact:]", "Expires: %(min_expires)d"),
    "503": _sipp_receive() + _sipp_send("503 Service Unavailable", "Retry-After: %(retry_after)d"),
    "nothing": _sipp_receive() + _sipp_receive() + _sipp_receive() + _sipp_receive(),
}
