"""What the phone sends, read strictly and by nothing of the phone's own.

    query = reader.query(data)      # a DNS question: .ident .question .name .kind .edns
    message = reader.sip(data)      # .start [(name, value), ...] in .headers, .get(b"cseq")
    fields = reader.credentials(message.get(b"authorization"))

ValueError says what is wrong. Names of headers are in lower case, compact ones in full.
RFC 1035 4.1, 6891; RFC 3261 7, 25.1; RFC 7616 3.4.
"""

SHORT = {
    b"v": b"via",
    b"f": b"from",
    b"t": b"to",
    b"i": b"call-id",
    b"m": b"contact",
    b"l": b"content-length",
}
# Headers that no message of a phone may have twice; credentials have a rule of their own.
ONCE = (
    b"from", b"to", b"call-id", b"cseq", b"max-forwards", b"contact", b"expires", b"route",
    b"content-length", b"content-type", b"allow", b"unsupported", b"accept", b"user-agent",
    b"proxy-require", b"retry-after", b"server", b"supported", b"require", b"date",
)  # fmt: skip
NEEDED = (b"via", b"from", b"to", b"call-id", b"cseq", b"content-length")
TOKEN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~"
HEX = b"0123456789abcdef"


class Query:
    """A question of DNS. .question: name, type and class as they came; .name: in lower case."""

    def __init__(self, data):
        self.ident = data[:2]
        end = name_end(data, 12)
        self.question = data[12 : end + 4]
        self.name = data[12:end].lower()
        self.kind = data[end] << 8 | data[end + 1]
        self.edns = len(data) > end + 4


def name_end(data, p):
    """Where an uncompressed name ends."""
    start = p
    while data[p]:
        if data[p] > 63:
            raise ValueError("a label of %d bytes in a query" % data[p])
        p += data[p] + 1
    if p + 1 - start > 255:
        raise ValueError("a name of %d bytes in a query" % (p + 1 - start))
    return p + 1


def query(data):
    """The Query in a datagram, which has to be one question and at most an OPT."""
    try:
        end = name_end(data, 12) + 4
        tail = data[end:]
        if data[2:10] != b"\1\0\0\1\0\0\0\0" or data[10] or data[11] != (len(tail) > 0):
            raise ValueError("a query with the header " + data[:12].hex())
        if data[end - 4 : end] not in (b"\0\1\0\1", b"\0\x21\0\1", b"\0\x23\0\1"):
            raise ValueError("a query for " + data[end - 4 : end].hex())
        if tail and (len(tail) != 11 or tail[:3] != b"\0\0\x29" or tail[5:] != bytes(6)):
            raise ValueError("a query with the OPT " + tail.hex())
    except IndexError:
        raise ValueError("a query that is cut")
    return Query(data)


class Sip:
    """A message. .method is b"" for a response, .status 0 for a request."""

    def __init__(self, data):
        head, end, body = data.partition(b"\r\n\r\n")
        if not end:
            raise ValueError("no empty line")
        lines = head.split(b"\r\n")
        self.body = body
        self.headers = []  # as they stand there
        self.values = {}
        self.start = lines[0]
        self.method = self.uri = b""
        self.status = 0
        self._read_start(lines[0].split(b" "))
        for line in lines:
            if b"\r" in line or b"\n" in line:
                raise ValueError("CR or LF within a line")
        for line in lines[1:]:
            self._read_header(line)

    def _read_start(self, words):
        if words[0] == b"SIP/2.0":
            if len(words) < 3 or len(words[1]) != 3 or not words[1].isdigit():
                raise ValueError("a status line that is none")
            self.status = int(words[1])
        elif len(words) != 3 or words[2] != b"SIP/2.0" or not words[1]:
            raise ValueError("a request line that is none")
        else:
            self.method, self.uri = words[:2]

    def _read_header(self, line):
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or not name or name.strip(TOKEN):
            raise ValueError("a header line that is none: " + repr(line[:60]))
        name = SHORT.get(name, name)
        value = value.strip()
        self.headers.append((name, value))
        self.values[name] = self.values.get(name, ()) + (value,)

    def all(self, name):
        return self.values.get(name, ())

    def get(self, name):
        return self.values.get(name, (b"",))[0]


