"""WIZnet W5500-EVB-Pico: RP2040, wired Ethernet by a W5500 on SPI."""

NAME = "W5500_EVB_PICO"
PORT = "rp2"
MARCH = "armv6m"
NETWORK = "WIZNET5K"
# Without the interrupt pin MicroPython looks for datagrams every 64 ms only.
NETWORK_PINS = {"spi": 0, "sck": 18, "mosi": 19, "miso": 16, "cs": 17, "reset": 20, "intn": 21}
LED = 25
LED_KIND = "pin"
LED_ON = 1
BUTTON = "BOOTSEL"
BUTTON_DOWN = 1
WATCHDOG_MS = 8300  # 8,388 is the most that an RP2040 can
HEAP_FREE = 117456  # as of the Pico W; there is more, not measured yet
