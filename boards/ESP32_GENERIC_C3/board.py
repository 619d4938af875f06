"""Most boards with an ESP32-C3: ESP32-C3-DevKitM-1, -DevKitC-02 and their like."""

NAME = "ESP32_GENERIC_C3"
PORT = "esp32"
MARCH = "rv32imc"
NETWORK = "WLAN"
NETWORK_PINS = {}
LED = 8
LED_KIND = "neopixel"
LED_ON = 1
BUTTON = 9  # BOOT
BUTTON_DOWN = 0
WATCHDOG_MS = 8300
HEAP_FREE = 40000  # not measured yet