def sip(data):
    """The Sip in a datagram: every header there that must be, none twice that must not be."""
    message = Sip(data)
    for name in NEEDED:
        if not message.all(name):
            raise ValueError("no header " + name.decode())
    for name in message.values:
        if name in ONCE and len(message.values[name]) > 1:
            raise ValueError("twice the header " + name.decode())
    if message.get(b"content-length") != b"%d" % len(message.body):
        raise ValueError("not as long as Content-Length says")
    number, _, method = message.get(b"cseq").partition(b" ")
    if not number.strip().isdigit() or message.method not in (b"", method):
        raise ValueError("CSeq: " + repr(message.get(b"cseq")))
    return message


def pieces(value, sep):
    """The parts between every `sep` (one byte) outside quoted strings and <>, trimmed."""
    if b"<" in value or b"\\" in value:
        return _slowly(value, sep)
    out = [b""]
    quoted = True
    for text in value.split(b'"'):
        quoted = not quoted
        if quoted:
            out[-1] += b'"' + text + b'"'
        else:
            more = text.split(sep)
            out[-1] += more[0]
            out += more[1:]
    if quoted:
        raise ValueError("a quote without an end")
    return [part.strip() for part in out]


def _slowly(value, sep):
    """The same of a value with backslashes or <>."""
    out = []
    start = i = 0
    inside = b""
    while i < len(value):
        c = value[i : i + 1]
        if inside == b'"' and c == b"\\":
            i += 1
        elif inside:
            if c == (b'"' if inside == b'"' else b">"):
                inside = b""
        elif c == b'"' or c == b"<":
            inside = c
        elif c == sep:
            out.append(value[start:i].strip())
            start = i + 1
        i += 1
    if inside:
        raise ValueError("a quote or a < without an end")
    out.append(value[start:].strip())
    return out


def parameters(value):
    """{name: value} of what stands behind a value's first ";"; no name twice."""
    found = {}
    for part in pieces(value, b";")[1:]:
        name, _, text = part.partition(b"=")
        name = name.strip().lower()
        if name in found:
            raise ValueError("twice the parameter " + repr(name))
        found[name] = text.strip()
    return found


def credentials(value):
    """{name: value} of an Authorization header; quoted values without their quotes."""
    scheme, _, rest = value.partition(b" ")
    if scheme != b"Digest":
        raise ValueError("credentials of the scheme " + repr(scheme))
    found = {}
    for part in pieces(rest, b","):
        name, equals, text = part.partition(b"=")
        if not equals or not name or name.strip(TOKEN) or name in found:
            raise ValueError("credentials with " + repr(part[:60]))
        found[name] = whole(text)
    for name in (b"username", b"realm", b"nonce", b"uri", b"response"):
        if name not in found:
            raise ValueError("credentials without " + name.decode())
    if found[b"response"].strip(HEX):
        raise ValueError("credentials with a response that is no hash")
    return found


def whole(text):
    """A token, or what stands in a quoted string that ends where the text does."""
    if text[:1] != b'"':
        if not text or text.strip(TOKEN):
            raise ValueError("credentials with the token " + repr(text[:60]))
        return text
    i = 1
    while text[i : i + 1] != b'"':
        i += 1 + (text[i : i + 1] == b"\\")
        if i >= len(text):
            raise ValueError("credentials with a quote without an end")
    if i != len(text) - 1:
        raise ValueError("credentials with more behind a quote: " + repr(text[:60]))
    return text[1:-1]


def is_ipv4(text):
    parts = text.split(b".")
    return len(parts) == 4 and all([p.isdigit() and len(p) < 4 and int(p) < 256 for p in parts])


def host_and_port(text):
    """(host, port) of "host:port", where the host is an IPv4 address or the name that stands for
    none."""
    host, colon, port = text.partition(b":")
    if not (is_ipv4(host) or host == b"srvphone.invalid"):
        raise ValueError("the own address is " + repr(host[:60]))
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("the own port is " + repr(port[:60]))
    return host, int(port)
