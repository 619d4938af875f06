"""`srvphone flash`, `undeploy` and `firmware-manifest`: the phone onto a board, and off it.

    with remote.Board(port) as board:
        result = update(board, boards.build("RPI_PICO_W"), out)

An update is whole or it is not there (W14). What has changed goes to /update and is compared by
its hashes; then update/apply.py is renamed into place, which is the moment that counts. It moves
every file to where it belongs, and can be cut off anywhere and run again, which main.py does at
each start. main.py is moved first: the board's own may be none of ours, and then nobody else would
go on.

Limit: on a FAT file system a file is removed before another is renamed to its name; a power cut
between the two, at main.py itself, leaves a board that starts nothing. Boards have littlefs.
"""

import contextlib
import hashlib
import json
import re
from pathlib import PurePosixPath

from srvphone_host import boards, remote, show
from srvphone_host.errors import LabError

UPDATE = "update"
# What is the phone's on a board. board.py would go before board.mpy.
OURS = ("main.py", "board.mpy", "board.py", "srvphone")
WRITTEN = ("srvphone.json", "srvphone.json.new", "crash.txt", "crash.txt.new")  # by the phone

_FLASH = """\
Puts the phone onto a board that has MicroPython, or brings the phone that is there up to date: the
files are compiled for it, what differs from what is there is sent, compared by its hash and put in
place all at once; then the board is reset, and the phone's first line shown.

A cable that is pulled meanwhile leaves the old phone or the new one, whole.
"""
_FLASH_MORE = """\
examples:
  srvphone flash --board RPI_PICO_W
  srvphone flash --board ESP32_GENERIC_S3 --port /dev/ttyACM1
  srvphone flash --board RPI_PICO_W --dry-run     what would be sent

exit code: 0 the phone runs, 1 it does not or the cable was pulled, 2 it could not be tried
"""
_UNDEPLOY = """\
Removes from a board what flash put there. The settings and the record of crashes stay, unless
--all is given.
"""
_UNDEPLOY_MORE = """\
exit code: 0 it is gone, 1 it is not or the cable was pulled, 2 it could not be tried
"""
_MANIFEST = """\
Prints how to build a MicroPython for a board that has the phone frozen in: it then takes no room
in the file system, hardly any heap for its code, and starts faster. For development flash is the
better way. Nothing is run.
"""

_APPLY = '''\
"""Made by `srvphone flash`. Moves an update to its place; if it is cut off, it is run again."""

import os


def do(what, done, *paths):
    try:
        what(*paths)
    except OSError as e:
        if done and e.args[0] != done:
            raise


for path in %r:
    do(os.mkdir, 17, path)  # EEXIST
for path in %r:
    do(os.rename, 2, "update/" + path, path)  # ENOENT: it was moved before
for path in %r:
    do(os.remove, 2, path)
for path in %r:
    do(os.rmdir, 0, path)
os.remove("update/apply.py")
do(os.rmdir, 0, "update")
'''

# Not imported: an update of before may have left its own update.apply in sys.modules.
_APPLY_NOW = 'with open("update/apply.py") as _f:\n    _f = _f.read()\nexec(_f, {})'

_MKDIR = """\
import os
for _p in %r:
    try:
        os.mkdir(_p)
    except OSError as e:
        if e.args[0] != 17:
            raise
"""

# main.py comes first: what is cut off here starts no half phone.
_REMOVE = """\
import os
for _p in %r:
    os.remove(_p)
for _p in %r:
    os.rmdir(_p)
"""


def flash_options(parser):
    parser.description, parser.epilog = _FLASH, _FLASH_MORE
    add = parser.add_argument
    add("--board", metavar="BOARD", help="which board it is, a folder of boards/")
    remote.options(parser)
    add(
        "--replace",
        action="store_true",
        help="a main.py on the board that is none of the phone's is given up",
    )
    add(
        "--dry-run",
        action="store_true",
        help="change nothing; the phone that is there is started again",
    )
    add("--json", action="store_true", help="for scripts: JSON on standard output, nothing else")


