"""Raspberry Pi Pico W: RP2040, WiFi chip CYW43439."""

NAME = "RPI_PICO_W"
PORT = "rp2"
MARCH = "armv6m"
NETWORK = "WLAN"
NETWORK_PINS = {}
LED = "LED"  # hangs on the WiFi chip: GPIO 0 there
LED_KIND = "pin"
LED_ON = 1
BUTTON = "BOOTSEL"
BUTTON_DOWN = 1
WATCHDOG_MS = 8300  # 8,388 is the most that an RP2040 can
HEAP_FREE = 117456
