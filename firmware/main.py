"""Power on. On a computer: micropython main.py [settings.json]"""

import os
import sys

if "update" in os.listdir():  # it is whole once apply.py is there (W14)
    try:
        __import__("update.apply")
    except ImportError:
        pass

from srvphone.board import boot  # noqa: E402

code = boot.main(*sys.argv[1:2])
if sys.argv:  # a board would only start again
    sys.exit(code)
