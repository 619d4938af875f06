"""The board's file system: settings outlive a power cut (W7), one set of files for every board."""

import json
import os
import random
import subprocess
import threading

import pytest

from core_tests import ROOT, tool
from srvphone import account
from srvphone_host import boards
from srvphone_host.lab import PASSWORD, Lab

from .flash_cut import BLOCK, Flash, PowerCut, cuts

PATH = "srvphone.json"
PROGRAM = {"rp2": 256, "esp32": 32}  # bytes of the smallest write


def settings(name, size=0):
    """A settings file of `size` bytes or somewhat more."""
    one = {"sip_server": name + ".example.com", "sip_user_id": name, "name": name * 8}
    return json.dumps({"hostname": name, "accounts": [one]}) + "\n" * size


def read(flash):
    """The settings as the phone finds them when it starts; never with a fault."""
    with flash.mounted() as fs:
        text = account.read(PATH, fs)
    loaded, faults = account.load(text or "{}")
    assert not faults
    return text.decode()


def save(text):
    return lambda fs: account.save(text, PATH, fs)


def flash_with(text, program=32):
    """A board that has run for a while, with these settings ("": none yet)."""
    flash = Flash(blocks=16, program=program)
    with flash.mounted() as fs:
        with fs.open("main.py", "w") as f:
            f.write("# " * 500)
        with fs.open("crash.txt", "w") as f:
            f.write("0 1\n")
        if text:
            account.save(settings("first"), PATH, fs)
            account.save(text, PATH, fs)
    return flash


# Among littlefs's metadata (on rp2, whose cache is larger, the second, too), in a block of its
# own, in two.
SIZES = [0, 500, 4500]


@pytest.mark.parametrize("port", PROGRAM)
@pytest.mark.parametrize("by", ["programmed", "operations"])
@pytest.mark.parametrize("size", SIZES)
def test_w7_power_cut_leaves_old_or_new_settings(port, by, size):
    old, new = settings("old", size), settings("new", size)
    found = []
    for flash in cuts(flash_with(old, PROGRAM[port]), save(new), by):
        found.append(read(flash))
        if by == "operations":  # and it can be written again
            with flash.mounted() as fs:
                account.save(new, PATH, fs)
            assert read(flash) == new
    assert set(found) <= {old, new} and found[0] == old
    assert found == sorted(found, reverse=True), "old again after new"  # "old" > "new"
    assert len(found) >= (len(new) if by == "programmed" else 3)


@pytest.mark.parametrize("by", ["programmed", "operations"])
def test_w7_power_cut_at_the_very_first_write(by):
    new = settings("new")
    assert {read(flash) for flash in cuts(flash_with(""), save(new), by)} <= {"", new}


@pytest.mark.parametrize("seed", range(20))
def test_w7_many_power_cuts_in_a_row(seed):
    draw = random.Random(seed)
    now = settings("s0")
    flash = flash_with(now)
    for n in range(1, 60):
        new = settings("s%d" % n, draw.choice(SIZES))
        by, most = draw.choice([("programmed", 6000), ("operations", 40)])
        flash.fail_after(**{by: draw.randrange(most)})
        try:
            with flash.mounted() as fs:
                account.save(new, PATH, fs)
        except PowerCut:
            pass
        cut = flash.dead
        flash.power_on()
        found = read(flash)
        assert found in ((now, new) if cut else (new,)), "seed %d, write %d" % (seed, n)
        now = found
    with flash.mounted() as fs:
        assert set(fs.listdir()) - {PATH + ".new"} == {"crash.txt", "main.py", PATH}


def test_w7_full_disk_leaves_the_old_settings():
    old, new = settings("old", 9000), settings("new", 9000)
    flash = flash_with(old)
    with flash.mounted() as fs:
        with fs.open("log", "wb") as f, pytest.raises(OSError) as full:
            while True:
                f.write(b"x" * BLOCK)
                f.flush()
        assert full.value.errno == 28
        with pytest.raises(OSError) as full:
            account.save(new, PATH, fs)
        assert full.value.errno == 28
    assert read(flash) == old


def test_a_flash_that_is_cut_keeps_what_it_had():
    """Of the tests' own flash: what is programmed before the cut is there, nothing after it."""
    flash = Flash()
    flash.fail_after(operations=0)
    with pytest.raises(PowerCut), flash.mounted() as fs, fs.open("f", "wb") as f:
        f.write(b"1" * 9000)
    assert flash.dead and flash.image.count(b"1" * 100) == 0
    with pytest.raises(PowerCut), flash.mounted() as fs:
        fs.listdir()
    flash.power_on()
    with flash.mounted() as fs:
        assert fs.listdir() == []


