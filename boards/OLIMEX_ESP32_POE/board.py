"""Olimex ESP32-PoE and ESP32-PoE-ISO: ESP32, wired Ethernet with power over it."""

NAME = "OLIMEX_ESP32_POE"
PORT = "esp32"
MARCH = "xtensawin"
NETWORK = "LAN"
NETWORK_PINS = {
    "mdc": 23,
    "mdio": 18,
    "power": 12,
    "phy_type": "PHY_LAN8720",
    "phy_addr": 0,
    "ref_clk": 17,  # 0 on boards with a WROVER module, whose memory takes 16 and 17
    "ref_clk_mode": "Pin.OUT",
}
LED = 33  # none is built in; EXT2, pin 5, is for one of yours
LED_KIND = "pin"
LED_ON = 1
BUTTON = 34  # BUT1
BUTTON_DOWN = 0
WATCHDOG_MS = 8300
HEAP_FREE = 40000  # not measured yet
