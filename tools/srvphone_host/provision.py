"""`srvphone provision`: the settings onto a board: WiFi, account, whatever a settings file holds.

Everything is checked here as the phone will check it, before it is sent. Passwords are never
shown; they are sent to the board alone, where the settings file holds them as they are. The file
is written beside the old one and renamed over it (W7).
"""

import copy
import getpass
import json
import sys
from pathlib import Path

from srvphone import account
from srvphone_host import remote, show
from srvphone_host.errors import LabError
from srvphone_host.settings_doc import default, with_hints

SECRET = ("password", "authenticate_password", "ha1")
STARS = "********"

_DESCRIPTION = """\
Gives the phone on a board its settings: asks for the WiFi and the account, or takes a settings
file. Everything is checked before anything is sent; then the phone starts with it, and its first
line is shown. Enter keeps what stands in [brackets], - empties a field. Passwords are not shown.
"""
_MORE = """\
examples:
  srvphone provision                            asks; what is not asked stays as it is
  srvphone provision --keep                     asks only for what is not there yet
  srvphone provision --file srvphone.json       this file, in the place of the one that is there
  srvphone provision --file one.json --keep     its fields over those that are there
  srvphone provision --file one.json --dry-run  checks the file; without a board

The README has the table of all fields. A list of accounts is laid over the other one by one, in
its order; networks by their ssid.

exit code: 0 the phone runs with it, 1 it does not or the cable was pulled, 2 a fault in the
settings, or it could not be tried
"""

# What is asked of an account: field, question, and for which DNS modes.
_SRV = ("SRV", "NAPTR/SRV")
_QUESTIONS = (
    ("sip_server", "SIP Server (the domain)", None),
    ("sip_user_id", "SIP User ID (the number)", None),
    ("authenticate_id", "Authenticate ID (empty: the SIP User ID)", None),
    ("authenticate_password", "Authenticate Password", None),
    ("outbound_proxy", "Outbound Proxy (empty: none)", None),
    ("dns_mode", "DNS Mode", None),
    ("dns_srv_failover_mode", "DNS SRV Fail-over Mode", _SRV),
    ("primary_ip", "Primary IP", ("Use Configured IP",)),
    ("backup_ip_1", "Backup IP 1 (empty: none)", ("Use Configured IP",)),
)
_NEEDED = ("ssid", "sip_server", "sip_user_id")


def options(parser):
    parser.description, parser.epilog = _DESCRIPTION, _MORE
    add = parser.add_argument
    remote.options(parser)
    add("--file", metavar="FILE", help="a settings file (JSON) instead of questions")
    add(
        "--keep",
        action="store_true",
        help="keep what is there: ask for the rest, or lay FILE over",
    )
    add("--dry-run", action="store_true", help="check and show, send nothing")
    add("--json", action="store_true", help="for scripts: JSON on standard output, nothing else")


def do_provision(arguments):
    out = show.console(stderr=arguments.json)
    given = read_file(arguments.file) if arguments.file else None
    if given is None and not sys.stdin.isatty():
        raise LabError("questions want a terminal; give the settings as a file: --file FILE")
    if given is not None and not arguments.keep:
        check(given)  # no board is needed to find its faults
        if arguments.dry_run:
            return _end(arguments, out, None, given, "Would send this:", None)
    with remote.Board(remote.choose(arguments.port), out) as board:
        board.check_version()
        present = _present(board, out, given is None or arguments.keep)
        if given is None:
            settings = ask(present or {}, board.facts.network, Terminal(out), arguments.keep)
        else:
            settings = laid_over(present or {}, given) if arguments.keep else given
        data = check(settings)
        if arguments.dry_run:
            return _end(arguments, out, board, settings, "Would send this:", None)
        if settings == present:
            out.print("Nothing has changed, nothing was sent.")
        else:
            board.left = "The settings that were there still hold."
            board.put(remote.SETTINGS + ".new", data)
            board.run("import os\nos.rename(%r, %r)" % (remote.SETTINGS + ".new", remote.SETTINGS))
            board.left = "The new settings are there."
        if "main.py" not in board.facts.root:
            out.print("There is no phone on the board yet: `make flash` is next.", style="bold")
            board.reset()
            return _end(arguments, out, board, settings, "The settings:", None)
        with out.status("waiting for the phone's first line"):
            first = board.restart()
        return _end(arguments, out, board, settings, "The settings:", first)