def undeploy_options(parser):
    parser.description, parser.epilog = _UNDEPLOY, _UNDEPLOY_MORE
    add = parser.add_argument
    remote.options(parser)
    add("--all", action="store_true", help="the settings and the record of crashes, too")
    add("--dry-run", action="store_true", help="change nothing, say what would be removed")
    add("--json", action="store_true", help="for scripts: JSON on standard output, nothing else")


def manifest_options(parser):
    parser.description = _MANIFEST
    add = parser.add_argument
    add("--board", metavar="BOARD", help="a folder of boards/")
    add("--dry-run", action="store_true", help="the same: nothing is run")
    add("--json", action="store_true", help="for scripts: JSON on standard output, nothing else")


def named_board(arguments):
    """The data of the board that --board names."""
    if not arguments.board:
        raise LabError(
            "which board is it? As in BOARD=RPI_PICO_W (or --board). These are known:\n  %s"
            % "\n  ".join(boards.boards())
        )
    return boards.load(arguments.board)


def do_flash(arguments):
    out = show.console(stderr=arguments.json)
    data = named_board(arguments)
    port = remote.choose(arguments.port)
    files = boards.build(data.NAME)
    with remote.Board(port) as board:
        board.check_version()
        check_kind(board, data)
        out.print("%s at %s: %s" % (data.NAME, board.device, board.facts.text))
        if not board.facts.md5:
            out.print(
                "There is no MD5 in this MicroPython%s: the phone's own is used, which is slower\n"
                "(board-test prints its cost)."
                % (" (rp2 has it from 1.27 on)" if data.PORT == "rp2" else "")
            )
        result = update(board, files, out, arguments.dry_run, arguments.replace)
        settings = remote.SETTINGS in board.facts.root
        first = None
        if not arguments.dry_run:
            with out.status("waiting for the phone's first line"):
                first = board.restart()
            out.print(first, style="bold green")
            if not settings:
                out.print("It has no settings yet: `make provision` is next.", style="bold")
    if arguments.json:
        record = {
            "board": data.NAME,
            "port": board.device,
            "facts": board.facts._asdict(),
            "dry_run": arguments.dry_run,
            **result,
            "first_line": first,
            "settings": settings,
        }
        print(json.dumps(record, indent=1))
    return 0


def check_kind(board, data):
    """LabError if what is there is not of the kind that was named."""
    facts = board.facts
    port = _port(facts)
    arch = facts.arch
    # A MicroPython without native code names no architecture.
    if port == data.PORT and (not arch or not data.MARCH or arch == data.MARCH):
        chip = re.search(r"ESP32-?([A-Z]\d)?", facts.machine.rpartition(" with ")[2])
        of_name = re.search(r"_([A-Z]\d)$", data.NAME)
        if not chip or chip[1] == (of_name and of_name[1]):
            return
    alike = [name for name in boards.boards() if _kind(boards.load(name)) == (port, arch)]
    raise LabError(
        "at %s is %s (%s), not a %s (%s).\n%s"
        % (
            board.device,
            facts.machine or facts.platform,
            ", ".join(filter(None, (port, arch))),
            data.NAME,
            ", ".join(filter(None, (data.PORT, data.MARCH))),
            "Name what it is, as in BOARD=%s, or another port. Boards of that kind: %s"
            % (alike[0], ", ".join(alike))
            if alike
            else "None of the boards that are known (boards/) is of that kind.",
        )
    )


def _kind(data):
    return data.PORT, data.MARCH


def _port(facts):
    return "unix" if facts.platform in ("linux", "darwin") else facts.platform


def sha(data):
    return hashlib.sha256(data).hexdigest()


def parents(paths):
    """The folders that the paths lie in, outer before inner."""
    found = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    return sorted(found - {"."})


def apply_source(files, gone, folders_gone):
    """update/apply.py: it moves `files`, removes `gone`, and the folders that are empty then."""
    files = sorted(files, key=lambda path: (path != "main.py", path))
    waited_in = parents(UPDATE + "/" + path for path in files)[::-1]
    empty = [folder for folder in waited_in if folder != UPDATE]
    return _APPLY % (parents(files), files, sorted(gone), empty + sorted(folders_gone)[::-1])


