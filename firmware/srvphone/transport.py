"""The transports of SIP, and all that their names derive from them.

    srv_owner(UDP, name)    # the name that SRV is asked for (RFC 2782, RFC 3263 4.1)
    naptr_service(UDP)      # b"sip+d2u" (RFC 3263 4.1), in lower case
    via(UDP)                # b"UDP", as Via has it (RFC 3261 25.1)

A transport is the number that sip_transport of the settings has (P130). UDP alone, for now.
"""

from micropython import const

UDP = const(0)

# By transport: scheme, protocol (RFC 2782), the letter in a NAPTR service, port (RFC 3261 19.1.2).
_TRANSPORTS = const(((b"sip", b"udp", b"u", 5060),))


def srv_owner(transport, name):
    """The SRV records' owner for a domain, both names in wire format."""
    scheme, protocol, _, _ = _TRANSPORTS[transport]
    return b"%c_%s%c_%s%s" % (len(scheme) + 1, scheme, len(protocol) + 1, protocol, name)


def naptr_service(transport):
    scheme, _, letter, _ = _TRANSPORTS[transport]
    return b"%s+d2%s" % (scheme, letter)


def via(transport):
    return _TRANSPORTS[transport][1].upper()


def port(transport):
    """The port where none is given."""
    return _TRANSPORTS[transport][3]
