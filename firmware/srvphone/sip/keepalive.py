"""A sign of life from the current server, while a registration rests (G26).

    keep_alive = KeepAlive(core, client, servers)
    if keep_alive.is_dead(): ...            # too many got no response at all
    at = keep_alive.due()                   # the time of keep_alive.ask(), or None

Any response counts, a provisional one and an error too.
"""

from ..clock import later
from .client import Request


class _Options(Request):
    """No Accept: without one, application/sdp is meant (RFC 3261 20.1)."""

    method = b"OPTIONS"


class KeepAlive:
    def __init__(self, core, client, servers):
        account = client.account
        self.core = core
        self.client = client
        self.servers = servers
        self.interval_ms = account.keep_alive_interval_s * 1000
        self.max_lost = account.keep_alive_max_lost
        self.asked = None  # the transaction that waits for its answer
        self.lost = 0
        self.quiet_since = core.now

    def is_dead(self):
        """Have too many got no response at all?"""
        asked = self.asked
        if not asked or not asked.outcome:
            return False
        self.asked = None
        self.lost = 0 if asked.response or asked.provisional else self.lost + 1
        return self.lost >= self.max_lost

    def due(self):
        """The time of the next one; None while one waits."""
        if self.asked:
            return None
        return later(self.quiet_since, self.interval_ms)

    def ask(self):
        """In a task: send one to the current server."""
        self.quiet_since = self.core.now
        client = self.client
        request = _Options(client.server, client.aor(), self.core.token_hex(12))
        self.asked = client.send(request, self.servers.locator, self.servers.current)