def update(board, files, out, dry_run=False, replace=False):
    """Make the phone on the board that of `files` ({path: bytes}). What was done, for --json.

    The phone must be started anew afterwards. With `dry_run` nothing is changed.
    """
    there = board.look(*OURS, UPDATE)
    if UPDATE + "/apply.py" in there and not dry_run:
        out.print("An update that was cut off is brought to its end.")
        board.run(_APPLY_NOW)
        there = board.look(*OURS, UPDATE)
    wanted = {path: sha(data) for path, data in files.items()}
    waiting = {path: mark for path, mark in there.items() if path.startswith(UPDATE + "/")}
    ours = {path: mark for path, mark in there.items() if path not in (UPDATE, *waiting)}
    changed = [path for path in wanted if wanted[path] != ours.get(path)]
    gone = [path for path, mark in ours.items() if mark and path not in wanted]
    kept = parents(wanted)
    folders_gone = [path for path, mark in ours.items() if not mark and path not in kept]
    if "main.py" in ours and "main.py" in changed and not replace:
        _check_main(board)
    result = {"changed": changed, "removed": gone, "sent": 0}
    if not changed and not gone:
        out.print("Nothing has changed, nothing was sent.")
        if UPDATE in there and not dry_run:
            remove(board, waiting, UPDATE)
        return result
    # Of an update that was cut off before it counted, what arrived whole need not be sent again.
    arrived = [path for path in changed if waiting.get(UPDATE + "/" + path) == wanted[path]]
    to_send = [path for path in changed if path not in arrived]
    size = sum(len(files[path]) for path in to_send)
    _check_room(board, files, to_send)
    if ours or dry_run:
        for path in changed:
            out.print("  %s %s" % ("changed" if path in ours else "new    ", path), style="dim")
        for path in gone:
            out.print("  no more %s" % path, style="dim")
    many = "%d of %d files, %d bytes" % (len(to_send), len(files), size)
    if dry_run:
        out.print("Would send %s." % many)
        return result
    board.left = "The update did not get there: the phone that was there starts."
    stale = {p: m for p, m in waiting.items() if p[len(UPDATE) + 1 :] not in (*arrived, *kept)}
    remove(board, stale)
    try:
        board.run(_MKDIR % ([UPDATE, *parents(UPDATE + "/" + path for path in changed)],))
        with _progress(out, "sending " + many, size) as progress:
            for path in to_send:
                board.put(UPDATE + "/" + path, files[path], progress)
                progress(len(files[path]), path)
        board.put(UPDATE + "/apply.new", apply_source(changed, gone, folders_gone).encode())
    except remote.Failed:
        if not board.broken:  # too full, say: the old phone shall have the room for itself
            remove(board, board.look(UPDATE))
        raise
    board.run('os.rename("update/apply.new", "update/apply.py")')
    board.left = "The update is there as a whole: the new phone starts."
    board.run(_APPLY_NOW)
    there = board.look(*OURS, UPDATE)
    wrong = [path for path in wanted if there.get(path) != wanted[path]]
    if wrong or UPDATE in there:
        raise remote.Failed("not in place after all: %s" % ", ".join(wrong or [UPDATE]))
    result["sent"] = size
    out.print("Sent %s; all hashes are right." % many)
    return result


def _check_main(board):
    if "srvphone" not in _text(board, "main.py"):
        raise LabError(
            "the board has a main.py that is none of the phone's. To keep it:\n"
            "  mpremote connect %s resume cp :main.py saved_main.py\n"
            'Then say --replace (make flash ... ARGS="--replace").' % board.device
        )


def _text(board, path):
    return (board.read(path) or b"").decode("utf-8", "replace")


