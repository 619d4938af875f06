"""Texts of addresses: "name:5060" and "192.168.10.13".

    host_port("grandstream.com:5062")    # ("grandstream.com", 5062)
    is_ipv4("192.168.10.13")             # True

IPv4 alone, for now (G4). Nothing here raises.
"""


def _number(text):
    # The number that `text` writes in plain digits without leading zeros, else -1
    try:
        n = int(text)
    except ValueError:
        return -1
    return n if str(n) == text else -1


def is_ipv4(text):
    """Is it four numbers with dots? Without leading zeros, which some read as octal."""
    numbers = sorted(map(_number, text.split(".")))
    return len(numbers) == 4 and numbers[0] >= 0 and numbers[3] < 256


def host_port(text, default=0):
    """Of "name:5060" ("name", 5060); the port is `default` if none is given, -1 if it is none."""
    host, colon, port = text.partition(":")
    if colon:
        default = _number(port)
        if not 0 < default < 65536:
            default = -1
    return host, default
