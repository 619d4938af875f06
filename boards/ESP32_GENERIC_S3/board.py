"""Most boards with an ESP32-S3: ESP32-S3-DevKitC-1 and its like."""

NAME = "ESP32_GENERIC_S3"
PORT = "esp32"
MARCH = "xtensawin"
NETWORK = "WLAN"
NETWORK_PINS = {}
LED = 48  # ESP32-S3-DevKitC-1 v1.0; v1.1 has it on 38
LED_KIND = "neopixel"
LED_ON = 1
BUTTON = 0  # BOOT
BUTTON_DOWN = 0
WATCHDOG_MS = 8300
HEAP_FREE = 40000  # as of the ESP32; there is more, not measured yet
