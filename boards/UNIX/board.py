"""A computer with MicroPython's unix port: the network is the computer's."""

NAME = "UNIX"
PORT = "unix"
MARCH = ""
NETWORK = "host"
NETWORK_PINS = {}
LED = None
LED_KIND = "pin"
LED_ON = 1
BUTTON = None
BUTTON_DOWN = 0
WATCHDOG_MS = 0
HEAP_FREE = 0