def _end(arguments, out, board, settings, title, first):
    text = json.dumps(masked(settings), indent=1, ensure_ascii=False)
    out.print(title)
    out.print(text, soft_wrap=True, style="dim")
    if first:
        out.print(first, style="bold green")
        out.print("`make trace` shows how it registers.")
    if arguments.json:
        record = {
            "port": board.device if board else None,
            "dry_run": arguments.dry_run,
            "settings": masked(settings),
            "first_line": first,
        }
        print(json.dumps(record, indent=1))
    return 0


def read_file(name):
    """The object that the file holds. No error shows what is in it."""
    try:
        settings = json.loads(Path(name).read_text(encoding="utf-8-sig"))
    except OSError as e:
        raise LabError("%s: %s" % (name, e.strerror)) from None
    except UnicodeDecodeError:
        raise LabError("%s: not UTF-8" % name) from None
    except json.JSONDecodeError as e:
        raise LabError(
            "%s, line %d, column %d: not JSON: %s" % (name, e.lineno, e.colno, e.msg)
        ) from None
    except RecursionError:
        raise LabError("%s: lists or objects in too many others" % name) from None
    if not isinstance(settings, dict):
        raise LabError("%s: not an object {...}" % name)
    return settings


def check(settings):
    """The bytes for the board. LabError with all faults, which show no values."""
    data = json.dumps(settings, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")
    _, faults = account.load(data)
    if faults:
        raise LabError("\n  ".join(["faults in the settings:", *with_hints(faults, data)]))
    return data


def masked(thing):
    """The same without its secrets."""
    if isinstance(thing, dict):
        return {k: STARS if k in SECRET and v else masked(v) for k, v in thing.items()}
    return [masked(one) for one in thing] if isinstance(thing, list) else thing


def _present(board, out, wanted):
    """The settings on the board; None if there are none or they can't be read."""
    data = board.read(remote.SETTINGS) or board.read(remote.SETTINGS + ".new")
    if not data:
        return None
    try:
        settings = json.loads(data.decode("utf-8-sig"))
        if isinstance(settings, dict):
            return settings
    except (ValueError, RecursionError):
        pass
    if wanted:
        out.print("The settings on the board can't be read; they will be replaced.")
    return None


def laid_over(old, new):
    """`old` with the fields of `new`: accounts one by one, networks by their ssid."""
    result = {**copy.deepcopy(old), **{k: v for k, v in new.items() if k not in _LISTS}}
    for name, lay in _LISTS.items():
        if name in new:
            olds = old.get(name, [])
            both = all(isinstance(one, list) for one in (olds, new[name]))
            result[name] = lay(olds, new[name]) if both else new[name]
    return result


def _accounts(olds, news):
    found = [_secrets({**old, **new}, new) for old, new in zip(olds, news)]
    return found + copy.deepcopy(olds[len(news) :]) + news[len(olds) :]


def _networks(olds, news):
    names = [new.get("ssid") for new in news if isinstance(new, dict)]
    others = [old for old in olds if not isinstance(old, dict) or old.get("ssid") not in names]
    return news + copy.deepcopy(others)


_LISTS = {"accounts": _accounts, "networks": _networks}


def _secrets(account_, new):
    # a password takes the place of its hash, and the other way round
    for name, other in (("authenticate_password", "ha1"), ("ha1", "authenticate_password")):
        if new.get(name):
            account_.pop(other, None)
    return account_


class Terminal:
    """Asks a person."""

    def __init__(self, out):
        self.tell = out.print

    def text(self, question):
        return input(question).strip()

    def secret(self, question):
        return getpass.getpass(question)


def ask(present, network, terminal, keep=False):
    """New settings: those that are there, with what a person answers. `network`: of the board."""
    settings = copy.deepcopy(present)
    dialog = _Dialog(terminal, keep)
    try:
        if network in ("WLAN", ""):
            _ask_wifi(dialog, settings)
        if not isinstance(settings.get("accounts"), list) or not settings["accounts"]:
            settings["accounts"] = [{}]
        one = settings["accounts"][0]
        for field, question, modes in _QUESTIONS:
            if modes is None or one.get("dns_mode", default(account.Account, "dns_mode")) in modes:
                dialog.field(one, field, question, "accounts", account.Account)
                if field == "authenticate_password" and one.get(field):
                    one.pop("ha1", None)
        dialog.field(
            settings,
            "dns_servers",
            "DNS servers, with commas between (empty: those that the network names)",
            None,
            account.Settings,
        )
    except EOFError:
        raise LabError("the questions were not answered; nothing was sent") from None
    return settings


def _ask_wifi(dialog, settings):
    networks = settings.get("networks") or [{}]
    first = dict(networks[0])
    name = first.get("ssid")
    dialog.field(first, "ssid", "WiFi network (SSID)", "networks", account.Network)
    if first.get("ssid") != name:
        known = [one for one in networks if one.get("ssid") == first["ssid"]]
        first = dict(known[0]) if known else {"ssid": first["ssid"]}
    dialog.field(first, "password", "WiFi password", "networks", account.Network)
    settings["networks"] = _networks(networks, [first])
    if settings["networks"] and not settings["networks"][-1].get("ssid"):
        settings["networks"].pop()
    dialog.field(
        settings,
        "country",
        "Country of the WiFi, two letters (empty: everywhere)",
        None,
        account.Settings,
    )


class _Dialog:
    def __init__(self, terminal, keep):
        self._terminal = terminal
        self._keep = keep

    def field(self, thing, name, question, where, kind):
        """Ask until the answer suits, and put it into `thing`."""
        allowed = kind.fields[name]
        present = thing.get(name)
        choices = allowed.split("|") if "|" in allowed and allowed[0] not in "<[{" else []
        if self._keep and (present or name in thing):
            return
        while True:
            answer = self._answer(name, question, present, choices)
            if answer is None:  # as it is
                if present or name not in _NEEDED:
                    return
                answer = ""
            fault = _fault(name, answer, where)
            if not fault:
                break
            self._terminal.tell("  %s" % fault)
        if answer in ("", []):
            thing.pop(name, None)
        else:
            thing[name] = answer

    def _answer(self, name, question, present, choices):
        """What was answered; None: leave it as it is."""
        ask = self._terminal
        if name in SECRET:
            hint = "Enter keeps it" if present else "Enter: none"
            return ask.secret("%s (not shown; %s): " % (question, hint)) or None
        if choices:
            for n, choice in enumerate(choices, 1):
                ask.tell("  %d  %s" % (n, choice))
            present = present or choices[0]
        shown = ",".join(present) if isinstance(present, list) else present
        text = ask.text("%s%s: " % (question, " [%s]" % shown if shown else ""))
        if not text:
            return None
        if text == "-":
            text = ""
        if choices and text.isdigit() and 0 < int(text) <= len(choices):
            return choices[int(text) - 1]
        if name == "dns_servers":
            return [one.strip() for one in text.split(",") if one.strip()]
        return text


def _fault(name, answer, where):
    """What is wrong with an answer, "" if nothing."""
    if answer in ("", []):
        return "%s: must be set" % name if name in _NEEDED else ""
    thing = {name: answer}
    if where == "accounts":
        thing = {"sip_server": "example.com", "sip_user_id": "1", **thing}
    elif where == "networks":
        thing = {"ssid": "example", **thing}
    _, faults = account.load(json.dumps({where: [thing]} if where else thing))
    return "; ".join(text.rpartition("].")[2] for text in with_hints(faults))
