"""What DNS answered, until its TTL; and who did not answer, for a while.

    cache.put(question, answer)
    cache.get(question, now)              # the Answer that holds now, or None
    cache.failed(question, status, now)   # -> the Answer of a failure: `records` is None

A failed question is not asked again for 5 s, then for 10 s, 20 s, ... 5 min, until it is answered
(RFC 9520). NXDOMAIN holds for the name, NODATA for the type (RFC 2308); but that a name was denied
to another type keeps nobody from asking for its addresses, since some servers deny a name that
only lacks the type (G10). Records only: which target was tried, and how it went, is never kept
here.

Limits (W9): 24 answers and 6 KB, counted by what a 32-bit board's heap holds of them (`held`);
the one that ends first goes.
RFC 2308, 9520; rules G10, G13, G13a.
"""

from micropython import const

from ..clock import diff
from .answer import made, units

_NXDOMAIN = const(3)
_ENTRIES = const(24)
_CACHE_UNITS = const(192)  # of 32 bytes of heap
_ENTRY = const(4)  # units of an entry without records
_A_IN = const(b"\0\1\0\1")
_FAILURE_S = const(5)
_FAILURE_MAX_S = const(300)  # RFC 9520 3.2
_KEEP_MS = const(300000)  # how long a failure's wait is remembered, to be doubled


class Cache:
    size = 0  # in units, about

    def __init__(self):
        self.answers = {}  # by question; a name's NXDOMAIN by the name alone
        self.sizes = {}  # of these

    def get(self, question, now):
        name = question[:-4]
        for key in (question, name, None if question.endswith(_A_IN) else name + b"\0"):
            answer = self.answers.get(key)
            if answer and diff(answer.expires, now) > 0:
                return answer
        return None

    def put(self, question, answer):
        """Keep an answer for its TTL; one of TTL 0 is for its asker alone, and ends the old."""
        if answer.status == _NXDOMAIN and answer.alias is None:
            self._drop(question)
            name = question[:-4]
            # The key of a denied name; if that is not said of its addresses, another one.
            question = name if question.endswith(_A_IN) else name + b"\0"
        if not answer.ttl:
            self._drop(question)
            return
        size = units(answer.records, _ENTRY + (len(question) >> 5), answer.alias)
        self.size += size - self.sizes.get(question, 0)
        self.sizes[question] = size
        self.answers[question] = answer
        while len(self.answers) > _ENTRIES or self.size > _CACHE_UNITS:
            first = question
            for other in self.answers:
                if diff(self.answers[other].expires, self.answers[first].expires) < 0:
                    first = other
            self._drop(first)

    def failed(self, question, status, now):
        """Nobody answered well: not asked again for 5 s, or twice as long as the last time."""
        last = self.answers.get(question)
        wait_s = _FAILURE_S
        if last and last.records is None:
            wait_s = min(last.ttl * 2, _FAILURE_MAX_S)
        last = made(status, wait_s, now, None)
        self.put(question, last)
        return last

    def purge(self, now, failures=False):
        """Forget what ended some minutes ago; call it once in 6 days at least. With `failures`,
        those too: there is another network."""
        for question in list(self.answers):
            answer = self.answers[question]
            if diff(now, answer.expires) >= _KEEP_MS or failures and answer.records is None:
                self._drop(question)

    def _drop(self, question):
        if question in self.answers:
            del self.answers[question]
            self.size -= self.sizes.pop(question)


def held(question, answer):
    """What an answer and its question hold of a 32-bit board's heap, in units of 32 bytes."""
    return units(answer.records, _ENTRY + (len(question) >> 5), answer.alias)
