"""How long a registrar grants a binding, and when it is asked again (G24).

    granted_s = granted(response, b"sip:2002@192.168.10.11:5060", 3600)
    ms = refresh_after(granted_s, "auto", 2)

RFC 3261 10.2.1.1, 10.2.4, 20.19.
"""

from micropython import const

from .message import capped, param, uri_of

MAX_S = const(3888000)  # 45 days: what is more counts as that


def granted(response, own, asked_s):
    """Seconds; 0: nothing, so there is no binding.

    The expires of our own Contact (its URI is `own`) as it stands, else the response's Expires,
    else what was asked. Our own is the Contact that is equal; if none is, and just one stands
    there, as many as were sent, it is that one: NAT helpers rewrite it. Beside foreign Contacts
    alone the response's Expires counts up to what was asked.
    """
    contacts = response.all(b"contact")
    mine = None
    for contact in contacts:
        if _same(uri_of(contact), own):
            mine = contact
    if mine is None and len(contacts) == 1 and not response.cut:
        mine = contacts[0]
    seconds = -1
    if mine is not None:
        seconds = capped(param(mine, b"expires") or b"", MAX_S)
    if seconds < 0:
        seconds = capped(response.get(b"expires"), MAX_S)
        if contacts and mine is None and seconds > asked_s:
            seconds = asked_s
    return asked_s if seconds < 0 else seconds


def _same(uri, own):
    if uri == own:
        return True
    # Most registrars say it as we did, so few phones load it.
    from .uri import same

    return same(uri, own)


def refresh_after(granted_s, before_s, targets):
    """How long after its 2xx a REGISTER is sent again, in milliseconds.

    `granted_s` is what the server granted, `before_s` Re-register before expiration ("auto" or
    seconds), `targets` how many there are. Never sooner than 1 s.
    """
    ms = granted_s * 1000
    before_ms = min(1800 + 3500 * targets, ms // 2) if before_s == "auto" else before_s * 1000
    return max(ms - before_ms, 1000)
