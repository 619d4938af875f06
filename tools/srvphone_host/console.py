"""`srvphone console` and `srvphone trace`: what the phone on a board says.

The console is mpremote's, which does not interrupt the phone by itself; the trace only listens.
"""

import json
import subprocess
import sys
import time

from srvphone_host import remote, sentences, show, table
from srvphone_host.errors import LabError
from srvphone_host.phone_process import parse

_CONSOLE = """\
An interactive console of the board: what the phone prints, and MicroPython's prompt.

  Ctrl-]   leave; the board goes on with what it does
  Ctrl-C   end the phone and get the prompt >>>
  Ctrl-D   at the prompt: start the phone again
"""
_CONSOLE_MORE = """\
at the prompt:
  print(open("crash.txt").read())       what crashed, newest first
  import machine; machine.reset()       start all anew

exit code: 0 it was left by Ctrl-], 1 the board has gone, 2 it could not be tried
"""
_TRACE = """\
Shows the phone's trace as it comes, in sentences, each with the number of the rule that acted, as
firmware/RULES.md has it. Nothing is sent to the board. If it is reset or unplugged, the trace goes
on when it is back. Ctrl-C ends it.
"""
_TRACE_MORE = """\
examples:
  srvphone trace
  srvphone trace --raw | grep "G14 silent"
  srvphone trace --seconds 60 --json | grep G14

A datagram is a line with channel (sip, dns, tcp), > (sent) or < (received), the other's address
and port, length, and what it is. --raw prints each line as the board sends it.
--json prints an object a line: time (seconds), rule, event, text and for a datagram peer, length,
data (hex); or text alone for what is no note of the trace.

exit code: 0 it was shown, 2 it could not be tried
"""


def console_options(parser):
    parser.description, parser.epilog = _CONSOLE, _CONSOLE_MORE
    remote.options(parser)
    parser.add_argument("--dry-run", action="store_true", help="show the command, do not run it")


def trace_options(parser):
    parser.description, parser.epilog = _TRACE, _TRACE_MORE
    remote.options(parser)
    add = parser.add_argument
    add("--seconds", type=float, metavar="N", help="end after N seconds (default: at Ctrl-C)")
    sentences.option(parser)
    add("--json", action="store_true", help="for scripts: an object a line")
    add("--dry-run", action="store_true", help="only say which port it would be")


def do_console(arguments):
    port = remote.choose(arguments.port)
    # "resume" is what keeps it from resetting the board first
    command = [sys.executable, "-m", "mpremote", "connect", port, "resume", "repl"]
    if arguments.dry_run:
        print(" ".join(command))
        return 0
    if not sys.stdin.isatty():
        raise LabError("the console wants a terminal; `srvphone trace` shows what the phone says")
    print("Ctrl-] leaves; Ctrl-C ends the phone, Ctrl-D then starts it again.", flush=True)
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if not done.returncode:
        return 0
    # mpremote ends with a traceback if the port goes
    last = (done.stderr.strip().splitlines() or [""])[-1]
    gone = "Traceback" in done.stderr
    raise remote.Failed("%s has gone (the cable?)" % port if gone else last)


def do_trace(arguments):
    out = show.console(stderr=arguments.json)
    port = remote.choose(arguments.port)
    if arguments.dry_run:
        out.print("Would listen at %s." % port)
        return 0
    end = time.monotonic() + arguments.seconds if arguments.seconds is not None else None
    tell = None if arguments.raw else sentences.Teller().line
    with remote.Lines(port) as lines:
        if not lines.open():
            raise LabError(remote.not_open(port))
        if out.is_terminal:
            out.print("Listening at %s; Ctrl-C ends it." % port, style="dim")
        try:
            while end is None or time.monotonic() < end:
                text = lines.read(0.1)
                if text:
                    _print(text, out, arguments.json, tell)
                elif text == "":
                    show.console(stderr=True).print("(the board has gone; waiting for it)")
        except KeyboardInterrupt:
            pass
    return 0


def _print(text, out, as_json, tell):
    """tell(text): it in words; None for the short form."""
    line = parse(text)
    if as_json:
        print(json.dumps(record(line) if line else {"text": text}), flush=True)
        return
    style = "dim" if line and line.rule == "-" else "cyan" if line and line.is_datagram else ""
    if tell:
        text = tell(text)
    # Nothing that a board says may harm a terminal.
    out.print(table.printable(text), style=style, soft_wrap=True)


def record(line):
    """A Line of the trace for JSON."""
    found = line._asdict()
    if line.is_datagram:
        return {**found, "data": line.data.hex()}
    return {name: found[name] for name in ("time", "rule", "event", "text")}
