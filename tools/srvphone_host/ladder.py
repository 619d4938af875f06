"""A picture of SIP between the phone and its servers as text: time runs down, one column each.

    picture = Ladder(("phone", "primary", "backup"))
    picture.arrow(0.004, "primary", "REGISTER", note="first")     # phone ---> primary
    picture.arrow(0.006, "primary", "401", back=True)
    picture.event("primary", "dies")
    print(picture.text())

A server that was said to be dead has a dotted line, and arrows end in it.
"""

GAP = 24  # characters from one column to the next
LEFT = 11  # of the first column
ALIVE, DEAD = "|", ":"


class Ladder:
    def __init__(self, names, subtitles=()):
        self.names = names
        self.dead = set()
        self._lines = []
        for words in (subtitles, names):
            if words:
                shown = "".join(w.ljust(GAP) for w in words)
                self._lines.append(" " * LEFT + shown.rstrip())
        self._lines.append(self._blank())

    def _column(self, name):
        return LEFT + GAP * self.names.index(name)

    def _blank(self):
        line = [" "] * (self._column(self.names[-1]) + 1)
        for name in self.names:
            line[self._column(name)] = DEAD if name in self.dead else ALIVE
        return "".join(line)

    def arrow(self, time, server, label, back=False, note=""):
        """A message at `time` (seconds) to the server, or from it if `back`."""
        line = list(self._blank())
        start, end = self._column(self.names[0]) + 1, self._column(server)
        for i in range(start, end):
            if line[i] == " ":
                line[i] = "-"
        first = min(end, start + GAP - 1)  # the label stands in the first gap
        words = " %s " % label
        at = start + (first - start - len(words)) // 2
        line[at : at + len(words)] = words
        line[start if back else end - 1] = "<" if back else ">"
        self._lines.append("%9.3f  %s   %s" % (time, "".join(line)[LEFT:], note))

    def event(self, server, what, dead=None):
        """Something that happened at a server; `dead` says how it is from now on."""
        if dead is not None:
            (self.dead.add if dead else self.dead.discard)(server)
        line = list(self._blank())
        at = self._column(server)
        words = "%s %s" % ("x" if dead else "o", what)
        line[at : at + len(words)] = words
        self._lines.append("".join(line))

    def text(self):
        return "\n".join(line.rstrip() for line in self._lines)
