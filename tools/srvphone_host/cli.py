"""The `srvphone` command: `srvphone COMMAND --help` tells what each of them is for.

A command is a function `do_NAME(arguments)` that returns the exit code, and a function that adds
its options to a parser; COMMANDS lists both. Exit codes: 0 all well, 1 what was to be shown did
not happen, 2 it could not even be tried (a wrong option, a missing program, no board).
"""

import argparse
import json
import signal
import sys

from srvphone_host import board_test, console, deploy, provision
from srvphone_host.errors import LabError

_DESCRIPTION = """\
Tools around srvphone, a SIP phone for MicroPython that finds its servers by DNS (NAPTR, SRV, A)
and fails over as a Grandstream GRP26xx does.
"""

_DEMO = """\
A real phone, on MicroPython where there is one, registers at a primary and a backup server on
this machine. The primary dies; the phone sends its REGISTER three times, gives up 3.5 s after the
first and goes on to the backup; the primary returns, and the fail-over mode decides what now.

You see all datagrams as in the DNS SRV Guide's Figure 4, a picture of them, and the gaps between
the three sends, which must be 0.5, 1.0 and 2.0 s within 10 %. Between the datagrams the phone says
what it makes of them, each time with the number of the rule (firmware/RULES.md).
"""

_DEMO_MORE = """\
fail-over modes (DNS SRV Fail-over Mode in the guide):
  default      each refresh starts again at the primary
  ttl          stays with the server that answered until the DNS records' TTL is up
  no-response  stays with the server that answered until it does not answer
  failback     stays there until the failback timer is up

DNS modes: how the phone gets from test.grandstream.com to addresses:
  a              one question for addresses; port 5060
  srv            SRV, then the addresses of its targets in order of priority
  naptr          NAPTR first, which says that SRV over UDP is next
  configured-ip  no DNS at all: Primary IP and Backup IP of the settings
  a and configured-ip know only the fail-over mode default.

exit code: 0 the phone did what its mode says, 1 it did not or a gap is wrong, 2 it did not start
"""

_LAB = """\
The servers of the demo with a switchboard, and a phone to watch: break things and see what it
does. Commands come from the command line, one argument each, or line by line from standard input:
"""

_LAB_COMMANDS = """\
  primary STATE     what the primary server does from now on; likewise backup, dns
  wait SECONDS      go on watching before the next command
  states            which STATEs there are
  quit              end (as does the end of the commands)
"""

_LAB_MORE = """\
examples:
  srvphone lab                                  type commands, watch the table
  srvphone lab "wait 2" "primary refused" "wait 10"
  srvphone lab --mode ttl "wait 3" "primary 503 30" "wait 20" --json
  srvphone lab --no-phone                       servers for a phone of your own; settings are shown
"""


def _common_options(parser):
    from srvphone_host import lab, sentences

    add = parser.add_argument
    add("--mode", choices=lab.FAILOVER_MODES, default="default", help="the fail-over mode")
    add("--dns", choices=lab.DNS_MODES, default="srv", help="the DNS mode (default: srv)")
    add(
        "--servers",
        choices=("lab", "real"),
        default="lab",
        help="lab: our own, nothing to install (the default); real: Knot DNS and Kamailio, "
        "from Debian by `make servers`",
    )
    add(
        "--one-address",
        action="store_true",
        help="all servers on ports of 127.0.0.1, as where the system has no other address",
    )
    sentences.option(parser)
    add("--json", action="store_true", help="for scripts: JSON on standard output, nothing else")


def _demo_options(parser):
    parser.description, parser.epilog = _DEMO, _DEMO_MORE
    _common_options(parser)


def _lab_options(parser):
    parser.description, parser.epilog = _LAB + "\n" + _LAB_COMMANDS, _LAB_MORE
    _common_options(parser)
    parser.add_argument("--no-phone", action="store_true", help="only the servers")
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help="see above")


def do_demo(arguments):
    from srvphone_host import demo, lab, show

    out = show.console(stderr=arguments.json)
    with _lab(lab, arguments, out) as place:
        story = demo.STORIES[arguments.mode]
        out.print("Fail-over mode %s: %s.\n" % (arguments.mode, story.title))
        with show.Live(out, raw=arguments.raw) as live:
            result = demo.run(place, live)
        if arguments.json:
            print(json.dumps(_demo_record(arguments, place, result), indent=1))
    out.print("\n%s\n" % result.picture, soft_wrap=True)
    if result.gaps:
        gaps = " and ".join(map(demo.seconds, result.gaps))
        verdict = "no" if demo.gap_faults(result.gaps) else "yes"
        due = demo.seconds(demo.GAPS_S)
        out.print("Gaps between the sends: %s s; due %s s within 10 %%: %s" % (gaps, due, verdict))
    for fault in result.faults:
        out.print("WRONG: %s" % fault, style="bold red")
    if not result.faults:
        out.print("%s: %s." % (arguments.mode, story.last), style="bold green")
    return 1 if result.faults else 0


def _demo_record(arguments, place, result):
    return {
        "mode": arguments.mode,
        "dns": arguments.dns,
        "servers": arguments.servers,
        "phone": place.interpreter.label,
        "visits": [seen._asdict() for seen in result.visits],
        "gaps_s": result.gaps,
        "faults": result.faults,
        "frames": [row._asdict() for row in result.rows],
    }


def _lab(module, arguments, out):
    """The Lab that the options describe; says on what the phone will run."""
    lab = module.Lab(
        dns=arguments.dns,
        mode=arguments.mode,
        servers=arguments.servers,
        one_address=arguments.one_address,
    )
    out.print("Phone: %s" % (lab.interpreter,))
    return lab


def do_lab(arguments):
    from srvphone_host import lab, show, switchboard

    out = show.console(stderr=arguments.json)
    with _lab(lab, arguments, out) as place:
        return switchboard.run(place, arguments, out)


COMMANDS = {
    "demo": (_demo_options, do_demo, "a phone that fails over, here and now"),
    "lab": (_lab_options, do_lab, "DNS server, registrars and a phone to break things with"),
    "flash": (
        deploy.flash_options,
        deploy.do_flash,
        "the phone onto a board, or up to date there",
    ),
    "provision": (provision.options, provision.do_provision, "its settings: WiFi and account"),
    "console": (console.console_options, console.do_console, "type on the board"),
    "trace": (console.trace_options, console.do_trace, "watch the phone on the board"),
    "board-test": (board_test.options, board_test.do_board_test, "tests and figures on the board"),
    "undeploy": (deploy.undeploy_options, deploy.do_undeploy, "the phone off the board"),
    "firmware-manifest": (
        deploy.manifest_options,
        deploy.do_firmware_manifest,
        "how to freeze the phone into MicroPython",
    ),
}


def parser():
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser("srvphone", description=_DESCRIPTION, formatter_class=raw)
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name, (options, function, help_) in COMMANDS.items():
        command = commands.add_parser(name, help=help_, formatter_class=raw)
        options(command)
        command.set_defaults(function=function)
    return top


def main(argv=None):
    arguments = parser().parse_args(argv)
    # ended from outside: leave through the `with` blocks, which end what was started
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return arguments.function(arguments)
    except LabError as e:
        print("srvphone: %s" % e, file=sys.stderr)
        return getattr(e, "exit_code", 2)
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
