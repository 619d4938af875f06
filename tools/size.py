"""How large the firmware is: bytes of every compiled module, bytes of heap in use.

    python tools/size.py [--json]   the table; exit code 1 if a bound of the heap is not held
    python tools/size.py --mpy      only compile it, into build/mpy/firmware

Modules are those that a Pico W is sent, compiled as they are for it, and the encoder, which is for
other programs. The heap is that of MicroPython wasm32, whose objects have the size of a board's;
what is in use is counted after garbage collection. The figures of the whole phone, with all that a
board loads, are those of `srvphone board-test`: a heap of a fixed size, a ballast that leaves so
much of it free.
"""

import argparse
import json
import shutil
import subprocess
import sys

import core_tests
from core_tests import BUILT, ROOT

BOARD = "RPI_PICO_W"
FREE = 199376  # bytes of heap that a Pico W has free at main.py's start
# Guards, not targets: heap is what boards are short of, .mpy bytes are only printed. HELD and
# SMALL were 64 and 80 KB before the phone took what the field sends for what it is: credentials
# for each realm, what is granted, referrals, cut answers, bounds of look-ups as a whole.
HELD = 76 * 1024  # bytes of heap held when registered with one account
FURTHER = 3 * 1024  # and for a further account
LOADED = 80 * 1024  # bytes held with all that a board loads
SMALL = 88 * 1024  # bytes free at the start with which the phone fails over and back

# What runs for the heap figures: (label, code), see tools/heap.py; the product as .mpy. The
# simulated network has no label: what it takes is not the phone's. It keeps two of everything.
LOAD = """
import sys
import srvphone.account, srvphone.phone, srvphone.trace
settings, faults = srvphone.account.load(%r)
for kind in (srvphone.account.Settings, srvphone.account.Account, srvphone.account.Network):
    kind.fields = None
del srvphone.account, sys.modules["srvphone.account"]
"""
NETWORK = """
import sim.guide
scene = sim.guide.scene()
scene.sim.keep = 2
"""
START = """
phone = srvphone.phone.Phone(settings, scene.sim.random.urandom, srvphone.trace.Trace())
scene.sim.attach(phone, "192.168.10.11")
"""
REGISTER = """
scene.sim.run(2000)
for server in (scene.primary, scene.backup):  # what they keep to repeat is not the phone's, either
    server._transactions.clear()
"""
FAIL_OVER = """
def story():
    scene.primary.fails("silent")
    for ms in range(2000, 60000, 100):
        scene.sim.run(ms)
        yield
steps = story()
"""
ACCOUNT = {
    "sip_server": "grandstream.com",
    "outbound_proxy": "test.grandstream.com",
    "sip_user_id": "2002",
    "authenticate_password": "secret",
    "dns_mode": "NAPTR/SRV",
    "dns_srv_failover_mode": "Saved one until no responses",
    "register_expiration_s": 30,
}


def stages(accounts):
    """The stages of a phone with so many accounts."""
    settings = {"dns_servers": ["192.168.10.10"], "local_address": "192.168.10.11"}
    settings["accounts"] = [ACCOUNT] * accounts
    many = "%d account%s, " % (accounts, "s" if accounts > 1 else "")
    return [
        (many + "settings and modules loaded", LOAD % json.dumps(settings)),
        ("", NETWORK),
        (many + "registered", START + REGISTER),
        (many + "the peak of a failover", FAIL_OVER),
        (many + "after it", ""),
    ]


def modules():
    """What a board is sent: [(path there, bytes)]."""
    from srvphone_host.boards import build

    return [(path, len(data)) for path, data in sorted(build(BOARD).items())]


def compiled():
    """Compile the firmware into build/mpy/firmware: [(path, bytes)]."""
    core_tests.compile_product(BUILT)
    folder = BUILT / "firmware"
    shutil.copy(ROOT / "firmware/main.py", folder)  # MicroPython starts main.py, never a main.mpy
    found = sorted(folder.rglob("*.mpy"))
    return [(path.relative_to(folder).as_posix(), path.stat().st_size) for path in found]


def parts(sizes):
    """Bytes of .mpy by part: the rooms, what only computers and other programs load, the sum of
    what a board is sent."""
    aside = {"srvphone/dns/compose.mpy": "the encoder", "srvphone/hostnet.mpy": "on computers"}
    found = {}
    for path, size in sorted(sizes.items()):
        if path.startswith("srvphone/"):
            folder = path.split("/")[1]
            part = aside.get(path, "the core" if folder.endswith(".mpy") else folder + "/")
            found[part] = found.get(part, 0) + size
    found["all that a board is sent"] = sum(
        size for part, size in found.items() if part not in aside.values()
    )
    return found


def heap(stages):
    """Bytes of heap in use on wasm32: [(label, bytes)]."""
    paths = ["build/mpy/firmware", "build/mpy/tools"]
    pairs = [text for stage in stages for text in stage]
    command, _ = core_tests.command("wasm32", "tools/heap.py", pairs, paths)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.stdout)
    lines = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    return [(label, int(figure)) for label, figure in lines]


def whole():
    """(heap held by all that a board loads, registered; the heap that must be free at the start
    for the phone to fail over and back, to 1 KB, 0 if the double of SMALL is not enough)."""
    from srvphone_host.board_test import Results, Wasm32

    def story(place, *arguments):
        results = Results(SMALL)
        place.part(results.take, "story", *arguments)
        return results.rows

    with Wasm32() as place:
        rows = story(place)
        held = rows["free_start"] - rows["free_registered"]
        least, most = 32, SMALL >> 9  # KB; the least is too little
        if story(place, most << 10).get("small") != "yes":
            return held, 0
        while most - least > 1:
            middle = (least + most) // 2
            if story(place, middle << 10).get("small") == "yes":
                most = middle
            else:
                least = middle
    return held, most << 10


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--mpy", action="store_true", help="only compile, into build/mpy/firmware")
    options = parser.parse_args()
    if options.mpy:
        sizes = [size for _, size in compiled()]
        return print("%d modules, %d bytes: build/mpy/firmware" % (len(sizes), sum(sizes)))
    sizes = modules()
    mpy = parts({**dict(sizes), **dict(compiled())})
    held = heap(stages(1)) + heap(stages(2))
    used = dict(held)
    one, two = (used["%s, registered" % many] for many in ("1 account", "2 accounts"))
    all_of_it, least = whole()
    checks = [
        ("bytes of heap held, registered with one account", one, HELD),
        ("bytes of heap held for a further account", two - one, FURTHER),
        ("bytes of heap held, registered, with all that a board loads", all_of_it, LOADED),
        ("bytes free at the start are enough to fail over and back", least, SMALL),
    ]
    if options.json:
        bounds = {what: {"bytes": figure, "bound": bound} for what, figure, bound in checks}
        made = {"modules": dict(sizes), "mpy": mpy, "heap": used, "bounds": bounds}
        print(json.dumps(made, indent=1))
    else:
        for name, size in sizes:
            print("%7d  %s" % (size, name))
        print()
        for part, size in mpy.items():
            print("%7d  bytes of .mpy: %s" % (size, part))
        print()
        for label, figure in held:
            print("%7d  bytes of heap in use: %s" % (figure, label))
        print()
        for what, figure, bound in checks:
            verdict = "of %d" % bound if 0 < figure <= bound else "ABOVE THE BOUND of %d" % bound
            print("%7d  %s, %s" % (figure, what, verdict))
    sys.exit(any(not 0 < figure <= bound for _, figure, bound in checks))


if __name__ == "__main__":
    main()
