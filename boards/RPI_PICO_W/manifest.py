"""Freezes the phone into MicroPython for this board: `make firmware-manifest` says how."""

include("$(PORT_DIR)/boards/RPI_PICO_W/manifest.py")
include("../../firmware/manifest.py")
module("board.py", opt=3)
