"""Deploying (rule W14), against a real REPL behind a pseudo-terminal, and a scripted board."""

import json
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mpremote.transport import TransportError
from rich.console import Console
from serial import SerialException
from serial.tools import list_ports

from core_tests import ROOT
from srvphone_host import boards, cli, deploy, remote
from srvphone_host.errors import LabError
from srvphone_host.pty_board import PtyBoard

from .flash_cut import Flash, cuts
from .scripted_board import Scripted

MAIN = (ROOT / "firmware/main.py").read_bytes()


def phone(name, *more):
    """A small phone of three files with main.py as it is: its first line tells whose they are."""
    start = b"""
def main():
    from srvphone import one
    from srvphone.sip import two
    print("srvphone", "0.1.0+".join((one.NAME, two.NAME, "%s")), "on", "UNIX")
"""
    module = b"NAME = '%s'\n" % name.encode()
    return {
        "main.py": MAIN + b"# " + name.encode() + b"\n",
        "srvphone/board/boot.py": start % name.encode(),
        "srvphone/one.py": module,
        "srvphone/sip/two.py": module + b"# " * 3000,
        **dict.fromkeys(more, b"print('of %s')\n" % name.encode()),
    }


def first(name):
    return "srvphone " + "0.1.0+".join([name] * 3) + " on UNIX"


def write(folder, files):
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def held(folder):
    """{path: bytes} of the files in a folder, but for the phone's own notes."""
    found = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("crash.txt")]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("", 0))
        return s.getsockname()[1]


def soon(true):
    end = time.monotonic() + 5
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def first_line(port):
    with remote.Lines(port) as lines:
        for _ in range(100):
            text = lines.read(0.1)
            if text and remote.FIRST_LINE.search(text):
                return text
            if text and "Error" in text:
                return text
    return None


@pytest.fixture
def board(tmp_path):
    with PtyBoard(tmp_path / "board") as board:
        yield board


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "board").mkdir()
    return tmp_path / "board"


@pytest.fixture
def srvphone(capsys):
    """srvphone("flash", ...) -> (exit code, standard output, standard error)"""

    def run(*words):
        code = cli.main(list(map(str, words)))
        done = capsys.readouterr()
        seen.append(done)
        return (code, *done)

    seen = []
    yield run
    for done in seen:  # in sight if the test failed
        print(*done)


@pytest.fixture
def out():
    return Console(quiet=True)


# The real phone, the real REPL.


def test_flash_a_bare_board_then_again_then_one_file_then_take_it_off(folder, board, srvphone):
    files = boards.build("UNIX")
    flash = ("flash", "--board", "UNIX", "--port", board.port)

    code, out, _ = srvphone(*flash, "--dry-run")
    assert code == 0 and "Would send %d of %d files" % (len(files), len(files)) in out
    assert list(folder.iterdir()) == []
    assert soon(lambda: board.resets == ["hard"])  # what was there runs again

    code, out, err = srvphone(*flash)
    assert (code, err) == (0, "")
    assert "all hashes are right" in out and "srvphone 0.1.0 on UNIX" in out
    assert "make provision" in out
    assert held(folder) == files

    code, out, _ = srvphone(*flash, "--json")
    record = json.loads(out)
    assert code == 0 and record["sent"] == 0 and record["changed"] == record["removed"] == []
    assert record["first_line"] == "srvphone 0.1.0 on UNIX"

    (folder / "srvphone/trace.mpy").write_bytes(b"something else")
    (folder / "srvphone/trace.py").write_text("would go before trace.mpy")
    (folder / "srvphone.json").write_text('{"local_sip_port": %d}' % free_port())
    code, out, _ = srvphone(*flash, "--json")
    record = json.loads(out)
    assert code == 0 and record["changed"] == ["srvphone/trace.mpy"]
    assert record["removed"] == ["srvphone/trace.py"]
    assert record["sent"] == len(files["srvphone/trace.mpy"])
    there = held(folder)
    assert {path: there.get(path) for path in files} == files
    assert "srvphone/trace.py" not in there and not (folder / "update").exists()

    assert srvphone("undeploy", "--port", board.port, "--dry-run")[0] == 0
    assert set(files) < set(held(folder))
    code, out, _ = srvphone("undeploy", "--port", board.port)
    assert code == 0 and "The settings (srvphone.json) stay" in out
    assert set(held(folder)) == {"srvphone.json"}
    code, out, _ = srvphone("undeploy", "--port", board.port, "--all")
    assert code == 0 and list(folder.iterdir()) == []
    code, out, _ = srvphone("undeploy", "--port", board.port, "--json")
    assert code == 0 and json.loads(out)["removed"] == []


