"""Freezes the phone into MicroPython for this board: `make firmware-manifest` says how."""

include("$(PORT_DIR)/boards/manifest.py")
include("../../firmware/manifest.py")
module("board.py", opt=3)
