"""`srvphone board-test`: the phone's vectors, and its figures of heap and speed, on a board.

    with Unix() as place:            # or Wasm32(), OnBoard(port)
        results = run(place, print)
        results.rows, results.faults()

A place runs MicroPython code with a folder of files: a board over mpremote's transport, the unix
port, wasm32. The parts (tools/board_test) run one after the other, each in a new interpreter, so
that each begins with an empty heap; a board is soft-reset between them. What is sent is the phone
of this tree, compiled as for a board, into /board_test; the phone that is on the board stays as it
is, and is started again at the end.
"""

import ast
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from srvphone.dns import wire
from srvphone_host.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
PARTS = ROOT / "tools/board_test"
CORE = ROOT / "host_tests/core"
VECTORS = ROOT / "host_tests/vectors"
BUILT = ROOT / "build/board_test"

TESTS = (  # on a board: those with little memory
    PARTS / "test_vectors.py",
    CORE / "test_clock.py",
    CORE / "test_md5.py",
    CORE / "test_digest.py",
)
PICO_W_HEAP = 209800  # gives wasm32 the 199,376 bytes that a Pico W has free at main.py's start
SMALL = 90112  # bytes with which the phone must still fail over and back
# key -> (what, unit, the limit, which is a verdict on a Pico W alone: there it was meant)
ROWS = {
    "version": ("MicroPython", "", None),
    "machine": ("machine", "", None),
    "arch": ("architecture of .mpy files", "", None),
    "passed": ("tests passed", "", None),
    "failed": ("tests failed", "", None),
    "free_start": ("free heap at the start", "bytes", None),
    "import_ms": ("import of the phone's modules", "ms", None),
    "import_heap": ("heap that they take", "bytes", None),
    "query_ms": ("main.py's first line to the first DNS query, WiFi apart", "ms", ("<=", 400)),
    "register_ms": ("first query to registered, work alone", "ms", ("<=", 30)),
    "free_registered": ("free when registered", "bytes", (">=", 117456)),
    "over": ("fails over and back", "", None),
    "small": ("fails over and back with %d bytes free at the start", "", ("==", "yes")),
    "small_end": ("then free", "bytes", None),
    "md5_hashlib": ("md5 of 64 bytes, hashlib's", "us", None),
    "md5_own": ("md5 of 64 bytes, our own", "us", None),
    "srv_us": ("the guide's SRV answer to ordered targets", "us", None),
    "srv_bytes": ("heap allocated for it", "bytes", None),
    "loop_us": ("one turn of the board's loop with nothing to do", "us", None),
}
HOME = "/board_test"
MOST_S = 120  # a board may be silent for so long
_REMOVE = """\
import os
def _remove(path):
    try:
        if os.stat(path)[0] & 0x4000:
            for name in os.listdir(path):
                _remove(path + "/" + name)
            os.rmdir(path)
        else:
            os.remove(path)
    except OSError:
        pass
_remove(%r)
"""
_DOG = """\
try:
    from board import PORT, WATCHDOG_MS
    if WATCHDOG_MS:
        import machine
        _dog = machine.WDT(timeout=WATCHDOG_MS)
        _timer = machine.Timer(
            0 if PORT == "esp32" else -1, period=1000, callback=lambda timer: _dog.feed())
except ImportError:
    pass
"""
_ABOUT = """\
import sys
i = sys.implementation
print("row version", "%d.%d.%d" % i.version[:3], i.version[3] if i.version[3:] else "")
print("row machine", getattr(i, "_machine", sys.platform))
arch = ",x86,x64,armv6,armv6m,armv7m,armv7em,armv7emsp,armv7emdp,xtensa,xtensawin,rv32imc,rv64imc"
try:
    from board import HEAP_FREE
    print("row heap_free", HEAP_FREE)
except ImportError:
    pass
print("row arch", arch.split(",")[getattr(i, "_mpy", 0) >> 10 & 15] or "none")
"""

