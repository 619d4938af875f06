"""Power on: read the settings, be a phone until Ctrl-C, and leave the board in order.

    boot.main("srvphone.json")     # 0; 2: the settings have a fault; 3: three crashes in a row

What the board has says the module `board`, see boards/; where there is none this is a computer,
whose network is simply there and whose crashes pass through (W12). `load` gives the modules board,
machine, network and so on by name, so that stand-ins can take their place.
"""

import gc
import os
import sys

from micropython import const

from ..clock import diff, later

VERSION = "0.1.0"

# In an order in which each finds what it needs already there. Garbage is collected before each, so
# that what stays lies close together and what is free is in one piece.
_ROOMS = const(
    "core dns.wire dns.answer dns.cache dns.resolver transport locate.srv locate.naptr "
    "locate.plan failover sip.message sip.digest sip.transaction sip.credentials sip.client "
    "sip.expires sip.register sip.registration phone trace net"
)
_RUNNER = const(" board.link board.panel board.runner")  # a computer has none
_TURN_MS = const(1000)
_FAREWELL_MS = const(5000)
_CALM_MS = const(600000)  # 10 min

# Of `trace` in the settings.
_TRACE_OFF = const(1)
_NOTES = const(2)
_HEX = const(3)


class Files:
    """The file system as `account` and `crash` want it handed in."""

    open = open
    rename = os.rename


def main(path="srvphone.json", load=__import__):
    try:
        board = load("board")
    except ImportError:
        board = None
    print("srvphone", VERSION, "on", board.NAME if board else sys.platform)
    try:
        machine = load("machine")
    except ImportError:
        machine = None
    if not hasattr(machine, "reset"):  # a computer
        return _phone(path, board, load, None)
    from .crash import guard

    code = guard(machine, Files, lambda crashes: _phone(path, board, load, crashes))
    if code == 3:
        print("3 crashes in a row, see crash.txt. The network stays off until the next start.")
    return code


def _settings(path):
    """(settings, faults). What reads them is needed no more, and leaves the heap before the phone
    comes."""
    import srvphone
    from srvphone import account

    loaded = account.load(account.read(path, Files))
    for kind in (account.Settings, account.Account, account.Network):
        kind.fields = None  # `del` would keep what it held
    del srvphone.account, sys.modules["srvphone.account"]
    return loaded


def _listener(level):
    """What shows the trace on the console."""
    from srvphone.trace import line, masked

    def show(record):
        data = record[5]
        if data is None or level != _NOTES:
            print(line(record), end="")
            if data and level == _HEX:
                print(" | ", end="")
                for piece in masked(data):
                    for i in range(0, len(piece), 32):  # a long text would want its heap at once
                        print(piece[i : i + 32].hex(), end="")
            print()

    return None if level == _TRACE_OFF else show


def _phone(path, board, load, crashes):
    """Be the phone of this settings file until Ctrl-C."""
    settings, faults = _settings(path)
    for fault in faults:
        print("settings fault:", fault)
    if faults:
        return 2
    bare = not board or board.NETWORK == "host"
    for room in (_ROOMS if bare else _ROOMS + _RUNNER).split():
        gc.collect()
        __import__("srvphone." + room)
    if sys.platform in ("linux", "darwin"):
        from srvphone.hostnet import HostNet as Net
    else:
        from srvphone.net import Net
    from srvphone.phone import Phone
    from srvphone.trace import Trace

    phone = Phone(settings, os.urandom, Trace(_listener(settings.trace)))
    net = Net(phone)
    gc.collect()
    if hasattr(gc, "threshold"):  # not on CPython
        gc.threshold(gc.mem_free() // 8)  # the less there is, the less may lie about
    runner = None
    if bare:
        net.online(settings.local_address, settings.dns_servers)
    else:
        from .runner import Runner

        runner = Runner(board, phone, net, load)
    calm = later(net.ticks(), _CALM_MS) if crashes else None
    try:
        while True:
            net.turn(runner.turn(net.ticks()) if runner else _TURN_MS)
            if calm is not None and diff(net.ticks(), calm) >= 0:
                calm = None
                crashes.calm()
    except KeyboardInterrupt:
        if runner:
            runner.end()
    phone.stop(net.ticks())
    until = later(net.ticks(), _FAREWELL_MS)
    while not phone.ended() and diff(until, net.ticks()) > 0:
        net.turn(diff(until, net.ticks()))
    return 0
