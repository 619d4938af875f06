"""Which NAPTR records count (RFC 3403 4.1, RFC 3263 4.1; rules G5, G6).

    for order, flag, name in usable(records, (naptr_service(UDP),), "example.com", report):
        ...    # flag b"s": ask for SRV of name, b"a": for its addresses, b"": for its NAPTR

A record is (order, preference, flags, service, regexp, replacement): numbers, bytes, a name.
"""

from micropython import const

from ..dns import wire

_STEPS = const(2000)  # as `regexp` has it: W9, the work for one answer


def usable(records, services, subject, report):
    """[(order, flag, name), ...] in trying order: the usable records of the best order.

    services: what the account can do, in lower case; other records count as if they were absent. A
    record that is not terminal (no flag) may leave its service empty. subject: the name that was
    asked for at first, as text; a regexp is applied to it (RFC 3402 3). report(text) is told of
    each record that is skipped. A later entry is for the case that the name before does not exist.
    """
    found = []
    left = 4  # more regexps are not looked at in one answer
    steps = [_STEPS]  # that are left for all of them together
    for order, preference, flags, service, regexp, name in sorted(records):
        if found and order > found[0][0]:
            break
        flag = flags.lower()
        fault = None
        if service.lower() not in services and (service or flag):
            fault = "not our service"
        elif flag not in (b"s", b"a", b""):
            fault = "not a SIP flag"
        elif regexp:
            left -= 1
            if name != b"\0":  # the root as replacement says that there is none
                fault = "regexp and replacement"
            elif left < 0 or steps[0] < 0:
                fault = "too many regexps"
            else:
                # Few zones need it, so few phones load it.
                from .regexp import apply

                try:
                    name = wire.name(str(apply(regexp, subject.encode(), steps), "utf-8"))
                except (ValueError, IndexError):  # from apply; no UTF-8; no name
                    pass
        if name == b"\0":
            fault = fault or "no name"
        if fault:
            what = repr((flags + b" " + service)[:20])[2:-1]  # nothing unprintable in the trace
            report("NAPTR %d %d %s: %s" % (order, preference, what, fault))
        else:
            found.append((order, flag, name))
    return found