def test_flash_a_board_whose_port_goes_at_the_reset(folder, out):
    write(folder, phone("old"))
    with PtyBoard(folder, usb=True) as pty:
        time.sleep(0.5)
        with remote.Board(pty.port) as board:
            deploy.update(board, phone("new"), out)
            assert board.restart() == first("new")
        assert pty.resets[0] == "hard"


def test_a_first_line_that_was_missed_is_asked_for_again(folder, monkeypatch):
    """A board with native USB says it before the computer has its port again."""
    write(folder, phone("new"))
    monkeypatch.setattr(remote, "_MISSED_S", 1)
    real = remote.Lines.open
    opens = []

    def late(lines):
        if not lines._line:
            if not opens:
                opens.append(time.monotonic())
            if time.monotonic() < opens[0] + 0.8:
                return False
        return real(lines)

    monkeypatch.setattr(remote.Lines, "open", late)
    with PtyBoard(folder, usb=True) as pty, remote.Board(pty.port) as board:
        assert board.restart() == first("new")
        assert pty.resets == ["hard", "soft"]


def test_a_phone_that_does_not_start_is_shown(folder, board, srvphone, monkeypatch):
    files = {**phone("new"), "srvphone/one.py": b"1/0\n"}
    monkeypatch.setattr(boards, "build", lambda name: files)
    code, _, err = srvphone("flash", "--board", "UNIX", "--port", board.port)
    assert code == 1
    assert "did not say its first line" in err and "ZeroDivisionError" in err
    assert 'raceback (most recent call last):\n  File "/' not in err  # the board's, not ours


def test_what_is_no_phone_of_ours_is_not_overwritten(folder, board, srvphone, monkeypatch):
    monkeypatch.setattr(boards, "build", lambda name: phone("new"))
    mine = b"print('my own program')\n"
    write(folder, {"main.py": mine})
    flash = ("flash", "--board", "UNIX", "--port", board.port)
    code, _, err = srvphone(*flash)
    assert code == 2 and "--replace" in err and held(folder) == {"main.py": mine}
    assert srvphone("undeploy", "--port", board.port)[0] == 0
    assert held(folder) == {"main.py": mine}
    code, out, _ = srvphone(*flash, "--replace")
    assert code == 0 and first("new") in out


def test_the_phone_runs_again_after_an_error(folder, srvphone):
    write(folder, phone("old"))
    with PtyBoard(folder) as board:
        code, _, err = srvphone("flash", "--board", "RPI_PICO_W", "--port", board.port)
        assert code == 2 and "not a RPI_PICO_W (rp2, armv6m)" in err
        assert soon(lambda: board.resets == ["hard"])


