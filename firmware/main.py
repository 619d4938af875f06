"""Power on: read the settings, open the sockets, be a phone until interrupted.

micropython main.py [settings.json]
"""

import gc
import os
import sys

# In an order in which each finds what it needs already there. Garbage is collected before each, so
# that what stays lies close together and what is free is in one piece.
ROOMS = (
    "clock desk dns.wire dns.answer dns.cache dns.resolver locate.srv locate.naptr locate.plan "
    "failover sip.message sip.digest sip.transaction sip.registration sip.inbound phone trace net"
)


class Files:
    """The file system as `account` wants it handed in."""

    open = open
    rename = os.rename


def load(path):
    """(settings, faults). What reads them is needed no more, and leaves the heap before the phone
    comes."""
    import srvphone
    from srvphone import account

    loaded = account.load(account.read(path, Files))
    del srvphone.account, sys.modules["srvphone.account"]
    return loaded


def listener(level):
    """What shows the trace on the console: `off`, `notes`, `lines` or `hex`."""
    from srvphone.trace import line, masked

    def show(record):
        data = record[5]
        if data is None or level != "notes":
            print(line(record), end="")
            if data and level == "hex":
                data = masked(data)
                print(" | ", end="")
                for i in range(0, len(data), 32):  # one long text would want as much heap at once
                    print(data[i : i + 32].hex(), end="")
            print()

    return None if level == "off" else show


def main(path="srvphone.json"):
    """Be the phone of this settings file. 2 if there is something wrong with the file."""
    settings, faults = load(path)
    for fault in faults:
        print("settings fault:", fault)
    if faults:
        return 2
    for room in ROOMS.split():
        gc.collect()
        __import__("srvphone." + room)
    from srvphone.net import Net
    from srvphone.phone import Phone
    from srvphone.trace import Trace

    net = Net(Phone(settings, os.urandom, Trace(listener(settings.trace))))
    gc.collect()
    if hasattr(gc, "threshold"):  # not on CPython
        gc.threshold(8192)
    net.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
