"""`srvphone lab`: the commands that break servers, while the phone is watched.

    Switchboard(lab, out).do("primary 503 30")

Commands come from a list, or line by line from standard input, which is read beside the phone.
"""

import json
import os
import queue
import sys
import threading
import time

from srvphone_host import show, table
from srvphone_host.errors import LabError

# What the number after a state means: the keyword of `switch`, how it is read.
_NUMBERS = {"503": ("retry_after", int), "slow": ("delay_s", float)}


class Quit(Exception):
    """The command to end."""


class Switchboard:
    """Carries out commands on a lab; `tell` is called with a sentence on each."""

    def __init__(self, lab, tell):
        self.lab, self.tell = lab, tell

    def do(self, text):
        """One command. Seconds to wait before the next one; Quit; LabError if it is none."""
        words = text.split()
        if not words or words[0].startswith("#"):
            return 0
        name, given = words[0], words[1:]
        if name in self.lab.servers:
            self._switch(name, given)
        elif name == "wait" and len(given) == 1:
            return _number("wait", given[0], float)
        elif name == "states" and not given:
            self._states()
        elif name == "quit" and not given:
            raise Quit
        else:
            raise LabError(
                "%r is no command; these are: %s STATE, wait SECONDS, states, quit"
                % (text, "|".join(self.lab.servers))
            )
        return 0

    def _switch(self, name, given):
        states = self.lab.states(name)
        numbers = {}
        # "wrong realm" is two words; a number may follow a state
        state = " ".join(given)
        if state not in states and len(given) > 1 and given[0] in _NUMBERS and given[0] in states:
            state = given[0]
            keyword, kind = _NUMBERS[state]
            numbers[keyword] = _number("%s %s" % (name, state), given[1], kind)
        self.lab.switch(name, state, **numbers)
        self.tell("%s: %s" % (name, " ".join(given)))

    def _states(self):
        for name in self.lab.servers:
            for state, what in self.lab.states(name).items():
                self.tell("%s %s: %s" % (name, state, what))


def _number(what, text, kind):
    try:
        value = kind(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 86400:
        raise LabError("%s wants seconds, 0 to 86400, not %r" % (what, text))
    return value


class _Json:
    """The lab's events as lines of JSON on standard output."""

    def row(self, row):
        self._print({"frame": row._asdict()})

    def note(self, line):
        self._print({"time": line.time, "rule": line.rule, "event": line.event, "text": line.text})

    def act(self, text):
        self._print({"lab": text})

    def waiting(self, text):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def _print(self, record):
        print(json.dumps(record), flush=True)


def _standard_input(commands):
    # not by sys.stdin: a thread that waits in it can't be left behind at the end
    rest = b""
    while True:
        data = os.read(0, 4096)
        *lines, rest = (rest + data).split(b"\n") if data else [rest, b"quit", b""]
        for line in lines:
            commands.put(line.decode("utf-8", "replace"))
        if not data:
            return


def run(lab, arguments, out):
    """Carry out the commands of `arguments`, or those from standard input. The exit code."""
    place = lab.place
    for name in lab.servers:
        out.print("%-8s %s:%d" % (name, *getattr(place, name)))
    phone = None
    if arguments.no_phone:
        out.print("\nA settings file for a phone of your own:", style="dim")
        out.print(json.dumps(lab.settings(), indent=1), soft_wrap=True)
    else:
        phone = lab.start_phone()
    commands = queue.Queue()
    for command in arguments.commands:
        commands.put(command)
    if arguments.commands:
        commands.put("quit")
    else:
        threading.Thread(target=_standard_input, args=(commands,), daemon=True).start()
    frames = table.Table(place.phone, place.one_address)
    listed = bool(arguments.commands)
    strict = listed or not sys.stdin.isatty()
    shown = show.Live(out, notes=True, status=listed, raw=arguments.raw)
    with _Json() if arguments.json else shown as live:
        return _loop(Switchboard(lab, live.act), commands, phone, frames, live, strict)


def _loop(board, commands, phone, frames, live, strict):
    until = 0  # the next command's time
    while True:
        if time.monotonic() >= until:
            try:
                seconds = board.do(commands.get_nowait())
                live.waiting("wait %g" % seconds)
                until = time.monotonic() + seconds
                continue
            except queue.Empty:
                pass
            except Quit:
                return 0
            except LabError as e:
                if strict:
                    raise
                live.act(str(e))
        if not phone:
            time.sleep(0.05)
            continue
        line = phone.read(0.05)
        if line:
            row = frames.row(line)
            (live.row if row else live.note)(row or line)