DESCRIPTION = """\
Runs on the board: the vectors (the guide's DNS messages and registration, RFC 9267's hostile
messages), the tests of wrapping ticks and of digests, and measurements of heap and speed. Each
result is shown as it comes, then all figures in one table. How much heap should stay free says the
data of the board; the other limits give a verdict only on a Pico W, for which they were set.

--on unix and --on wasm32 print the same table of a MicroPython on this computer. Microseconds are
the computer's then; bytes are a board's on wasm32, and about twice as many on unix (64 bit), where
the phone with little memory gets twice as much, therefore. On wasm32 it gets 5 KB more, as garbage
is collected there between two turns of the phone alone.
"""
MORE = """\
The board's own phone is interrupted, its files are left alone, and it is started again at the end.

exit code: 0 all tests passed and every verdict is good, 1 not so, 2 it could not be tried
"""


def options(parser):
    parser.description, parser.epilog = DESCRIPTION, MORE
    add = parser.add_argument
    add("--on", choices=("board", "unix", "wasm32"), default="board", help="default: board")
    add("--port", metavar="PORT", help="the board's serial port; not needed if there is but one")
    add("--dry-run", action="store_true", help="send and run nothing, say what would be")
    add("--json", action="store_true", help="for scripts: JSON on standard output, nothing else")


def stage(folder, wants=("-msmall-int-bits=31",)):
    """Put all that is to run into `folder`, compiled with these options: [names in it]."""
    from srvphone_host.mpy import compile_file, compile_tree

    shutil.rmtree(folder, ignore_errors=True)
    compile_tree(ROOT / "firmware/srvphone", folder / "srvphone", wants)
    (folder / "srvphone/dns/compose.mpy").unlink()  # no phone loads it
    for name in ("responder", "common", "story", "speed", "checks"):
        compile_file(PARTS / (name + ".py"), folder / (name + ".mpy"), wants)
    tests = []
    for path in TESTS:
        # Without the -O3 of the others, which would leave out what the tests assert.
        compile_file(path, folder / (path.stem + ".mpy"), ["-O0", *wants])
        names = re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M)
        tests += ["%s %s\n" % (path.stem, name) for name in names]
    (folder / "phone.json").write_text(json.dumps(settings()), encoding="utf-8")
    texts = {"tests": tests, "rooms": [rooms()], **vectors()}
    for name, lines in texts.items():
        (folder / (name + ".txt")).write_text("".join(lines), encoding="utf-8")
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def settings():
    """The settings of the phone that is measured."""
    sys.path.insert(0, str(PARTS))
    try:
        import responder
    finally:
        sys.path.remove(str(PARTS))
    return {
        "dns_servers": [responder.SERVER],
        "local_address": responder.PHONE,
        "trace": "off",
        "accounts": [responder.ACCOUNT],
    }


def rooms():
    """The modules that boot.py imports one by one, in its order."""
    text = (ROOT / "firmware/srvphone/board/boot.py").read_text(encoding="utf-8")
    found = ""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and node.targets[0].id in ("_ROOMS", "_RUNNER"):
            found += ast.literal_eval(node.value.args[0])
    return found


def vectors():
    """Those of host_tests/vectors as lines: a board has no memory for that much JSON."""

    def read(name):
        return json.loads((VECTORS / name).read_text(encoding="utf-8"))

    frames = read("guide_registration.json")["frames"]
    first = frames[2]["t"]  # the refresh at which the primary is dead
    return {
        "guide": ["%(direction)s %(hex)s\n" % m for m in read("guide_dns.json")["messages"]],
        "rfc9267": [
            "%d %s\n" % (getattr(wire, v["code"]), v["hex"])
            for v in read("rfc9267.json")["vectors"]
        ],
        "frames": [
            "f %d %s %s\n" % (round((f["t"] - first) * 1000), f["from"], f["info"]) for f in frames
        ],
    }


class Unix:
    """The unix port on this computer."""

    name = "the unix port"
    small = 2 * SMALL  # its objects are twice as large
    folder = BUILT / "unix"

    def __enter__(self):
        from srvphone_host.phone_process import find_interpreter

        found = find_interpreter()
        if not found.micropython:
            raise LabError("there is no MicroPython here; `make setup` installs it")
        self._start = [found.path, "-X", "heapsize=1M"]
        stage(self.folder, ())
        return self

    def __exit__(self, *_):
        pass

    def about(self, show):
        self._lines(show, [*self._start, "-c", _ABOUT])

    def part(self, show, *arguments):
        """Run a part; show(line) gets what it prints, line by line."""
        words = map(str, (self.folder, *arguments))
        self._lines(show, [*self._start, str(PARTS / "launch.py"), *words])

    def _lines(self, show, command, **more):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more
        ) as process:
            try:
                for line in process.stdout:
                    show(line.rstrip("\n"))
            finally:
                process.kill()


