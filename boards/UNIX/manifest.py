"""Freezes the phone into MicroPython for a computer: `make firmware-manifest` says how."""

include("$(PORT_DIR)/variants/standard/manifest.py")
include("../../firmware/manifest.py")
module("board.py", opt=3)