def _check_room(board, files, to_send):
    """LabError if old and new do not fit on the board side by side."""
    block = board.facts.block
    need = sum(-(-len(files[path]) // block) for path in to_send)
    need += 2 * len(parents(to_send)) + 2 * len(parents(["update/" + p for p in to_send])) + 4
    if need * block > board.facts.room:
        raise LabError(
            "the board's file system is too full: %d bytes are free, and the update takes up to\n"
            "%d, since the old phone stays until the new one is whole. Remove what is not the\n"
            "phone's, or take the old one off first: make undeploy (the settings stay)."
            % (board.facts.room, need * block)
        )


def remove(board, there, *folders):
    """Remove from the board what `look` found: the files in their order, then the folders."""
    files = [path for path, mark in there.items() if mark]
    inner = {path for path, mark in there.items() if not mark} | set(folders)
    if files or inner:
        board.run(_REMOVE % (files, sorted(inner)[::-1]))


@contextlib.contextmanager
def _progress(out, title, size):
    """progress(bytes of this file, its path once it is done): a bar, or without a terminal a line
    before."""
    if not out.is_terminal:
        out.print(title[0].upper() + title[1:])
        yield lambda count, path=None: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    done = [0]
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(title, total=size)

        def progress(count, path=None):
            bar.update(task, completed=done[0] + count)
            if path:
                done[0] += count

        yield progress


def do_undeploy(arguments):
    out = show.console(stderr=arguments.json)
    with remote.Board(remote.choose(arguments.port)) as board:
        names = ["main.py", "board.mpy", "srvphone", UPDATE]
        names += WRITTEN if arguments.all else []
        there = board.look(*names)
        if "main.py" in there and "srvphone" not in _text(board, "main.py"):
            out.print("main.py is none of the phone's, and stays.")
            del there["main.py"]
        if not there:
            out.print("There is nothing of the phone on the board.")
        elif arguments.dry_run:
            for path in there:
                out.print("  %s" % path, style="dim")
            out.print("Would remove these %d." % len(there))
        else:
            board.left = "Not all was removed."
            with out.status("removing"):
                remove(board, there)
                left = board.look(*names)
            if set(left) & set(there):
                raise remote.Failed("still there: %s" % ", ".join(set(left) & set(there)))
            out.print("Removed %d files and folders." % len(there), style="bold green")
            if remote.SETTINGS in board.facts.root and not arguments.all:
                out.print("The settings (%s) stay; --all removes them." % remote.SETTINGS)
            board.reset()
    if arguments.json:
        record = {"port": board.device, "dry_run": arguments.dry_run, "removed": list(there)}
        print(json.dumps(record, indent=1))
    return 0


def manifest_commands(data, path):
    """How MicroPython is built with this manifest: [(command, what it is for)]."""
    of_port = "make -C ports/%s" % data.PORT
    board = "" if data.PORT == "unix" else " BOARD=" + data.NAME
    commands = [
        ("git clone https://github.com/micropython/micropython", "1.24 or newer; cd into it"),
        ("make -C mpy-cross", "the compiler"),
    ]
    if data.PORT == "esp32":
        commands.insert(1, (". esp-idf/export.sh", "ESP-IDF, as ports/esp32/README.md says"))
    commands += [
        ("%s%s submodules" % (of_port, board), "the libraries"),
        ("%s%s FROZEN_MANIFEST=%s" % (of_port, board, path), "the firmware"),
    ]
    if data.PORT == "esp32":
        idf = "idf.py -C ports/esp32 -B build -D MICROPY_BOARD=%s" % data.NAME
        idf += " -D MICROPY_FROZEN_MANIFEST=%s build" % path
        commands.append((idf, "the same by idf.py"))
    return commands


_RESULTS = {"rp2": "firmware.uf2", "esp32": "firmware.bin", "unix": "micropython"}


def do_firmware_manifest(arguments):
    data = named_board(arguments)
    path = boards.BOARDS / data.NAME / "manifest.py"
    if not path.exists():
        raise LabError("%s has no manifest.py" % path.parent)
    commands = manifest_commands(data, path)
    folder = "build-standard" if data.PORT == "unix" else "build-" + data.NAME
    result = "ports/%s/%s/%s" % (data.PORT, folder, _RESULTS[data.PORT])
    if arguments.json:
        record = {
            "board": data.NAME,
            "manifest": str(path),
            "commands": [command for command, _ in commands],
            "result": result,
        }
        print(json.dumps(record, indent=1))
        return 0
    out = show.console()
    out.print("The manifest: %s\n" % path, soft_wrap=True)
    for command, what in commands:
        out.print("    # %s\n    %s" % (what, command), soft_wrap=True)
    out.print("\nThe result is %s. How it gets onto the board says" % result)
    out.print("boards/%s/README.md. Settings come as ever: make provision." % data.NAME)
    return 0
