"""Most boards with an ESP32: ESP32-DevKitC, NodeMCU-32S and their like."""

NAME = "ESP32_GENERIC"
PORT = "esp32"
MARCH = "xtensawin"
NETWORK = "WLAN"
NETWORK_PINS = {}
LED = 2  # of most boards; Espressif's own have none there
LED_KIND = "pin"
LED_ON = 1
BUTTON = 0  # BOOT
BUTTON_DOWN = 0
WATCHDOG_MS = 8300
HEAP_FREE = 40000  # not measured yet
