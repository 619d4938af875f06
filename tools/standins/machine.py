"""Stand-in for a board's `machine`, for a real process of MicroPython's unix port, in real time.

Found before the built-in module of that name if its folder is in MICROPYPATH. As sim.machine, but:
reset() ends the process with code 77; the watchdog is a process beside it, which looks into the
file `watchdog` ten times a second and kills (SIGKILL) who did not feed it, up to a second late,
or nobody if that file is in an image that the phone has mounted.
Whoever started the phone starts it anew, with STANDIN_CAUSE=wdt if its watchdog bit. STANDIN_PORT
is rp2 or esp32. No callback of a timer ever comes: this port has threads alone for that, which
nothing locks. Nobody sees the pins.
"""

import os
import sys
import time

from sim.machine import Machine

RESET_CODE = 77
_FILE = "watchdog"
_WATCH = """(
    while kill -0 $PPID && [ ${n:=0} -lt %d ]; do
        sleep 0.1
        now=$(cat %s)
        [ -f %s ] && [ "$now" = "$last" ] && n=$((n + 1)) || n=0
        last=$now
    done
    kill -9 $PPID
) >/dev/null 2>&1 &"""

_machine = Machine(time.ticks_ms, os.getenv("STANDIN_PORT"))
if os.getenv("STANDIN_CAUSE") == "wdt":
    _machine.cause = _machine.WDT_RESET

PWRON_RESET = _machine.PWRON_RESET
HARD_RESET = _machine.HARD_RESET
WDT_RESET = _machine.WDT_RESET
Pin = _machine.Pin
SPI = _machine.SPI
Timer = _machine.Timer
reset_cause = _machine.reset_cause
unique_id = _machine.unique_id


def reset():
    sys.exit(RESET_CODE)


class WDT:
    def __init__(self, id=0, timeout=5000):
        self.dog = _machine.WDT(id, timeout)
        self.fed = 0
        self.feed()
        os.system(_WATCH % (timeout // 100, _FILE, _FILE))

    def feed(self):
        self.dog.feed()
        now = time.ticks_ms() // 100
        if now != self.fed:
            self.fed = now
            with open(_FILE, "w") as f:
                f.write(str(now))
