"""What tshark, Wireshark on the command line, reads in datagrams.

write("x.pcap", [(0.5, ("192.168.10.11", 5060), ("192.168.10.13", 5060), data)])
fields("tshark", "x.pcap", "_ws.col.Info", "_ws.malformed")       # [["Request: ...", ""]]
"""

import struct
import subprocess

from srvphone_host.pcap import ethernet

DNS_PORT = 5300  # the lab's


def write(path, datagrams):
    """A capture file of [(seconds, (source, port), (target, port), data), ...]."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, (when, source, target, data) in enumerate(datagrams):
            frame = ethernet(number, source, target, data)
            us = round(when * 1000000)
            f.write(struct.pack("<IIII", *divmod(us, 1000000), len(frame), len(frame)) + frame)


def fields(tshark, path, *names):
    """The values of the fields, as text, for each frame of a capture file."""
    command = [tshark, "-n", "-r", str(path), "-d", "udp.port==%d,dns" % DNS_PORT, "-T", "fields"]
    command += [word for name in names for word in ("-e", name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]
