"""The datagrams of a simulation as a capture file, for Wireshark and tshark.

    Path("story.pcap").write_bytes(pcap(sim.frames))

Classic pcap, Ethernet, IPv4 and UDP with good checksums. A datagram stands at the time of its
sending; what never left its sender (no network, no route) is left out, and so are TCP streams,
of which a simulation keeps the pieces but no segments. Virtual time 0 is EPOCH_S.
"""

import struct

EPOCH_S = 1473206400  # 2016-09-07, the date in the serial of the guide's zone
UNSENT = ("no network", "unreachable")


def pcap(frames):
    """The bytes of a capture file with the frames of a `sim.Sim`."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for number, frame in enumerate(frames):
        if frame.kind == "TCP" or frame.fate in UNSENT:
            continue
        packet = ethernet(number & 0xFFFF, frame.source, frame.to, frame.data)
        seconds, ms = divmod(frame.t, 1000)
        out.append(struct.pack("<IIII", EPOCH_S + seconds, ms * 1000, len(packet), len(packet)))
        out.append(packet)
    return b"".join(out)


def ethernet(ident, source, to, data):
    """One UDP datagram in an IPv4 packet in an Ethernet frame; addresses are (text, port)."""
    ends = _ipv4(source[0]) + _ipv4(to[0])
    size = 8 + len(data)
    udp = struct.pack("!HHHH", source[1], to[1], size, 0) + data
    checksum = _checksum(ends + struct.pack("!HH", 17, size) + udp) or 0xFFFF  # RFC 768
    udp = udp[:6] + struct.pack("!H", checksum) + data
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, ident, 0x4000, 64, 17, 0) + ends
    ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ends
    return _mac(ends[4:]) + _mac(ends[:4]) + b"\x08\x00" + ip + udp


def _ipv4(text):
    return bytes(int(part) for part in text.split("."))


def _mac(ipv4):
    return b"\x02\x00" + ipv4  # locally administered


def _checksum(data):
    # RFC 1071: the ones' complement of the ones' complement sum of 16-bit words
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
