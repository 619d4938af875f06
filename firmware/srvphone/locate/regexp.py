"""The regexp field of a NAPTR record, applied: a small matcher with bounds of its own (G6).

    apply(b"!^(.*)$!_mqtt._tcp.\\1!", b"example.com")    # b"_mqtt._tcp.example.com"

The field is delimiter, pattern, delimiter, replacement, delimiter, flags (RFC 3402 3.2), with the
meaning of sed's `s`: what was not matched stays. The pattern is a subset of the POSIX extended
expressions, on bytes: literals, `.`, `[a-z]`, `[^a-z]`, `(a|b)`, `^`, `$`, `*`, `+`, `?`, and a
backslash before anything but a letter or digit. In the replacement \\1 to \\9 are what the groups
matched. The only flag is `i`: pattern and subject are taken in lower case, the ends of a range
too. All else is malformed; so are `{2,3}` and a `[` within `[]`.

The match is the leftmost and, of these, the longest. Where several ways lead to it, the groups are
those of the earlier alternative, then of fewer repetitions of what comes later; POSIX differs.

The pattern is read from left to right with all the ways that it may have led: a dict from a place
in the subject to what the groups matched on the way there. A group is read by a recursion, and
anew for each repetition. Bounds: a field of 256 bytes, 10 groups (so the recursion is no deeper),
2,000 steps (one for each part of the pattern that is read, for each place where it is tried, and,
of a `[]`, for each member that is read and each that a byte is compared with), a result of 255
bytes. Nothing is made of a `[]`: a byte is compared with what stands in the field.
"""

from micropython import const

_FIELD_MAX = const(256)
_RESULT_MAX = const(255)
_GROUPS_MAX = const(10)
_STEPS_MAX = const(2000)

_DIGITS = const(b"0123456789")
_DOLLAR = const(0x24)
_OPEN = const(0x28)
_CLOSE = const(0x29)
_PLUS = const(0x2B)
_MINUS = const(0x2D)
_DOT = const(0x2E)
_ZERO = const(0x30)
_OPEN_SET = const(0x5B)
_BACKSLASH = const(0x5C)
_CLOSE_SET = const(0x5D)
_CARET = const(0x5E)
_I = const(0x69)

_NOWHERE: "dict" = {}  # no way leads on, as mostly; never changed


def apply(field, subject, steps=None):
    """The `subject` with its match replaced, both bytes.

    steps: [how many are left], if several fields share them; 2,000 otherwise.
    ValueError, IndexError: there is no match, the field is malformed or outside the subset, or a
    bound is met.
    """
    if len(field) > _FIELD_MAX:
        raise ValueError("more than 256 bytes")
    if field[0] in b"0123456789\\i" or field[0] == field[1]:
        raise ValueError("no delimiter, or no pattern")
    if field[-1] == _I:  # the flag: without one, a delimiter comes last
        pattern = _Pattern(field.lower(), subject.lower(), steps)
    else:
        pattern = _Pattern(field, subject, steps)
    for start in range(len(subject) + 1):
        i, ways = pattern.group(1, {start: None})
        if ways:
            break
    if not ways:
        raise ValueError("no match")
    end = max(ways)
    new, i = _replacement(field, i, subject, pattern.begins, ways[end])
    if field[i:] not in (b"", b"i"):
        raise ValueError("a flag other than i")
    out = subject[:start] + new + subject[end:]
    if len(out) > _RESULT_MAX:
        raise ValueError("a result of more than 255 bytes")
    return out


def _replacement(field, i, subject, begins, way):
    # From field[i] past the last delimiter: (what the match becomes, where that is).
    spans = {}  # of a group, by its note: where it began last; by minus its note: where it ended
    while way:
        note, at, way = way
        spans.setdefault(note, at)
    out = b""
    while field[i] != field[0]:
        c = field[i]
        i += 1
        if c == _BACKSLASH:
            c = field[i]
            i += 1
            if c in _DIGITS:
                if c == _ZERO:
                    raise ValueError("no group 0")  # which would be the whole
                note = begins[c - _ZERO]  # IndexError: there is no such group
                out += subject[spans.get(note, 0) : spans.get(-note, 0)]  # nothing if not used
                continue
        out += field[i - 1 : i]
    return out, i + 1


