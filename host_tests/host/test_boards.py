"""boards/: every folder is complete and true, as far as that can be told without the board.

What firmware/srvphone/board/runner.py does with a board's modules is done here with modules made
of the port's stubs (`.venv/stubs`): a class, method, constant or argument that they do not know is
an error. Where the stubs themselves are wrong, CORRECTED says so.
"""

import ast
import inspect
import re
import shutil
from types import SimpleNamespace

import pytest

from core_tests import ROOT
from srvphone import account
from srvphone.board import runner
from srvphone.phone import Phone
from srvphone.trace import Trace
from srvphone_host import boards, mpy
from srvphone_host.boards import BOARDS, BoardError, build, load

NAMES = boards.boards()
STUBS = ROOT / ".venv/stubs"
ON_BOARDS = [name for name in NAMES if load(name).PORT != "unix"]
SECTIONS = ["Wiring", "MicroPython", "The phone", "Limits"]
WATCHDOG_MOST_MS = {"armv6m": 8388, "armv7emsp": 16777}  # RP2040, RP2350

# Where the stubs are wrong: what MicroPython's sources have in that place.
CORRECTED = {
    # extmod/network_wiznet5k.c. The stubs are those of a Pico W.
    "rp2": """
class WIZNET5K:
    def __init__(self, spi, cs, reset, intn=None, /): ...
    def active(self, is_active=None, /): ...
    def isconnected(self): ...
    def status(self): ...
    def config(self, *args, **kwargs): ...
    def ifconfig(self, config=None, /): ...
    def ipconfig(self, *args, **kwargs): ...
""",
    # ports/esp32/network_lan.c and its manual. The stubs have the LAN of other ports.
    "esp32": """
class LAN:
    def __init__(self, id=0, *, mdc, mdio, power=None, reset=None, phy_type, phy_addr,
        ref_clk=None, ref_clk_mode=None): ...
    def ipconfig(self, *args, **kwargs): ...
""",
}


# Each folder


def test_all_boards_of_the_plan_are_there():
    known = (
        "ESP32_GENERIC ESP32_GENERIC_C3 ESP32_GENERIC_S3 OLIMEX_ESP32_POE RPI_PICO2_W RPI_PICO_W"
    )
    assert " ".join(NAMES) == known + " UNIX W5500_EVB_PICO"
    assert sorted(path.name for path in BOARDS.iterdir()) == NAMES, "a folder without board.py"


@pytest.mark.parametrize("name", NAMES)
def test_folder_is_complete(name):
    folder = BOARDS / name
    kept = {path.name for path in folder.iterdir()} - {"__pycache__"}
    assert kept == {"board.py", "manifest.py", "README.md"}
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# %s: " % name)
    assert [line[3:] for line in lines if line.startswith("## ")] == SECTIONS
    assert len(lines) <= 40 and max(map(len, lines)) <= 99, "more than a screen"
    text = "\n".join(lines)
    board = load(name)
    if board.PORT != "unix":
        assert "https://micropython.org/download/%s/" % name in text
        assert "make flash BOARD=%s " % name in text
        assert "not tried on a board yet" in text.lower(), "say who tried it, and when"
        assert "after %.1f s" % (board.WATCHDOG_MS / 1000) in text
    if board.PORT == "esp32":
        offset = "0x1000" if board.NAME in ("ESP32_GENERIC", "OLIMEX_ESP32_POE") else "0x0"
        assert "esptool --baud 460800 write-flash %s %s-" % (offset, name) in text
    for pin in [board.LED, board.BUTTON, *board.NETWORK_PINS.values()]:
        if isinstance(pin, int) and pin > 1:
            assert re.search(r"\b(GPIO)?%d\b" % pin, text), "pin %d is not in README.md" % pin


@pytest.mark.parametrize("name", NAMES)
def test_data_agree_with_themselves(name):
    board = load(name)
    assert name == board.NAME
    assert board.PORT in ("rp2", "esp32", "unix")
    network = {"rp2": ("WLAN", "WIZNET5K"), "esp32": ("WLAN", "LAN"), "unix": ("host",)}
    assert board.NETWORK in network[board.PORT]
    assert bool(board.NETWORK_PINS) == (board.NETWORK in ("LAN", "WIZNET5K"))
    assert board.LED_KIND in ("pin", "neopixel")
    assert board.LED_ON in (0, 1) and board.BUTTON_DOWN in (0, 1)
    if board.BUTTON == "BOOTSEL":
        assert (board.PORT, board.BUTTON_DOWN) == ("rp2", 1)
    pins = [board.LED, board.BUTTON]
    pins += [board.NETWORK_PINS.get(key) for key in ("sck", "mosi", "miso", "cs", "reset", "intn")]
    pins += [board.NETWORK_PINS.get(key) for key in ("mdc", "mdio", "power", "ref_clk")]
    pins = [pin for pin in pins if pin is not None]
    assert len(set(pins)) == len(pins), "one pin, two uses"
    assert (board.HEAP_FREE > 0) == (board.WATCHDOG_MS > 0) == (board.PORT != "unix")


