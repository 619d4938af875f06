"""The packages for `mip`: as the tree is, and installed by mpremote where a REPL answers."""

import json
import subprocess
import sys

import pytest

import packages
from core_tests import ROOT, tool
from srvphone.board import boot
from srvphone_host.lab import Lab
from srvphone_host.pty_board import PtyBoard

from .test_layers import loaded_by

FIRMWARE = ROOT / "firmware"


def files(name):
    package = json.loads((FIRMWARE / name).read_text(encoding="utf-8"))
    assert package["deps"] == []
    return dict(package["urls"])


def test_packages_are_current():
    for path, text in packages.packages().items():
        assert path.read_text(encoding="utf-8") == text, "`make packages` brings it up to date"


def test_whole_package_is_all_of_srvphone():
    there = {
        path.relative_to(FIRMWARE).as_posix(): path for path in FIRMWARE.rglob("srvphone/**/*.py")
    }
    assert files("package.json") == {name: name for name in there if there[name].stat().st_size}


def test_dns_package_is_what_its_modules_load():
    wanted = {"srvphone.core"}
    for path in (FIRMWARE / "srvphone/dns").glob("*.py"):
        if path.stat().st_size:
            wanted |= loaded_by("srvphone.dns." + path.stem)
    wanted.discard("srvphone.dns")
    assert {name[:-3].replace("/", ".") for name in files("dns.json")} == wanted


@pytest.mark.parametrize("name", ["package.json", "dns.json"])
def test_every_file_lies_below_its_package(name):
    for target, source in files(name).items():
        assert target == source and ".." not in source and (FIRMWARE / source).is_file()


def test_versions_agree():
    package = json.loads((FIRMWARE / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == boot.VERSION


# On a real REPL

LOOK_UP = """
import os, select, socket, sys, time
from srvphone.core import DNS, Core
from srvphone.dns import wire
from srvphone.dns.resolver import Resolver

class Silent:
    def datagram(self, *record):
        pass
    note = datagram

class Settings:
    dns_servers = [%r]
    edns0 = dns_0x20 = use_glue = False

core = Core(os.urandom, Silent())
resolver = Resolver(core, Settings)
answers = []

def look_up(name):
    answer = yield from resolver.ask(wire.name(name) + b"\\0\\x21\\0\\1")
    answers.append(answer)

core.spawn(look_up("_sip._udp.test.grandstream.com"))
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
poll = select.poll()
poll.register(sock, select.POLLIN)
while not answers:
    now = time.ticks_ms() & 0x3fffffff
    core.wake(now)
    for _, data, to, _ in core.take(now):
        if data:  # else the socket can be closed
            sock.sendto(data, socket.getaddrinfo(*to)[0][-1])
    if poll.poll(10):
        data, source = sock.recvfrom(512)
        _, ip, port = socket.sockaddr(source)
        core.receive(DNS, data, ("%%d.%%d.%%d.%%d" %% tuple(ip), port), now)
for priority, weight, port, target in sorted(answers[0].records):
    print(priority, weight, port, wire.text(target))
print(*sorted(name for name in sys.modules if name.startswith("srvphone.")))
"""


@pytest.fixture
def board(tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("the board without hardware needs Linux")
    folder = tmp_path / "flash"
    folder.mkdir()
    with PtyBoard(folder, paths=[]) as it:
        it.folder = folder
        yield it


def mpremote(board, *command):
    done = subprocess.run(
        [tool("mpremote"), "connect", board.port, *map(str, command)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def installed(board):
    lib = board.folder / "lib"
    return {path.relative_to(lib).as_posix(): path.read_bytes() for path in lib.rglob("*.py")}


def test_dns_part_alone_is_installed_and_looks_a_name_up(board, tmp_path):
    said = mpremote(board, "mip", "install", "--no-mpy", FIRMWARE / "dns.json")
    assert said.rstrip().endswith("Done")
    assert installed(board) == {name: (FIRMWARE / name).read_bytes() for name in files("dns.json")}
    script = tmp_path / "look_up.py"
    with Lab() as it:
        script.write_text(LOOK_UP % (it.place.dns,), encoding="utf-8")
        said = mpremote(board, "run", script).splitlines()
        ports = it.place.primary[1], it.place.backup[1]
    assert said[:2] == [
        "1 1 %d test2.grandstream.com" % ports[0],
        "2 1 %d test1.grandstream.com" % ports[1],
    ]
    loaded = ["clock", "core", "dns", "dns.answer", "dns.cache", "dns.resolver", "dns.wire"]
    assert said[2].split() == ["srvphone." + name for name in loaded]


def test_whole_package_is_installed_from_a_relative_path(board):
    mpremote(board, "mip", "install", "--no-mpy", "--target", "/lib", "firmware/package.json")
    assert installed(board).keys() == files("package.json").keys()
    said = mpremote(board, "exec", "from srvphone.board import boot; print(boot.VERSION)")
    assert said.split() == [boot.VERSION]