class _Pattern:
    """The pattern of a field, read at places of a subject.

    A way is (note, place, the way before) or None: what was noted of groups. The note of a group
    is where it begins in the field; minus that is the note of its end.
    """

    def __init__(self, field, subject, steps):
        self.field = field
        self.subject = subject
        self.steps = steps or [_STEPS_MAX]  # a list: how many are left
        self.begins = []  # where the pattern begins, then each group
        self.ends = {}  # of each [] that was read: where its members begin -> where they end

    def group(self, i, ways):
        """From field[i] past the end of the group or pattern: (where that is, the ways there)."""
        field = self.field
        begin = i
        if begin not in self.begins:
            self.begins.append(begin)
        for at in ways:
            ways[at] = begin, at, ways[at]
        found = {}  # by the alternatives before
        now = ways  # before the present part
        while True:
            part = i
            c = field[i]
            last = c == field[0]
            if last or c in b"|)":
                i += 1
                self.steps[0] -= len(now) + 1
                for at in now:
                    found.setdefault(at, (-begin, at, now[at]))
                if last or c == _CLOSE:
                    if last != (begin == 1):
                        raise ValueError("a parenthesis alone")
                    return i, found
                now = ways
                continue
            i, after = self.read(part, c, now)
            repeat = 0 if field[i] == field[0] else field[i]
            if repeat not in b"*+?":
                now = after
                continue
            reached = {}  # by the repetitions of the part
            new = _unseen(after, reached)
            while new and repeat in b"*+":
                after = self.read(part, c, new)[1]
                new = _unseen(after, reached)
            i += 1
            if repeat != _PLUS:
                reached.update(now)
            now = reached

    def read(self, i, c, ways):
        """Past the part at field[i], which begins with `c`: (where that is, the ways there)."""
        self.step(c, ways)
        if c == _OPEN:
            return self.group(i + 1, ways.copy())
        return self.once(i, ways)

    def step(self, c, ways):
        """Counts the steps of a part that begins with `c`, and refuses what may not come here."""
        self.spend(len(ways) + 1)
        if len(self.begins) > _GROUPS_MAX + 1:
            raise ValueError("more than 10 groups")
        if c in b"*+?{":
            raise ValueError("nothing to repeat")

    def spend(self, steps):
        self.steps[0] -= steps
        if self.steps[0] < 0:
            raise ValueError("more than 2,000 steps")

    def once(self, i, ways):
        """Past a part that is no group, without repetition: (where that is, the ways there)."""
        c = self.field[i]
        subject = self.subject
        if c in b"^$":
            at = len(subject) if c == _DOLLAR else 0
            return i + 1, {at: ways[at]} if at in ways else _NOWHERE
        if c == _OPEN_SET:
            return self.bracket(i + 1, ways)
        i += 1
        if c == _BACKSLASH:
            escaped = self.field[i : i + 1]
            if escaped.isalpha() or escaped.isdigit():
                raise ValueError("a backslash before a letter or digit")
            c = self.field[i]
            i += 1
        elif c == _DOT:
            c = None  # anything
        after = _NOWHERE
        for at in ways:
            if at < len(subject) and c in (None, subject[at]):
                after = _with(after, at + 1, ways[at])
        return i, after

    def bracket(self, i, ways):
        """As `once`, from behind the opening bracket."""
        subject = self.subject
        wanted = self.field[i] != _CARET
        if not wanted:
            i += 1
        if i not in self.ends:
            self.ends[i] = self.set_end(i)
        end = self.ends[i]
        after = _NOWHERE
        for at in ways:
            if at < len(subject) and self.is_member(subject[at], i, end) == wanted:
                after = _with(after, at + 1, ways[at])
        return end + 1, after

    def set_end(self, i):
        """Where the closing bracket is of the members that begin at field[i]."""
        field = self.field
        begin = i
        while field[i] != _CLOSE_SET or i == begin:  # a ] that comes first is a member
            self.spend(1)
            low = high = field[i]
            if field[i + 1] == _MINUS and field[i + 2] != _CLOSE_SET:  # a range
                i += 2
                high = field[i]
            if high < low or low == _OPEN_SET:
                raise ValueError("a range that runs down, or a [ within []")
            i += 1
        return i

    def is_member(self, c, i, end):
        """Is the byte one of the members that stand in field[i:end]?"""
        field = self.field
        while i < end:
            self.spend(1)
            low = high = field[i]
            if i + 2 < end and field[i + 1] == _MINUS:
                i += 2
                high = field[i]
            if low <= c <= high:
                return True
            i += 1
        return False


def _unseen(after, reached):
    """Those of the ways `after` to places that were not `reached`; now they are."""
    new = _NOWHERE
    for at in after:
        if at not in reached:
            reached[at] = after[at]
            new = _with(new, at, after[at])
    return new


def _with(ways, at, way):
    """The ways, with one more."""
    if ways is _NOWHERE:
        return {at: way}
    ways[at] = way
    return ways
