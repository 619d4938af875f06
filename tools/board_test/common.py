"""What the parts of the board test share: rows, free memory, a phone with the guide's account.

Every result is a line of its own, as soon as it is there: `row NAME FIGURE`, `pass TEST`,
`fail TEST` and a traceback. So one sees how far a board came that does not come to the end.
"""

import gc
import os
import sys

import responder

WASM = sys.platform == "webassembly"
COULD_GROW = 128 << 20 if WASM else 0  # there a part of what mem_free says; the heap is bounded


# What a phone leaves behind in one turn, up to 6.7 KB after a 401, is collected in its midst on a
# board, but at its end on wasm32; so there a little more has to be free than on a board.
GARBAGE = 5 * 1024 if WASM else 0


def row(name, figure):
    print("row", name, figure)


def free():
    """Bytes that are free. On an ESP32 with what its heap can still grow by."""
    return gc.mem_free() - COULD_GROW


def folder():
    return sys.argv[1] + "/"


class Random:
    """Bytes that differ, where there is no os.urandom."""

    x = 1

    def urandom(self, n):
        self.x = x = self.x * 5 + 3 & 0xFFFFFF
        return (bytes((x & 255, x >> 8 & 255, x >> 16)) * (n // 3 + 1))[:n]


urandom = os.urandom if hasattr(os, "urandom") else Random().urandom


class Absent:
    """In place of socket and select on wasm32, which has neither: no socket is ever ready."""

    def poll(*_):
        return Absent

    def ipoll(*_):
        return ()


if WASM:
    sys.modules["socket"] = sys.modules["select"] = Absent


def settings(**fields):
    """The settings of a phone with the guide's account; what reads them is forgotten again."""
    import json

    import srvphone
    from srvphone import account

    text = json.dumps(
        {
            "dns_servers": [responder.SERVER],
            "local_address": responder.PHONE,
            "trace": "off",
            "accounts": [dict(responder.ACCOUNT, **fields)],
        }
    )
    found, faults = account.load(text)
    del srvphone.account, sys.modules["srvphone.account"]
    if faults:
        raise ValueError(faults)
    return found
