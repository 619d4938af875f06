"""The package files for `mip`, made from what is there: all of srvphone, and its resolver alone.

    python tools/packages.py                                  # writes firmware/*.json
    mpremote mip install --no-mpy firmware/dns.json           # from here, to /lib of a board
    mpremote mip install github:OWNER/REPO/firmware/dns.json  # or from where it is published

package.json is the whole package (then `from srvphone.board import boot; boot.main()`), dns.json
is srvphone.dns with the core that runs it, and what they import.

Limits: mip sends source, which a board compiles at every import; `make flash` sends it compiled,
with main.py and the board's data. Both files lie in firmware/ since what they name has to lie
below them: not every server knows "..".
"""

import ast
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "firmware"


def imported(path):
    """The modules of srvphone that a module of it imports, as paths; all of them are relative."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = [folder, *(folder / one.name for one in node.names)]
            found |= {name.with_suffix(".py") for name in names}
    return {one for one in found if one.exists()}


def closure(paths):
    """These modules and all that they import."""
    found, new = set(), set(paths)
    while new:
        found |= new
        new = set().union(*map(imported, new)) - found
    return found


def packages():
    """{file: its text}"""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.*)"', project, re.M).group(1)
    whole = set(FIRMWARE.glob("srvphone/**/*.py"))
    dns = closure([FIRMWARE / "srvphone/core.py", *FIRMWARE.glob("srvphone/dns/*.py")])
    made = {}
    for name, files in (("package.json", whole), ("dns.json", dns)):
        # No empty __init__.py: any folder is a package.
        files = sorted(f.relative_to(FIRMWARE).as_posix() for f in files if f.stat().st_size)
        package = {"urls": [[file, file] for file in files], "deps": [], "version": version}
        made[FIRMWARE / name] = json.dumps(package, indent=1) + "\n"
    return made


if __name__ == "__main__":
    for path, text in packages().items():
        path.write_text(text, encoding="utf-8")
        print("%s: %d files" % (path.relative_to(ROOT), text.count('.py"') // 2))