@pytest.mark.parametrize("name", ON_BOARDS)
def test_w11_watchdog_is_within_the_limit_of_the_chip(name):
    board = load(name)
    assert 5000 <= board.WATCHDOG_MS <= WATCHDOG_MOST_MS.get(board.MARCH, 60000)


@pytest.mark.parametrize("name", NAMES)
def test_manifest_freezes_the_ports_own_first(name):
    """Run as MicroPython's tools/manifestfile.py does: paths are relative to the manifest."""
    done = []

    def run(path):
        def include(manifest):
            if manifest.startswith("$("):
                done.append(manifest)
            else:
                run((path.parent / manifest).resolve())

        def package(package, base_path=".", opt=None):
            files = (path.parent / base_path / package).rglob("*.py")
            done.extend(file.relative_to(path.parent).as_posix() for file in files)
            assert opt == 3

        def module(file, base_path=".", opt=None):
            assert (path.parent / base_path / file).is_file() and opt == 3
            done.append(file)

        exec(path.read_text(encoding="utf-8"), {k: v for k, v in locals().items() if callable(v)})

    run(BOARDS / name / "manifest.py")
    own = {
        "rp2": "$(PORT_DIR)/boards/%s/manifest.py" % name,
        "esp32": "$(PORT_DIR)/boards/manifest.py",
        "unix": "$(PORT_DIR)/variants/standard/manifest.py",
    }
    assert done[0] == own[load(name).PORT]
    assert {"main.py", "board.py", "srvphone/phone.py", "srvphone/board/boot.py"} <= set(done)
    assert len(set(done)) == len(done)


# What the phone does with it


class Port:
    """The modules of a port, made of its stubs. Every call must fit one of the stub's signatures;
    `answers` has what it gives back, `used` the calls that were made, both by name."""

    def __init__(self, name, answers):
        self.folder = STUBS / name
        self.answers = answers
        self.used = set()
        self.shared = {}  # what the stubs' own helpers are
        for path in (self.folder / "_mpy_shed").glob("*.pyi"):
            self.shared.update(nodes_of(path))
        self.corrected = nodes_of(CORRECTED[name])

    def load(self, module):
        paths = self.folder / (module + ".pyi"), self.folder / module / "__init__.pyi"
        path = next((path for path in paths if path.exists()), None)
        if not path:
            raise ImportError(module)
        nodes = nodes_of(path)
        if module == "network":
            for name in self.corrected:
                nodes[name] = nodes.get(name, []) + self.corrected[name]
        return SimpleNamespace(**self._made(nodes, module))

    def _made(self, nodes, path):
        # {name: value, function or class}
        made = {}
        for name, found in nodes.items():
            first, where = found[0], "%s.%s" % (path, name)
            if isinstance(first, ast.FunctionDef):
                made[name] = self._function(where, found)
            elif isinstance(first, ast.ClassDef):
                parts = {}
                for node in [*(self._bases(first)), *found]:
                    parts.update(nodes_of(node))
                made[name] = type(name, (), self._made(parts, where))
            else:
                try:
                    made[name] = ast.literal_eval(first.value)
                except ValueError:  # the stub does not say
                    made[name] = where
        return made

    def _bases(self, node):
        bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
        return [node for base in bases for node in self.shared.get(base, ())]

    def _function(self, path, overloads):
        def function(*arguments, **keywords):
            self.used.add(path)
            faults = []
            for node in overloads:
                try:
                    signature(node).bind(*arguments, **keywords)
                    break
                except TypeError as e:
                    faults.append(str(e))
            else:
                raise TypeError("%s: %s" % (path, ", or ".join(faults)))
            answer = self.answers.get(path)
            return answer(*arguments, **keywords) if callable(answer) else answer

        return function


def nodes_of(source):
    """{name: [nodes]} of a stub, its text or a class in it."""
    if not isinstance(source, ast.AST):
        source = ast.parse(source if isinstance(source, str) else source.read_text("utf-8"))
    found = {}
    for node in source.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = [node]
    return found