def test_the_board_of_the_command_line(tmp_path):
    """python -m srvphone_host.pty_board FOLDER, and a flash by another process."""
    command = [sys.executable, "-m", "srvphone_host.pty_board", str(tmp_path / "board")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT / "tools") as place:
        try:
            port = place.stdout.readline().strip()
            command = [sys.executable, "-m", "srvphone_host", "flash", "--board=UNIX"]
            done = subprocess.run(
                [*command, "--port", port],
                cwd=ROOT / "tools",
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr
            assert "srvphone 0.1.0 on UNIX" in done.stdout
        finally:
            place.terminate()


# W14: cut off in the middle.


def test_w14_a_cable_pulled_anywhere_leaves_the_old_phone_or_the_new_one(tmp_path, out):
    old, new = phone("old", "srvphone/gone.py"), phone("new", "srvphone/more/new.py")
    cut = tmp_path / "cut"
    seen = []
    # as many bytes as a whole update takes; then cuts all over it
    write(cut, old)
    with PtyBoard(cut) as pty:
        with remote.Board(pty.port) as board:
            before = pty.received
            deploy.update(board, new, out)
            whole = pty.received - before
        assert held(cut) == new
    for n in range(0, whole, whole // 13):
        shutil.rmtree(cut)
        write(cut, old)
        with PtyBoard(cut) as pty:
            with pytest.raises(remote.Failed) as failed, remote.Board(pty.port) as board:
                pty.pull(after=n + 1)
                deploy.update(board, new, out)
            assert "was cut" in str(failed.value) and failed.value.exit_code == 1
            pty.pull()
            pty.plug()
            line = first_line(pty.port)
            assert line in (first("old"), first("new")), "cut after %d bytes" % n
            seen.append(line == first("new"))
            # what was said is true
            if "the phone that was there starts" in str(failed.value):
                assert line == first("old")
            if "the new phone starts" in str(failed.value):
                assert line == first("new")
            # and it can be done again
            with remote.Board(pty.port) as board:
                deploy.update(board, new, out)
            assert held(cut) == new
    assert seen == sorted(seen) and not seen[0]


def put(fs, files):
    for folder in deploy.parents(files):
        if folder.rpartition("/")[2] not in fs.listdir(folder.rpartition("/")[0] or "/"):
            fs.mkdir(folder)
    for path, data in files.items():
        with fs.open(path, "wb") as f:
            f.write(data)


def boot(fs):
    """What firmware/main.py does before it imports the phone."""
    if "update" in fs.listdir() and "apply.py" in fs.listdir("update"):
        Scripted(fs).exec(deploy._APPLY_NOW)


def whose(fs):
    """ "old" or "new" if all files are of the one phone; else what is there."""
    there = {}
    for path in {**OLD, **NEW}:
        try:
            with fs.open(path, "rb") as f:
                there[path] = f.read()
        except OSError:
            pass
    return "old" if there == OLD else "new" if there == NEW else sorted(there)


OLD = phone("old", "srvphone/gone.py", "srvphone/left/one.py")
NEW = phone("new", "srvphone/more/new.py")


@pytest.fixture
def flash_of_old():
    flash = Flash(blocks=96)
    with flash.mounted() as fs:
        put(fs, OLD)
    return flash


def test_w14_a_power_cut_at_every_operation_of_an_update(flash_of_old, monkeypatch, out):
    def work(fs):
        monkeypatch.setattr(remote, "connect", lambda device: Scripted(fs))
        with remote.Board("scripted") as board:
            deploy.update(board, NEW, out)

    found, twice = [], 0
    for flash in cuts(flash_of_old, work):
        with flash.mounted() as fs:
            pending = "update" in fs.listdir() and "apply.py" in fs.listdir("update")
        if pending:  # and once more, at every operation of what the start does then
            for again in cuts(flash, boot):
                with again.mounted() as fs:
                    boot(fs)
                    assert whose(fs) == "new"
                    assert "update" not in fs.listdir() or not fs.listdir("update")
                twice += 1
        with flash.mounted() as fs:
            boot(fs)
            found.append(whose(fs))
            # whatever is left over, the next update is as good as any
            if len(found) % 10 == 0:
                work(fs)
                assert whose(fs) == "new" and "update" not in fs.listdir()
    assert set(found) == {"old", "new"} and twice > 300
    assert found == sorted(found, reverse=True)  # "old" > "new"


def test_w14_a_main_py_that_knows_no_updates_is_the_first_to_be_moved(flash_of_old):
    """Cut off while it was applied from the REPL, nobody else would go on with it."""
    source = deploy.apply_source(NEW, [], [])
    with flash_of_old.mounted() as fs:
        files = {**NEW, "apply.py": source.encode()}
        put(fs, {"update/" + path: data for path, data in files.items()})
    main = set()
    for flash in cuts(flash_of_old, boot, by="programmed"):
        with flash.mounted() as fs:
            if whose(fs) != "old":
                with fs.open("main.py", "rb") as f:
                    main.add(f.read())
    assert main == {NEW["main.py"]}


def test_w14_main_py_applies_what_is_whole_and_nothing_else(folder):
    files = phone("old")
    new = phone("new")
    write(folder, {**files, **{"update/" + path: data for path, data in new.items()}})
    write(folder, {"update/apply.new": b"raise ValueError\n"})
    with PtyBoard(folder) as board:
        with remote.Board(board.port) as there:
            assert there.restart() == first("old")
        source = deploy.apply_source(new, [], [])
        write(folder, {"update/apply.py": source.encode()})
        (folder / "update/apply.new").unlink()
        with remote.Board(board.port) as there:
            assert there.restart() == first("new")
    assert held(folder) == new and not (folder / "update").exists()


def test_w14_an_update_that_waits_is_finished_before_another_comes(folder, board, out):
    """Half applied: what is there is neither the old phone nor the new one."""
    new, newer = phone("new"), phone("newer")
    half = {**phone("old"), "main.py": new["main.py"], "srvphone/one.py": new["srvphone/one.py"]}
    rest = {"update/" + p: d for p, d in new.items() if half[p] != d}
    source = deploy.apply_source(new, [], [])
    found = []
    with remote.Board(board.port) as there:
        # as if it had been cut off just now: this board does not start anew before it is asked
        write(folder, {**half, **rest, "update/apply.py": source.encode()})
        real = there.put
        there.put = lambda *arguments: found.append(held(folder)) or real(*arguments)
        deploy.update(there, newer, out)
    assert found[0] == new
    assert held(folder) == newer


def test_what_arrived_before_the_cut_is_not_sent_again(folder, board, out):
    old, new = phone("old"), phone("new")
    write(folder, {**old, "update/srvphone/sip/two.py": new["srvphone/sip/two.py"]})
    write(folder, {"update/srvphone/one.py": b"NAM", "update/srvphone/other/of.py": b"another's"})
    with remote.Board(board.port) as there:
        result = deploy.update(there, new, out)
    assert result["sent"] == sum(map(len, new.values())) - len(new["srvphone/sip/two.py"])
    assert held(folder) == new and not (folder / "update").exists()


# What only a board can do.


@pytest.fixture
def scripted(monkeypatch):
    """scripted(...) makes the board that is there; returns it."""
    flash = Flash(blocks=64)
    context = flash.mounted()

    def make(**script):
        line = Scripted(context.__enter__(), **script)
        monkeypatch.setattr(remote, "connect", lambda device: line)
        port = SimplePort("/dev/ttyACM0", 0x2E8A, 0x0005, "Board in FS mode")
        monkeypatch.setattr(list_ports, "comports", lambda: [port])
        monkeypatch.setattr(boards, "build", lambda name: phone("new"))
        return line

    return make


class SimplePort:
    def __init__(self, device, vid, pid, description):
        self.device, self.vid, self.pid, self.description = device, vid, pid, description

    def __lt__(self, other):
        return self.device < other.device


FLASH = ("flash", "--board", "RPI_PICO_W")


def test_the_one_board_that_is_there_is_found_and_flashed(scripted, srvphone):
    line = scripted()
    code, out, _ = srvphone(*FLASH)
    assert code == 0 and "RPI_PICO_W at /dev/ttyACM0: MicroPython 1.28.0, Raspberry Pi" in out
    assert line.resets == 1 and sorted(line.fs.listdir()) == ["main.py", "srvphone"]
    assert "MD5" not in out


def test_no_board(monkeypatch, srvphone):
    serial = SimplePort("/dev/ttyS0", None, None, "n/a")  # of the computer itself
    monkeypatch.setattr(list_ports, "comports", lambda: [serial])
    for command in (FLASH, ("provision", "--file", "x"), ("trace",), ("undeploy",), ("console",)):
        if command[0] == "provision":
            continue  # looks at its file first
        code, _, err = srvphone(*command)
        assert code == 2 and "no board is found" in err and "PORT=/dev/ttyACM0" in err


def test_two_boards(monkeypatch, srvphone):
    two = [
        SimplePort("/dev/ttyUSB0", 0x10C4, 0xEA60, "CP2102 USB to UART Bridge"),
        SimplePort("/dev/ttyACM0", 0x2E8A, 0x0005, "Board in FS mode"),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: two)
    for command in (FLASH, ("trace",), ("undeploy",), ("console",)):
        code, _, err = srvphone(*command)
        assert code == 2 and "PORT=/dev/ttyACM0" in err
        assert "2e8a:0005  Board in FS mode" in err
        assert "10c4:ea60  CP2102 USB to UART Bridge" in err


def test_a_port_that_is_not_there_or_answers_nothing(monkeypatch, srvphone, tmp_path):
    for command in (FLASH, ("trace",), ("undeploy",)):
        code, _, err = srvphone(*command, "--port", "/dev/ttyNONE")
        assert code == 2 and "there is no port /dev/ttyNONE" in err
    (tmp_path / "file").write_text("no serial port at all")
    code, _, err = srvphone(*FLASH, "--port", tmp_path / "file")
    assert code == 2 and "does not open" in err
    with PtyBoard(tmp_path / "board") as board:
        monkeypatch.setattr(remote, "_ENTER_S", 0.2)
        monkeypatch.setattr(remote, "_QUIET_S", 0.2)
        monkeypatch.setattr(PtyBoard, "_show", lambda self, data: None)
        code, out, err = srvphone(*FLASH, "--port", board.port)
    assert code == 2 and "does not answer as MicroPython does" in err and out == ""


def test_an_old_micropython_is_refused(scripted, srvphone):
    line = scripted(version=(1, 23, 0))
    code, _, err = srvphone(*FLASH)
    assert code == 2
    assert "MicroPython 1.23.0" in err and "too old" in err and "came with 1.24" in err
    assert line.fs.listdir() == [] and line.resets == 1  # what runs there runs again


def test_a_micropython_of_other_mpy_files_is_refused(scripted, srvphone):
    line = scripted(version=(2, 0, 0), mpy=4 << 10 | 7)
    code, _, err = srvphone(*FLASH)
    assert code == 2
    assert "loads .mpy files of version 7" in err and "makes version 6" in err
    assert line.fs.listdir("/") == []


def test_what_is_not_micropython_is_refused(scripted, srvphone):
    scripted(name="circuitpython", version=(9, 2, 0))
    code, _, err = srvphone(*FLASH)
    assert code == 2 and "circuitpython, not MicroPython" in err


@pytest.mark.parametrize("version", [(1, 26, 1), (1, 27, 0)])
def test_an_rp2_without_md5_is_told(scripted, srvphone, version):
    scripted(version=version, modules=["md5"] if version >= (1, 27) else [])
    code, out, _ = srvphone(*FLASH)
    assert code == 0
    assert ("no MD5" in out and "from 1.27 on" in out) == (version < (1, 27))


KINDS = [
    ("RPI_PICO_W", "esp32", "Generic ESP32S3 module with ESP32S3", 10, "BOARD=ESP32_GENERIC"),
    ("RPI_PICO_W", "rp2", "Raspberry Pi Pico 2 W with RP2350", 7, "BOARD=RPI_PICO2_W"),
    ("RPI_PICO2_W", "rp2", "Raspberry Pi Pico W with RP2040", 4, "BOARD=RPI_PICO_W"),
    ("ESP32_GENERIC", "esp32", "Generic ESP32S3 module with ESP32S3", 10, "ESP32_GENERIC_S3"),
    ("ESP32_GENERIC_S3", "esp32", "Generic ESP32 module with ESP32", 10, "BOARD=ESP32_GENERIC,"),
    ("ESP32_GENERIC", "esp32", "ESP32C3 module with ESP32C3", 11, "BOARD=ESP32_GENERIC_C3"),
    ("ESP32_GENERIC", "stm32", "PYBv1.1 with STM32F405RG", 7, "None of the boards"),
]


@pytest.mark.parametrize("name,platform,machine,arch,hint", KINDS)
def test_a_board_of_another_kind_is_refused(
    scripted, srvphone, name, platform, machine, arch, hint
):
    line = scripted(platform=platform, machine=machine, mpy=arch << 10 | 6)
    code, _, err = srvphone("flash", "--board", name)
    assert code == 2 and machine in err and "not a " + name in err and hint in err
    assert line.fs.listdir() == []


GOOD = [
    ("RPI_PICO_W", "rp2", "Raspberry Pi Pico W with RP2040", 4),
    ("RPI_PICO2_W", "rp2", "Raspberry Pi Pico 2 W with RP2350", 7),
    ("W5500_EVB_PICO", "rp2", "W5500-EVB-Pico with RP2040", 4),
    ("ESP32_GENERIC", "esp32", "Generic ESP32 module with ESP32", 10),
    ("ESP32_GENERIC", "esp32", "Generic ESP32 module with SPIRAM with ESP32", 10),
    ("ESP32_GENERIC_S3", "esp32", "Generic ESP32S3 module with Octal-SPIRAM with ESP32S3", 10),
    ("ESP32_GENERIC_C3", "esp32", "ESP32C3 module with ESP32C3", 11),
    ("ESP32_GENERIC_C3", "esp32", "ESP32C3 module with ESP32C3", 0),  # no native code in it
    ("OLIMEX_ESP32_POE", "esp32", "OLIMEX ESP32-POE with ESP32", 10),
]


@pytest.mark.parametrize("name,platform,machine,arch", GOOD)
def test_a_board_of_the_right_kind_is_taken(scripted, srvphone, name, platform, machine, arch):
    # above the kind of number are flags of RISC-V
    scripted(platform=platform, machine=machine, mpy=1 << 16 | arch << 10 | 6)
    code, _, err = srvphone("flash", "--board", name)
    assert (code, err) == (0, "")


def test_a_full_flash_is_seen_before_anything_is_sent(scripted, srvphone):
    line = scripted(room=20000)
    code, _, err = srvphone(*FLASH)
    assert code == 2 and "too full: 16384 bytes are free" in err and "make undeploy" in err
    assert line.fs.listdir() == [] and not any("open('update" in code for code in line.ran)


def test_w14_a_flash_that_is_full_in_the_middle(scripted, srvphone):
    """Statvfs was wrong, or the phone wrote something meanwhile: the old phone stays as it is."""
    line = scripted()
    put(line.fs, phone("old"))
    n = 0
    while line._statvfs("")[3] > 2:  # all blocks but two
        with line.fs.open("other%d" % n, "wb") as f:
            f.write(b"x" * 4096)
        n += 1
    line.room = 10**6  # what it says
    code, _, err = srvphone(*FLASH)
    assert code == 1 and "the board's file system is full" in err
    assert "update" not in line.fs.listdir() and line.resets == 1
    with line.fs.open("srvphone/one.py", "rb") as f:
        assert f.read() == phone("old")["srvphone/one.py"]


BROKEN = [
    SerialException("device reports readiness to read but returned no data"),
    OSError(5, "Input/output error"),
    TransportError("unexpected read during raw paste: b'secret'"),
    struct.error("unpack requires a buffer of 2 bytes"),
]
# where, and what is said of the board
MOMENTS = [
    ("_look", "Nothing on it was changed."),
    ("os.mkdir", "the phone that was there starts"),
    ("open('update/main.py'", "the phone that was there starts"),
    ("os.rename", "the phone that was there starts"),
    ("exec(_f", "the new phone starts"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("words,left", MOMENTS)
def test_w14_a_line_that_is_cut_gives_a_sentence(scripted, srvphone, broken, words, left):
    line = scripted()
    line.cut_at = words, broken
    code, _, err = srvphone(*FLASH)
    assert code == 1 and "was cut (the cable?)" in err and left in err
    assert "Traceback" not in err and "secret" not in err


def test_a_file_that_arrives_wrong_is_not_used(scripted, srvphone, monkeypatch):
    line = scripted()
    monkeypatch.setattr(line, "fs_hashfile", lambda path, *more: b"0" * 32)
    code, _, err = srvphone(*FLASH)
    assert code == 1 and "did not arrive as it was sent" in err
    assert line.fs.listdir() == []


def test_which_board_is_asked_with_the_names_there_are(srvphone):
    for command in ("flash", "firmware-manifest"):
        code, _, err = srvphone(command)
        assert code == 2 and "BOARD=RPI_PICO_W" in err
        assert all(name in err for name in boards.boards())
        code, _, err = srvphone(command, "--board", "PICO")
        assert code == 2 and "no board 'PICO'" in err


@pytest.mark.parametrize("name", boards.boards())
def test_how_a_board_is_frozen(srvphone, name):
    code, out, _ = srvphone("firmware-manifest", "--board", name, "--json")
    record = json.loads(out)
    assert code == 0 and Path(record["manifest"]) == boards.BOARDS / name / "manifest.py"
    (build,) = [c for c in record["commands"] if "FROZEN_MANIFEST=" in c and "make" in c]
    assert record["manifest"] in build and "ports/" + boards.load(name).PORT in build
    code, text, _ = srvphone("firmware-manifest", "--board", name)
    assert code == 0 and all(c in text for c in record["commands"])


@pytest.mark.parametrize("command", ["flash", "provision", "console", "trace", "undeploy"])
def test_help_teaches(command, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert "exit code" in text and "--dry-run" in text and "--port" in text


def test_every_target_of_make_calls_its_command():
    for target in ("flash", "provision", "console", "trace", "board-test", "undeploy"):
        done = subprocess.run(
            ["make", "-n", "-C", str(ROOT), target, "PORT=/dev/x", "ARGS=--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "srvphone %s" % target in done.stdout and "--port /dev/x --help" in done.stdout
    assert issubclass(remote.Failed, LabError)
