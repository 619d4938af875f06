"""Stand-in for a board's `network`, for a real process of MicroPython's unix port, in real time.

    MICROPYPATH=tools/standins:tools:firmware STANDIN_PORT=rp2 STANDIN_ETHER=ether.json \\
        micropython firmware/main.py

STANDIN_PORT is rp2 or esp32. STANDIN_ETHER names a JSON file, read again whenever the phone looks
at its interface, so that a test turns access points on and off from outside:

    {"points": [{"ssid": "home", "password": "p", "on": true,
                 "address": "127.0.0.11", "dns": "127.0.0.53"}]}

With "does": "crash" beside the points the next look raises, with "hang" it does not come back.
Behaves as sim.ether says. Differs from a board, besides: real sockets carry datagrams whatever
the access point does; what ends with the network is what the phone itself closes.
"""

import json
import os
import time

from sim.ether import Ether

_PATH = os.getenv("STANDIN_ETHER")
_seen = {"looking": False, "text": ""}


def _now():
    if not _seen["looking"]:
        _seen["looking"] = True
        try:
            _look()
        finally:
            _seen["looking"] = False
    return time.ticks_ms()


def _look():
    with open(_PATH) as f:
        text = f.read()
    if text == _seen["text"]:
        return
    _seen["text"] = text
    wanted = json.loads(text)
    for i, new in enumerate(wanted["points"]):
        if i == len(_ether.points):
            _ether.point(new["ssid"], new["password"], new["address"], new["dns"]).on = new["on"]
        point = _ether.points[i]
        point.password = new["password"]
        if (point.address, point.dns) != (new["address"], new["dns"]):
            point.renews(new["address"], new["dns"])
        if point.on != new["on"]:
            if new["on"]:
                point.comes()
            else:
                point.goes(True)
    does = wanted.get("does")
    if does == "crash":
        raise RuntimeError("the stand-in was told to crash")
    while does == "hang":
        time.sleep(1)


_ether = Ether(_now, os.getenv("STANDIN_PORT"))
_now()
for _key in dir(_ether.network):
    if _key[0] != "_":
        globals()[_key] = getattr(_ether.network, _key)