def signature(node):
    """Of a function in a stub; a method's has self."""
    given, kinds = node.args, inspect.Parameter
    parameters = []
    ordered = given.posonlyargs + given.args
    for arg in ordered:
        kind = kinds.POSITIONAL_OR_KEYWORD if arg in given.args else kinds.POSITIONAL_ONLY
        optional = ordered.index(arg) >= len(ordered) - len(given.defaults)
        parameters.append(kinds(arg.arg, kind, default=None if optional else kinds.empty))
    if given.vararg:
        parameters.append(kinds(given.vararg.arg, kinds.VAR_POSITIONAL))
    for arg, default in zip(given.kwonlyargs, given.kw_defaults):
        default = None if default else kinds.empty
        parameters.append(kinds(arg.arg, kinds.KEYWORD_ONLY, default=default))
    if given.kwarg and not given.kwonlyargs:  # else those that have a name are all there are
        parameters.append(kinds(given.kwarg.arg, kinds.VAR_KEYWORD))
    return inspect.Signature(parameters)


class Net:
    """What the runner wants of it; notes what it is told."""

    heard = None

    def __init__(self):
        self.told = []

    def online(self, host, servers):
        self.told.append((host, servers))

    def offline(self):
        self.told.append(None)


SETTINGS = """{"hostname": "phone-7", "country": "DE",
    "networks": [{"ssid": "home", "password": "secret sauce"}],
    "accounts": [{"sip_server": "example.com", "sip_user_id": "7"}]}"""


@pytest.mark.parametrize("name", ON_BOARDS)
def test_stubs_know_all_that_the_phone_does_with_the_board(name):
    board = load(name)
    up, wires = [], []

    def pin(self, number, *mode):
        self.number = number

    def wired(self, *arguments, **keywords):
        wires.extend(getattr(it, "number", it) for it in [*arguments, *keywords.values()])

    nic = "network.%s." % board.NETWORK
    answers = {
        nic + "isconnected": lambda self: bool(up),
        nic + "ipconfig": ("192.0.2.7", "255.255.255.0"),
        nic + "ifconfig": ("192.0.2.7", "255.255.255.0", "192.0.2.1", "192.0.2.53"),
        "network.ipconfig": "2001:db8::53",  # so that ifconfig is asked, too
        nic + "__init__": wired,
        "machine.SPI.__init__": wired,
        "machine.Pin.__init__": pin,
        "neopixel.NeoPixel.__len__": 1,
        "rp2.bootsel_button": 0,
        "machine.Pin.value": lambda self, *to: None if to else 1 - board.BUTTON_DOWN,
    }
    port = Port(board.PORT, answers)
    machine = port.load("machine")
    answers[nic + "status"] = port.load("network").STAT_IDLE
    settings, faults = account.load(SETTINGS)
    assert not faults
    net, phone = Net(), Phone(settings, lambda n: bytes(n), Trace())
    it = runner.Runner(board, phone, net, port.load)

    def turn(first_s, last_s):
        for ms in range(first_s * 1000, last_s * 1000, 50):
            it.turn(ms)

    turn(0, 5)
    assert net.told == []
    up.append(True)
    turn(5, 10)
    assert net.told == [("192.0.2.7", [("192.0.2.53", 53)])]
    up.clear()
    turn(10, 40)
    assert net.told[1:] == [None]
    it.end()

    for wire in board.NETWORK_PINS.values():
        if isinstance(wire, str):  # the name of a constant
            owner, _, constant = wire.rpartition(".")
            wire = getattr(machine.Pin if owner else port.load("network"), constant)
        assert wire in wires
    used = {nic + call for call in ("active", "isconnected", "ipconfig", "ifconfig")}
    used |= {"network.ipconfig", "network.hostname", "network.country"}
    used |= {"machine.WDT.__init__", "machine.WDT.feed", "machine.Timer.__init__"}
    if board.NETWORK == "WLAN":
        used |= {nic + call for call in ("config", "connect", "disconnect", "status")}
    if board.NETWORK == "WIZNET5K":
        used.add("machine.SPI.__init__")
    if board.LED_KIND == "neopixel":
        used |= {"neopixel.NeoPixel.__setitem__", "neopixel.NeoPixel.write"}
    if board.BUTTON == "BOOTSEL":
        used.add("rp2.bootsel_button")
    assert used <= port.used
    # and what boot.py wants
    assert machine.reset and machine.WDT_RESET is not None
    machine.reset_cause()


