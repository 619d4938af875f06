"""Raspberry Pi Pico 2 W: RP2350 (its Arm cores), WiFi chip CYW43439."""

NAME = "RPI_PICO2_W"
PORT = "rp2"
MARCH = "armv7emsp"
NETWORK = "WLAN"
NETWORK_PINS = {}
LED = "LED"  # hangs on the WiFi chip: GPIO 0 there
LED_KIND = "pin"
LED_ON = 1
BUTTON = "BOOTSEL"
BUTTON_DOWN = 1
WATCHDOG_MS = 8300  # an RP2350 could 16,777
HEAP_FREE = 117456  # as of the Pico W; there is more, not measured yet
