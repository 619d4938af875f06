"""What the simulator itself reads of a DNS message: which name and type it asks for."""

TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 16: "TXT", 28: "AAAA", 33: "SRV", 35: "NAPTR"}


def question(data):
    """(name as text, offset after it) of the question of a DNS message, case as it stands.

    IndexError or ValueError if there is none that can be read.
    """
    labels = []
    p = 12
    while data[p]:
        labels.append(data[p + 1 : p + 1 + data[p]].decode())
        p += 1 + data[p]
    return ".".join(labels), p + 1
