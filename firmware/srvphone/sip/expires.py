"""How long a registrar grants a binding, and when it is asked again (G24).

    granted_s = granted(response, b"sip:2002@192.168.10.11:5060", 3600)
    ms = refresh_after(granted_s, "auto", 2)

RFC 3261 10.2.1.1, 10.2.4, 20.19.
"""

from micropython import const

from .message import number, param, uri_of

MAX_S = const(3888000)  # 45 days: what is more counts as unreadable


def granted(response, own, asked_s):
    """Seconds: the Expires of our own Contact (its URI is `own`), else of the response, else what
    was asked."""
    value = response.get(b"expires")
    own = own.lower()
    for contact in response.all(b"contact"):
        if uri_of(contact).split(b";")[0].lower() == own:
            value = param(contact, b"expires") or value
    granted_s = number(value, MAX_S)
    return asked_s if granted_s < 0 else granted_s


def refresh_after(granted_s, before_s, targets):
    """How long after its 2xx a REGISTER is sent again, in milliseconds.

    `granted_s` is what the server granted, `before_s` Re-register before expiration ("auto" or
    seconds), `targets` how many there are. Never sooner than 1 s.
    """
    ms = granted_s * 1000
    before_ms = min(1800 + 3500 * targets, ms // 2) if before_s == "auto" else before_s * 1000
    return max(ms - before_ms, 1000)