@pytest.mark.parametrize("port, name", [("rp2", "WIZNET5K"), ("esp32", "LAN")])
def test_the_stubs_are_still_wrong_there(port, name):
    """Else CORRECTED can go."""
    stub = nodes_of(STUBS / port / "network.pyi")
    methods = {method for node in stub.get(name, ()) for method in nodes_of(node)}
    assert "ipconfig" not in methods


# The files that go onto a board


def test_one_set_of_files():
    """For armv6m and for no architecture: the same bytes, but for what a computer alone needs."""
    pico, unix = build("RPI_PICO_W"), build("UNIX")
    assert unix.keys() - pico.keys() == {"srvphone/hostnet.mpy"}
    assert pico.keys() <= unix.keys()
    assert [path for path in pico if pico[path] != unix[path]] == ["board.mpy"]
    assert {path for path in pico if not path.startswith("srvphone/")} == {"main.py", "board.mpy"}
    assert "srvphone/dns/compose.mpy" not in unix
    for path, data in pico.items():
        if path.endswith(".mpy"):  # version 6, no architecture, small integers of 31 bits
            assert data[:2] == b"M\x06" and not data[2] & 0xFC and data[3] == 31, path


def test_what_has_not_changed_is_not_compiled_again(tmp_path, monkeypatch):
    firmware = tmp_path / "firmware"
    shutil.copytree(boards.FIRMWARE, firmware, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(boards, "FIRMWARE", firmware)
    compiled = []
    real = mpy.compile_file
    monkeypatch.setattr(
        mpy, "compile_file", lambda py, *more: (compiled.append(py.name), real(py, *more))
    )
    target = tmp_path / "built"
    files = build("RPI_PICO_W", target)
    assert len(compiled) == len(files) - 1
    assert (target / "main.py").read_bytes() == files["main.py"]
    del compiled[:]
    assert build("RPI_PICO_W", target) == files and not compiled
    with (firmware / "srvphone/clock.py").open("a") as f:
        f.write("NEW = 1\n")
    (firmware / "srvphone/trace.py").unlink()
    changed = build("RPI_PICO_W", target)
    assert compiled == ["clock.py"]
    assert set(files) - set(changed) == {"srvphone/trace.mpy"}
    assert not (target / "srvphone/trace.mpy").exists()
    assert build("RPI_PICO_W", target) == changed
    (firmware / "srvphone/clock.py").write_text("def (:\n")
    with pytest.raises(BoardError, match=r"clock.py does not compile:(.|\n)*SyntaxError"):
        build("RPI_PICO_W", target)


def test_adding_a_board_is_adding_a_folder(tmp_path):
    folder = tmp_path / "boards"
    shutil.copytree(BOARDS / "RPI_PICO_W", folder / "MY_BOARD")
    data = folder / "MY_BOARD/board.py"
    text = data.read_text().replace('"RPI_PICO_W"', '"MY_BOARD"').replace('"LED"', "15")
    data.write_text(text)
    assert boards.boards(folder) == ["MY_BOARD"]
    assert load("MY_BOARD", folder).LED == 15
    files = build("MY_BOARD", tmp_path / "built", folder)
    pico = build("RPI_PICO_W")
    assert files["board.mpy"] != pico["board.mpy"]
    assert files.keys() == pico.keys()


@pytest.mark.parametrize(
    "change, fault",
    [
        (("WATCHDOG_MS = 8300", ""), "missing, unknown or of another type: WATCHDOG_MS"),
        (("LED_ON = 1", "LED_ON = 1\nCOLOUR = 2"), "another type: COLOUR"),
        (("LED_ON = 1", "LED_ON = True"), "another type: LED_ON"),
        (('PORT = "rp2"', "PORT = 2"), "another type: PORT"),
        (("8300", "8000 + 300"), "only NAME = literal"),
        (("LED_ON = 1", "import os"), "line .* is something else"),
        (("LED_ON = 1", "LED_ON ="), "only NAME = literal"),
    ],
)
def test_w8_fault_in_a_board_file_is_named(tmp_path, change, fault):
    shutil.copytree(BOARDS / "RPI_PICO_W", tmp_path / "B")
    data = tmp_path / "B/board.py"
    text = data.read_text()
    assert change[0] in text
    data.write_text(text.replace(*change))
    with pytest.raises(BoardError, match=fault):
        load("B", tmp_path)


@pytest.mark.parametrize("name", ["RPI_PICO", "", "../boards/UNIX", "UNIX/"])
def test_unknown_board_shows_the_known_ones(name):
    with pytest.raises(BoardError) as error:
        load(name)
    assert all(known in str(error.value) for known in NAMES)