class Wasm32(Unix):
    """MicroPython on wasm32; for the figures of memory a heap of a Pico W's size."""

    name = "wasm32"
    small = SMALL
    folder = BUILT / "wasm32"

    def __enter__(self):
        if not (ROOT / "tools/wasm/node_modules").exists() or not shutil.which("node"):
            raise LabError("there is no MicroPython for wasm32 here; `make setup`, with npm")
        stage(self.folder)
        return self

    def about(self, show):
        (self.folder / "about.py").write_text(_ABOUT, encoding="utf-8")
        self._run(show, self.folder / "about.py", "")

    def part(self, show, *arguments):
        folder = self.folder.relative_to(ROOT).as_posix()
        # The tests of all hashes would leave more garbage in one turn than fits: a heap as it is.
        heap = str(PICO_W_HEAP) if arguments[0] == "story" else ""
        self._run(show, PARTS / "launch.py", heap, folder, *map(str, arguments))

    def _run(self, show, script, heap, *arguments):
        folder = self.folder.relative_to(ROOT).as_posix()
        script = script.relative_to(ROOT).as_posix()
        command = ["node", "tools/wasm/run.mjs", ".", folder, script, *arguments]
        self._lines(show, command, cwd=ROOT, env={**os.environ, "HEAP": heap})


class OnBoard:
    """A board, over mpremote's transport. Its watchdog may run, which nothing stops: a part
    begins by feeding it from a Timer, as the soft reset before ended that of the phone."""

    small = SMALL

    def __init__(self, port=None, out=None):
        self._port = port
        self._say = out or (lambda text: None)

    def __enter__(self):
        from srvphone_host import remote

        self._board = board = remote.Board(remote.choose(self._port))
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(board)  # resets it at the end, so that the phone runs again
        self._stack.callback(self._remove)
        try:
            board.check_version()
            self.name = "%s at %s" % (board.facts.text, board.device)
            if board.facts.platform in ("linux", "darwin"):
                self.small = Unix.small
            march = board.facts.arch
            wants = ["-march=" + march] if march not in ("", "?", "x64", "x86") else []
            bits = [] if board.facts.platform in ("linux", "darwin") else ["-msmall-int-bits=31"]
            folder = BUILT / "board"
            self._send(folder, stage(folder, bits + wants))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def _send(self, folder, names):
        board = self._board
        board.left = "The phone on it was not changed; /board_test may be left."
        self._remove()
        folders = {"/".join(n.split("/")[:i]) for n in names for i in range(1, n.count("/") + 1)}
        board.run("import os\nos.mkdir(%r)" % HOME)
        for name in sorted(folders):
            board.run("os.mkdir(%r)" % (HOME + "/" + name))
        for i, name in enumerate(names):
            self._say("%2d of %d  %s" % (i + 1, len(names), name))
            board.put(HOME + "/" + name, (folder / name).read_bytes())

    def _remove(self):
        self._board.run(_REMOVE % HOME)

    def about(self, show):
        self._exec(show, _ABOUT)

    def part(self, show, *arguments):
        transport = self._board.transport
        transport.exit_raw_repl()
        with contextlib.redirect_stdout(io.StringIO()):
            transport.enter_raw_repl(soft_reset=True, timeout_overall=15)
        words = ["launch.py", HOME, *map(str, arguments)]
        self._exec(show, _DOG)
        launch = (PARTS / "launch.py").read_text(encoding="utf-8")
        self._exec(show, "import sys\nsys.argv[:] = %r\n" % words + launch)

    def _exec(self, show, code):
        from mpremote.transport import TransportError

        rest = bytearray()

        def take(data):
            rest.extend(data.replace(b"\x04", b""))
            while b"\n" in rest:
                line, _, left = rest.partition(b"\n")
                rest[:] = left
                show(line.decode("utf-8", "replace").rstrip("\r"))

        try:
            _, error = self._board.transport.exec_raw(code, timeout=MOST_S, data_consumer=take)
        except (TransportError, OSError) as e:
            raise LabError("the board fell silent: %s" % e) from None
        for line in error.decode("utf-8", "replace").splitlines():
            show(line)


