"""The regexp field of a NAPTR record, applied: a small matcher with bounds of its own (G6).

    apply(b"!^(.*)$!_sip._udp.\\1!", b"example.com")    # b"_sip._udp.example.com"

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
2,000 steps (one for each part of the pattern that is read, one for each place where it is tried),
a result of 255 bytes.
"""


def apply(field, subject):
    """The `subject` with its match replaced, both bytes.

    ValueError, IndexError: there is no match, the field is malformed or outside the subset, or a
    bound is met.
    """
    if len(field) > 256 or field[0] in b"0123456789\\i" or field[0] == field[1]:
        raise ValueError
    pattern = field
    text = subject
    if field[-1] == 105:  # the flag i: without a flag, a delimiter comes last
        pattern = field.lower()
        text = subject.lower()
    notes = [-2000]  # minus the steps that are left; where the pattern and each group begins
    for start in range(len(text) + 1):
        i, ways = _read(pattern, 1, text, {start: None}, notes)
        if ways:
            break
    end = max(ways)  # ValueError if there are none
    way = ways[end]
    spans = {}  # of a group, by its note: where it began last; by minus its note: where it ended
    while way:
        c, at, way = way
        spans.setdefault(c, at)
    out = subject[:start]
    while field[i] != field[0]:
        c = field[i]
        i += 1
        if c == 92:  # a backslash
            c = field[i]
            i += 1
            if c in b"0123456789":
                c = notes[c - 47]  # IndexError: there is no such group
                if c == 1:  # \0, which would be the whole
                    raise ValueError
                out += subject[spans.get(c, 0) : spans.get(-c, 0)]  # nothing if it was not used
                continue
        out += field[i - 1 : i]
    out += subject[end:]
    if field[i + 1 :] not in (b"", b"i") or len(out) > 255:
        raise ValueError
    return out


def _read(field, i, subject, ways, notes):
    # From field[i] past the end of the group or pattern: (where that is, the ways there).
    # A way is (note, place, the way before) or None: what was noted of groups.
    begin = i
    if i not in notes:
        notes.append(i)
    for at in ways:
        ways[at] = i, at, ways[at]
    found = {}  # by the alternatives before
    now = ways  # before the present part
    new = ways  # the same, or after its last repetition, if not reached by one before
    reached = {}  # by its repetitions
    while True:
        part = i
        c = field[i]
        i += 1
        notes[0] += len(new) + 1
        last = c == field[0]
        if last or c in b"|)":
            for at in now:
                found.setdefault(at, (-begin, at, now[at]))
            if last or c == 41:
                if last != (begin == 1):
                    raise ValueError
                return i, found
            now = new = ways
            continue
        if notes[0] > 0 or len(notes) > 12 or c in b"*+?{":
            raise ValueError
        after = {}
        if c == 40:  # (
            i, after = _read(field, i, subject, new.copy(), notes)
        elif c in b"^$":
            at = (c == 36) * len(subject)
            if at in new:
                after[at] = new[at]
        else:
            members = b""
            wanted = c != 46  # a dot is anything but nothing
            if c == 91:  # [
                wanted = field[i] != 94  # ^
                i += not wanted
                while field[i] != 93 or not members:  # a ] that comes first is a member
                    low = high = field[i]
                    if field[i + 1] == 45 and field[i + 2] != 93:  # a range
                        i += 2
                        high = field[i]
                    if high < low or low == 91:
                        raise ValueError
                    members += bytes(range(low, high + 1))
                    i += 1
                i += 1
            elif wanted:
                i += c == 92  # a backslash
                members = field[i - 1 : i]
                if c == 92 and (members.isalpha() or members.isdigit()):
                    raise ValueError
            for at in new:
                if at < len(subject) and (subject[at] in members) == wanted:
                    after[at + 1] = new[at]
        new = {}
        for at in after:
            if at not in reached:
                reached[at] = new[at] = after[at]
        more = 0 if field[i] == field[0] else field[i]
        if new and more in b"*+":
            i = part
            continue
        if more in b"*+?":
            i += 1
            if more != 43:
                reached.update(now)
        now = new = reached
        reached = {}
