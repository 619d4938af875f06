"""What decides which target is next, as pure functions (rules G15, G18 to G22, G24). No I/O, no
state but the table handed in.

    rule = rule_of(account)                 # "G18", "G19", "G20" or "G21"
    ms = open_up(closed, now)               # 0: no target is closed
    ms = refresh_after(3600, "auto", 2)

`closed` is address -> the time at which it opens. The cycle itself is in `sip.registration`.
"""

from .clock import diff


def rule_of(account):
    """The DNS SRV Fail-over Mode that acts, as the number of its rule.

    The DNS modes without SRV behave as Default (G18).
    """
    # "Default", "Saved one until DNS TTL", "... no responses", "... failback timeout"
    word = account.dns_srv_failover_mode.split()[-1] if "SRV" in account.dns_mode else ""
    return {"TTL": "G19", "responses": "G20", "timeout": "G21"}.get(word, "G18")


def open_up(closed, now):
    """Forget the targets that have opened; ms until the next one does, 0 if none is closed."""
    first = 0
    for address in list(closed):
        ms = diff(closed[address], now)
        if ms <= 0:
            del closed[address]
        elif not first or ms < first:
            first = ms
    return first


def refresh_after(granted_s, before_s, targets):
    """How long after its 2xx a REGISTER is sent again, in milliseconds.

    `granted_s` is what the server granted, `before_s` Re-register before expiration ("auto" or
    seconds), `targets` how many there are (G24). Never sooner than 1 s.
    """
    ms = granted_s * 1000
    before_ms = min(1800 + 3500 * targets, ms // 2) if before_s == "auto" else before_s * 1000
    return max(ms - before_ms, 1000)