class Results:
    """What the parts printed: figures, failed tests, and what else was said."""

    def __init__(self, small):
        self.rows = {}
        self.failed = []
        self.said = []
        self._small = small

    def take(self, line):
        word, _, rest = line.partition(" ")
        if word == "row":
            key, _, value = rest.partition(" ")
            self.rows[key] = _number(value)
        elif word == "fail":
            self.failed.append(rest)
        elif word != "pass" and line.strip():
            self.said.append(line)

    def what(self, key):
        what = ROWS[key][0]
        return what % self._small if "%d" in what else what

    def limit(self, key):
        """(comparison, bound, is it meant for this board?); None if the row has none.

        How much should stay free is said by the data of each board (HEAP_FREE); the other limits
        were set for a Pico W.
        """
        limit = ROWS[key][2]
        own = key == "free_registered" and self.rows.get("heap_free")
        if own:
            return limit[0], own, True
        return limit and (*limit, "Pico W" in str(self.rows.get("machine")))

    def verdict(self, key):
        """True or False where the limit was meant, None elsewhere."""
        how, bound, meant = self.limit(key) or (None, None, False)
        if not meant:
            return None
        value = self.rows.get(key)
        if value is None or isinstance(value, str) != isinstance(bound, str):
            return False
        return value <= bound if how == "<=" else value >= bound if how == ">=" else value == bound

    def faults(self):
        """What is not as it should be, as sentences."""
        out = ["failed: " + test for test in self.failed]
        if not self.rows.get("passed"):
            out.append("the tests were not run to the end")
        for key in ROWS:
            if self.verdict(key) is False:
                out.append("%s: %s" % (self.what(key), self.rows.get(key, "not measured")))
            elif key not in self.rows and key != "small_end":
                out.append("not measured: " + self.what(key))
        return out


def _number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def run(place, show=lambda line: None):
    """Run every part: Results. show(line) gets each line as it comes."""
    results = Results(place.small)

    def take(line):
        results.take(line)
        show(line)

    place.about(take)
    place.part(take, "checks")
    place.part(take, "story")
    place.part(take, "story", place.small)
    results.rows.setdefault("small", "no")
    place.part(take, "speed")
    return results


def _dry_run(arguments, say):
    """Say what would be done; a board is only asked what it is."""
    if arguments.on == "board":
        from srvphone_host import remote

        with remote.Board(remote.choose(arguments.port)) as board:
            board.check_version()
            say("On %s at %s:" % (board.facts.text, board.device))
    names = stage(BUILT / "dry")
    size = sum((BUILT / "dry" / name).stat().st_size for name in names)
    say("%d files, %d bytes, would go to %s, for the time of the test" % (len(names), size, HOME))
    for test in (BUILT / "dry/tests.txt").read_text(encoding="utf-8").splitlines():
        say("test    " + test)
    for key in ROWS:
        say("figure  " + ROWS[key][0].replace("%d", str(SMALL)))
    if arguments.json:
        print(json.dumps({"dry_run": True, "files": names}, indent=1))
    return 0


def do_board_test(arguments):
    from rich.table import Table

    from srvphone_host import show

    out = show.console(stderr=arguments.json)

    def say(line):
        out.print(line, markup=False, highlight=False, soft_wrap=True)

    places = {"unix": Unix, "wasm32": Wasm32}
    make = places.get(arguments.on) or (lambda: OnBoard(arguments.port, say))
    if arguments.dry_run:
        return _dry_run(arguments, say)
    with make() as place:
        say("On %s:" % place.name)
        results = run(place, lambda line: None if line.startswith("row ") else say(line))
    table = Table("figure", "measured", "limit", title="board test: " + place.name)
    for key, (_, unit, _) in ROWS.items():
        value = results.rows.get(key, "-")
        text = f"{value:,.1f}" if isinstance(value, float) else value
        text = f"{value:,}" if isinstance(value, int) else text
        good = results.verdict(key)
        bound = "%s %s" % results.limit(key)[:2] if results.limit(key) else ""
        if good is not None:
            bound += ": yes" if good else ": NO"
        measured = "none" if value == "none" else "%s %s" % (text, unit)
        table.add_row(results.what(key), measured, bound)
    if arguments.json:
        record = {"on": place.name, "rows": results.rows, "faults": results.faults()}
        print(json.dumps(record, indent=1))
    else:
        out.print(table)
    for fault in results.faults():
        out.print("WRONG: %s" % fault, style="bold red")
    return 1 if results.faults() else 0
