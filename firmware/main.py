"""Power on: read the settings, open the sockets, be a phone until interrupted.

micropython main.py [settings.json]
"""

import gc
import os
import sys

from srvphone import account
from srvphone.net import Net
from srvphone.phone import Phone
from srvphone.trace import Trace, line


class Files:
    """The file system as `account` wants it handed in."""

    open = open
    rename = os.rename


def listener(level):
    """What shows the trace on the console: `off`, `notes`, `lines` or `hex`."""

    def show(record):
        if record[5] is None or level != "notes":
            print(line(record, level == "hex"))

    return None if level == "off" else show


def main(path="srvphone.json"):
    """Be the phone of this settings file. 2 if there is something wrong with the file."""
    settings, faults = account.load(account.read(path, Files))
    for fault in faults:
        print("settings fault:", fault)
    if faults:
        return 2
    net = Net(Phone(settings, os.urandom, Trace(listener(settings.trace))))
    gc.collect()
    if hasattr(gc, "threshold"):  # not on CPython
        gc.threshold(8192)
    net.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