# One set of files: MicroPython itself mounts what littlefs-python wrote, and starts main.py as a
# board's firmware does.

START = """
import os, sys, vfs

class Flash:
    def __init__(self, file, block):
        self.file, self.block = file, block

    def readblocks(self, number, buffer, offset=0):
        self.file.seek(number * self.block + offset)
        self.file.readinto(buffer)

    def writeblocks(self, number, buffer, offset=0):
        self.file.seek(number * self.block + offset)
        self.file.write(buffer)

    def ioctl(self, command, argument):
        if command == 4:
            return self.file.seek(0, 2) // self.block
        if command == 5:
            return self.block
        if command == 6:
            self.file.seek(argument * self.block)
            self.file.write(b"\\xff" * self.block)
        return 0

image, block, program, *outside = sys.argv[1:]
flash = Flash(open(image, "r+b"), int(block))
outside = [os.VfsPosix(path) for path in outside]
os.umount("/")
vfs.mount(vfs.VfsLfs2(flash, progsize=int(program)), "/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
for n in range(len(outside)):
    vfs.mount(outside[n], "/outside%d" % n)
    sys.path.append("/outside%d" % n)
sys.argv.clear()
del image, block, program, outside, flash
execfile("main.py")
"""
RP2 = "def bootsel_button():\n    return 0\n"  # stand-in for that module: nobody presses it


def image(files, port):
    flash = Flash(blocks=64, program=PROGRAM.get(port, 32))
    with flash.mounted() as fs:
        for path, data in files.items():
            folder = ""
            for part in path.split("/")[:-1]:
                folder += part
                if part not in fs.listdir(folder.rpartition("/")[0] or "/"):
                    fs.mkdir(folder)
                folder += "/"
            with fs.open(path, "wb") as f:
                f.write(data)
    return flash


@pytest.mark.parametrize("name", ["RPI_PICO_W", "UNIX"])
def test_one_set_of_files_registers_from_a_littlefs_image(name, tmp_path):
    """The Pico W's files run unchanged; stand-ins have the place of its modules, and hostnet.mpy
    that of a board's sockets. All else it is told stands in the image's settings file."""
    files = boards.build(name)
    port = boards.load(name).PORT
    outside, heap = [], "80wK"
    environment = {"PATH": os.environ["PATH"]}
    with Lab() as lab:
        told = lab.settings(trace="notes")
        if name != "UNIX":
            files["srvphone/hostnet.mpy"] = boards.build("UNIX")["srvphone/hostnet.mpy"]
            told["networks"] = [{"ssid": "home", "password": "secret sauce"}]
            point = {"ssid": "home", "password": "secret sauce", "on": True}
            point.update(address=lab.place.phone[0], dns=lab.place.dns[0])
            (tmp_path / "outside").mkdir()
            (tmp_path / "outside/ether.json").write_text(json.dumps({"points": [point]}))
            (tmp_path / "outside/rp2.py").write_text(RP2)
            environment.update(STANDIN_PORT=port, STANDIN_ETHER="/outside0/ether.json")
            heap = "1M"  # the stand-ins are compiled in it
            outside = [tmp_path / "outside", ROOT / "tools/standins", ROOT / "tools"]
        flash = image({**files, PATH: json.dumps(told).encode()}, port)
        (tmp_path / "flash").write_bytes(flash.image)
        (tmp_path / "start.py").write_text(START)
        command = [tool("micropython"), "-X", "heapsize=" + heap, tmp_path / "start.py"]
        command += [tmp_path / "flash", BLOCK, flash.program, *outside]
        phone = subprocess.Popen(
            list(map(str, command)),
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = []
        limit = threading.Timer(20, phone.kill)
        limit.start()
        try:
            for line in phone.stdout:
                said.append(line.rstrip())
                if " registered" in line or len(said) > 200:
                    break
        finally:
            limit.cancel()
            phone.kill()
            phone.wait(10)
            phone.stdout.close()
        assert said[0] == "srvphone 0.1.0 on " + name
        assert " registered" in said[-1], "\n".join(said)
        assert lab.servers["primary"].bindings
    assert PASSWORD not in str(said) and "sauce" not in str(said)
