"""A whole board in virtual time: networks that come and go, watchdog, light, button, crashes.

Rules W6, W11, W12, W13. The board is tools/sim/board.py, its network tools/sim/ether.py. "The
network's return" is the moment from which the interface has its address and datagrams pass.
"""

import sys

from cases import STARTS
from sim import guide
from sim.board import (
    ESP32,
    ESP32_S3,
    PASSWORD,
    PICO_W,
    SSID,
    WIRED_ESP32,
    WIRED_RP2,
    BoardScene,
)
from sim.guide import PHONE, PRIMARY
from sim.machine import Machine, Reset
from stories import current, tour

KINDS = (PICO_W, ESP32, WIRED_ESP32)
RADIO = (PICO_W, ESP32)
S, MIN, H = 1000, 60000, 3600000
AGAIN_MS = 5 * S  # from the network's return until the phone is registered
# How long the network is gone, and whether it said so; else it is noticed later, or never.
DROPS = ((S, False), (S, True), (MIN, False), (MIN, True), (H, False))
OTHER = "192.168.10.77"  # an address
CAFE = "cafe"


def on(name, tick=0, **given):
    """A board that has just registered."""
    scene = BoardScene(name, tick)
    scene.start(**given)
    assert scene.registered(10 * S), name
    return scene


def comes_back(scene):
    """The network comes back, and the phone is registered soon after that."""
    scene.home.comes()
    assert scene.until(scene.here, 40 * S), (scene.board.NAME, scene.sim.lines)
    returned = scene.sim.now

    def good():  # what `status` still says may be of before: the registrar knows better
        return scene.is_registered() and scene.ether.nic.address in scene.bindings()

    assert scene.until(good, AGAIN_MS), (scene.board.NAME, returned, scene.sim.lines)
    scene.run(AGAIN_MS)
    assert good()
    assert not scene.bitten()


def dropped(scene, ms, bye):
    """The network goes for so long, and comes back."""
    scene.home.goes(bye)
    if ms > MIN:
        scene.idle(ms)
    else:
        scene.run(ms)
    comes_back(scene)


# The network comes and goes.


def test_w6_phone_starts_without_a_network_and_registers_when_it_comes():
    for name in KINDS:
        for tick in STARTS:
            for ms in (700, 90 * S):
                scene = BoardScene(name, tick)
                scene.home.on = False
                scene.start()
                scene.run(ms)
                assert scene.phone.status()[0]["state"] == "off" and not scene.sim.frames
                comes_back(scene)


def test_w6_drop_while_registered():
    for name in KINDS + (WIRED_RP2,):
        for tick in STARTS:
            for ms, bye in DROPS:
                scene = on(name, tick)
                scene.run(3 * S)
                dropped(scene, ms, bye)


def test_w6_drop_while_registered_and_a_refresh_falls_into_it():
    account = guide.account(register_expiration_s=60, reregister_before_expiration_s=0)
    for name in KINDS:
        for ms in (S, MIN, H):
            scene = on(name, account=account)
            scene.run(60 * S - 200)
            dropped(scene, ms, False)


def test_w6_drop_while_looking_up():
    for name in KINDS:
        for tick in STARTS:
            for ms, bye in DROPS:
                scene = BoardScene(name, tick)
                scene.start()
                assert scene.until(scene.sim.queries, 20 * S)
                dropped(scene, ms, bye)


def test_w6_drop_during_a_failover():
    for name in KINDS:
        for tick in STARTS:
            for ms, bye in DROPS:
                scene = on(name, tick)
                scene.primary.fails("silent")
                scene.phone.register(scene.sim.ticks())
                scene.run(S)
                assert tour(scene.sim, scene.sim.now - S) == "P"
                dropped(scene, ms, bye)
                assert current(scene) == "B"


def test_w6_access_point_that_forgot_its_stations():
    """It restarted: the interface is thrown out, and joins again."""
    for name in RADIO:
        scene = on(name)
        scene.home.goes()
        scene.run(S)
        scene.home.comes(True)
        assert not scene.here()
        comes_back(scene)


def test_w6_chip_that_does_not_rejoin_by_itself():
    """A Pico W whose chip has given up says that it is joining, for ever."""
    scene = on(PICO_W)
    scene.ether.nic.rejoins = False
    dropped(scene, MIN, False)


def test_w6_link_that_is_up_but_dead_is_made_anew():
    """Nothing comes through any more, though the interface finds nothing wrong."""
    for name in RADIO:
        scene = on(name)
        scene.home.deaf = True
        scene.ether.nic.forsaken = lambda bye: None
        tries = len(scene.ether.nic.tries)
        scene.idle(2 * H)
        assert scene.told("dead-link") and len(scene.ether.nic.tries) > tries
        scene.home.deaf = False
        assert scene.registered(40 * S)


def test_w6_access_point_gone_for_a_day():
    for name in KINDS:
        scene = on(name)
        scene.home.goes()
        notes = len(scene.sim.notes)
        scene.idle(24 * H, 8000)
        assert len(scene.sim.notes) - notes < 10, scene.sim.lines[notes:]
        assert scene.phone.status()[0]["state"] == "off"
        comes_back(scene)


def test_w6_start_jitter_spreads_a_site_that_comes_back_at_once():
    draws = []
    for seed in (1, 2, 3):
        scene = BoardScene(PICO_W, seed=seed)
        scene.start(start_jitter_s=60)
        assert scene.registered(70 * S)
        scene.home.goes(True)
        scene.run(20 * S)
        scene.home.comes()
        assert scene.until(scene.here, 40 * S)
        returned = scene.sim.now
        assert scene.registered(AGAIN_MS + 60 * S)
        draws.append((scene.sim.now - returned) // S)
    assert len(set(draws)) == 3 and max(draws) > 5, draws


# Addresses and name servers.


def moved(scene):
    """The board has the OTHER address now, and soon that is the one that it is registered with."""
    assert scene.until(lambda: scene.ether.passes(OTHER), 40 * S)
    assert scene.until(lambda: scene.bindings() == [OTHER], AGAIN_MS), scene.sim.lines
    assert scene.registered(S)
    scene.run(MIN)
    assert scene.bindings() == [OTHER] and scene.is_registered()
    assert not scene.primary.complaints
    # None of its messages ever named an address that is none.
    assert b"0.0.0.0" not in b"".join([f.data for f in scene.sim.frames if f.kind == "SIP"])


def test_w6_new_address_the_old_binding_is_removed_and_the_new_one_registered():
    for name in KINDS + (WIRED_RP2,):
        for tick in STARTS:
            for ms in (3000, 3300, 3600, 3900):  # anywhere between two looks
                scene = on(name, tick)
                scene.run(ms)
                assert scene.bindings() == [PHONE]
                scene.home.renews(OTHER)
                moved(scene)


def test_w6_new_address_after_an_outage():
    for name in KINDS:
        for bye in (False, True):
            for ms in (20 * S, H):
                scene = on(name)
                scene.home.goes(bye)
                scene.idle(ms)
                scene.home.address = OTHER
                scene.home.comes()
                moved(scene)


def test_w6_new_dns_server_the_old_one_dead():
    new = "192.168.10.20"
    for name in KINDS + (WIRED_RP2,):
        for tick in STARTS:
            scene = on(name, tick)
            scene.run(3 * S)
            scene.sim.dns(new, guide.ZONE)
            scene.dns.fails("silent")
            queries = len(scene.sim.queries())
            scene.home.renews(PHONE, new)
            scene.run(AGAIN_MS)
            assert scene.is_registered()
            scene.phone.register(scene.sim.ticks())
            scene.run(S)
            late = scene.sim.queries()[queries:]
            assert late and not [query for query in late if query[1] != new], late


def test_w6_dns_server_comes_with_another_access_point():
    """The first one's is dead, the second one's answers."""
    new = "192.168.10.20"
    for name in RADIO:
        scene = BoardScene(name)
        scene.sim.dns(new, guide.ZONE)
        scene.dns.fails("silent")
        scene.ether.point(CAFE, "latte-latte", OTHER, new).on = False
        scene.start(((SSID, PASSWORD), (CAFE, "latte-latte")))
        scene.run(30 * S)
        assert scene.here() and not scene.is_registered()
        scene.home.goes(True)
        scene.ether.points[1].comes()
        assert scene.until(scene.here, 60 * S) and scene.registered(AGAIN_MS)


def test_w6_addresses_of_the_settings_come_before_those_of_the_network():
    for name in KINDS:
        scene = BoardScene(name)
        scene.home.dns = "192.168.10.99"  # nobody
        scene.start(dns_servers=[guide.DNS])
        assert scene.registered(10 * S)
        assert {q[1] for q in scene.sim.queries()} == {guide.DNS}


def test_w6_network_that_names_no_dns_server_then_does():
    for name in KINDS:
        scene = BoardScene(name)
        scene.home.dns = "0.0.0.0"
        scene.start()
        scene.idle(20 * MIN)
        assert scene.here() and not scene.is_registered() and not scene.bitten()
        scene.home.renews(PHONE, guide.DNS)
        assert scene.registered(AGAIN_MS)


def test_w6_dhcp_server_that_gives_nothing_then_does():
    for name in KINDS:
        scene = BoardScene(name)
        scene.home.dhcp = False
        scene.start()
        scene.run(50 * S)
        assert not scene.sim.frames
        scene.home.dhcp = True
        assert scene.until(scene.here, 40 * S) and scene.registered(AGAIN_MS)


# Several networks, and wrong passwords.


def silent_about(scene, *secrets):
    for secret in secrets:
        assert not [line for line in scene.sim.lines if secret in line]
        assert not [note for note in scene.sim.notes if secret in note[3]]


def test_w6_wrong_password_is_noted_and_registers_once_it_is_right():
    for name, refusal in ((PICO_W, 0), (ESP32, 202), (ESP32, 204), (ESP32, 15)):
        for tick in STARTS:
            scene = BoardScene(name, tick)
            scene.home.password = "new-wifi-secret"
            scene.start()
            scene.ether.nic.refusal = refusal
            scene.run(3 * MIN)
            assert scene.told("bad-password") == [SSID], scene.sim.lines  # once, not each time
            silent_about(scene, PASSWORD, "new-wifi-secret")
            scene.home.password = PASSWORD
            assert scene.registered(45 * S), scene.sim.lines


def test_w6_wrong_password_is_not_tried_all_the_time():
    """Access points shut out who does. Once in 30 s, if there is no other network to try."""
    for name in RADIO:
        scene = BoardScene(name)
        scene.home.password = "another-secret"
        scene.start()
        scene.run(5 * MIN)
        tries = scene.ether.nic.tries
        gaps = [b - a for a, b in zip(tries, tries[1:])]
        assert 8 <= len(tries) <= 11 and min(gaps) >= 30 * S, (name, tries)


def test_w6_other_known_networks_are_tried_after_a_wrong_password():
    for name in RADIO:
        scene = BoardScene(name)
        scene.home.password = "another-secret"
        scene.ether.point(CAFE, "latte-latte", OTHER)
        scene.start(((SSID, PASSWORD), (CAFE, "latte-latte")))
        assert scene.registered(20 * S)
        assert scene.bindings() == [OTHER]
        silent_about(scene, PASSWORD, "latte-latte", "another-secret")


def test_w6_first_of_several_networks_is_gone():
    for name in RADIO:
        for tick in STARTS:
            scene = BoardScene(name, tick)
            cafe = scene.ether.point(CAFE, "latte-latte", OTHER)
            scene.home.on = False
            scene.start(((SSID, PASSWORD), (CAFE, "latte-latte")))
            assert scene.until(scene.here, 20 * S) and scene.registered(AGAIN_MS)
            assert scene.bindings() == [OTHER]
            cafe.goes()
            scene.run(MIN)
            comes_back(scene)
            assert scene.bindings()[-1] == PHONE


def test_w6_network_whose_dhcp_server_is_silent_is_left_for_the_next():
    for name in RADIO:
        scene = BoardScene(name)
        scene.home.dhcp = False
        scene.ether.point(CAFE, "latte-latte", OTHER)
        scene.start(((SSID, PASSWORD), (CAFE, "latte-latte")))
        assert scene.until(scene.here, 40 * S) and scene.registered(AGAIN_MS)
        assert scene.bindings() == [OTHER]


def test_w6_interface_that_is_up_already_as_after_a_soft_reset():
    for name in KINDS + (WIRED_RP2,):
        scene = on(name)
        scene.start(soft=True)
        assert scene.registered(15 * S), scene.sim.lines
        scene.run(MIN)
        assert scene.is_registered() and not scene.bitten()


def test_w6_interface_that_joins_already_as_boot_py_left_it():
    for name in RADIO:
        scene = on(name)
        scene.home.on = False
        scene.run(10 * S)
        scene.home.on = True
        nic = scene.ether.nic
        nic.disconnect()
        nic.connect(SSID, PASSWORD)
        scene.start(soft=True)
        assert scene.registered(15 * S), scene.sim.lines


def test_w6_a_network_without_a_password():
    for name in RADIO:
        scene = BoardScene(name)
        scene.ether.point(CAFE, "", OTHER)
        scene.start(((CAFE, ""),))
        assert scene.registered(10 * S)


def test_w6_power_save_is_off_and_the_board_has_its_name():
    for name in KINDS:
        scene = on(name, hostname="phone-2002", country="DE")
        network = scene.ether.network
        assert network.name == "phone-2002"
        if name in RADIO:
            assert scene.ether.nic.pm == network.WLAN.PM_NONE
            assert network.land == "DE"


# The watchdog.


def test_w11_watchdog_bites_a_loop_that_hangs_within_its_limit():
    for name in KINDS:
        scene = on(name)
        assert scene.machine.watchdog.timeout == 8300
        scene.run(3 * S)
        hung = scene.sim.now
        scene.off()
        scene.run(8300 - 60)
        assert not scene.bitten()
        scene.run(61)
        assert scene.bitten() and scene.machine.watchdog.bitten - hung <= 8300
        scene.start()
        assert scene.machine.reset_cause() == scene.machine.WDT_RESET
        assert scene.registered(20 * S)


def test_w11_watchdog_bites_when_a_registration_has_died():
    for tick in STARTS:
        scene = on(PICO_W, tick)
        scene.phone.close(scene.phone.registrations[0].task)
        scene.run(8300 + 60)
        assert scene.bitten()


def test_w11_watchdog_bites_when_the_phone_is_woken_no_more():
    for tick in STARTS:
        scene = on(PICO_W, tick, account=guide.account(register_expiration_s=60))
        scene.host.wake = lambda: None
        scene.host.due = lambda: 2**29
        scene.run(MIN + 3 * S + 8300 + 60)
        assert scene.bitten()


def test_w11_watchdog_never_bites_in_a_healthy_hour_and_is_fed_in_time():
    """Whatever happens in it: a failover, an outage, refreshes."""
    for name in KINDS:
        account = guide.account(register_expiration_s=60)
        scene = on(name, account=account)
        sim = scene.sim
        begin = sim.now
        sim.at(begin + 10 * MIN, scene.primary.fails, "silent")
        sim.at(begin + 20 * MIN, scene.primary.works)
        sim.at(begin + 30 * MIN, scene.home.goes)
        sim.at(begin + 35 * MIN, scene.home.comes)
        sim.at(begin + 40 * MIN, scene.dns.fails, "silent")
        sim.at(begin + 45 * MIN, scene.dns.works)
        scene.idle(H, 200 if name == PICO_W else 1000)
        dog = scene.machine.watchdog
        assert not scene.bitten() and dog.feeds >= H // S
        assert dog.gap <= 1000, dog.gap  # of the 8,300 that an RP2040 has


def test_w11_after_ctrl_c_a_timer_feeds_the_watchdog_that_cannot_be_stopped():
    for name in KINDS:
        scene = on(name)
        scene.runner.end()
        scene.off()
        scene.run(MIN)
        assert not scene.bitten() and scene.machine.watchdog.gap <= 1100
        assert scene.light(MIN) == []


def test_w11_states_that_may_last_are_no_reason_to_restart():
    """No network; nobody answers; the password is refused for good (W3)."""
    for how in ("gone", "silent", "wrong"):
        scene = BoardScene(PICO_W)
        if how == "gone":
            scene.home.on = False
        elif how == "silent":
            scene.primary.fails("silent")
            scene.backup.fails("silent")
        account = guide.account(authenticate_password="wrong" if how == "wrong" else "secret")
        scene.start(account=account)
        scene.idle(H)
        assert not scene.bitten(), how
        assert not scene.is_registered()


# Light and button.

LIT = (PICO_W, ESP32, ESP32_S3, WIRED_RP2)


def test_w13_light_shows_each_state():
    for name in LIT:
        for tick in STARTS:
            scene = BoardScene(name, tick)
            scene.home.on = False
            scene.start()
            assert scene.shown() == "searching", name
            scene.home.comes()
            assert scene.registered(30 * S)
            assert scene.shown() == "first", name
            scene.primary.fails("silent")
            scene.phone.register(scene.sim.ticks())
            scene.run(10 * S)
            assert scene.shown() == "backup", name
            scene.backup.fails("silent")
            scene.phone.register(scene.sim.ticks())
            scene.run(8 * S)
            assert scene.shown() == "failed", name
            scene.home.goes(True)
            assert scene.shown() == "searching", name


def test_w13_light_shows_failed_if_the_password_is_refused():
    scene = BoardScene(PICO_W)
    scene.start(account=guide.account(authenticate_password="wrong"))
    scene.run(6 * S)
    assert scene.shown() == "failed"


def flashes(scene):
    """How often the light flashes shortly after a long flash, in what comes now."""
    spans = scene.light(6 * S)
    long = [i for i, (lit, ms) in enumerate(spans) if lit and 950 <= ms <= 1050]
    assert len(long) == 1, spans
    n = 0
    for lit, ms in spans[long[0] + 1 :]:
        if lit and 150 <= ms <= 250:
            n += 1
        elif lit:
            break
    return n


def test_w13_short_press_says_the_status():
    for name in (PICO_W, ESP32):
        scene = on(name)
        scene.run(3 * S)
        sends = len(scene.sim.sip())
        scene.press(120)
        assert flashes(scene) == 1
        assert scene.shown() == "first" and len(scene.sim.sip()) == sends
        scene.primary.fails("silent")
        scene.phone.register(scene.sim.ticks())
        scene.run(10 * S)
        scene.press(120)
        assert flashes(scene) == 2


def test_w13_long_press_registers_anew():
    for name in (PICO_W, ESP32, WIRED_ESP32):
        for tick in STARTS:
            scene = on(name, tick)
            scene.run(3 * S)
            before = len(scene.sim.sip("REGISTER"))
            scene.press(1900)
            assert len(scene.sim.sip("REGISTER")) == before
            scene.press(2500)
            scene.run(S)
            after = scene.sim.sip("REGISTER")[before:]
            assert after and after[0][2] == PRIMARY
            assert scene.is_registered()


def test_w13_button_without_a_network_does_no_harm():
    scene = BoardScene(PICO_W)
    scene.home.on = False
    scene.start()
    scene.run(3 * S)
    scene.press(120)
    scene.run(3 * S)
    scene.press(3 * S)
    scene.run(3 * S)
    comes_back(scene)


# Crashes.


class Disk:
    """Files in memory, as `crash` wants them: open and rename."""

    def __init__(self):
        self.files = {}

    def open(self, path, mode):
        return _File(self, path, mode)

    def rename(self, old, new):
        self.files[new] = self.files.pop(old)


class _File:
    def __init__(self, disk, path, mode):
        self.disk = disk
        self.path = path
        if "w" in mode:
            disk.files[path] = b""
        elif path not in disk.files:
            raise OSError(2)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        pass

    def read(self, n=-1):
        data = self.disk.files[self.path]
        return data if n < 0 else data[:n]

    def write(self, data):
        self.disk.files[self.path] += data
        return len(data)


class Starts:
    """Starts of a board by boot.main, with what the phone does handed in."""

    def __init__(self, port="rp2"):
        self.now = 0
        self.machine = Machine(lambda: self.now, port)
        self.disk = Disk()
        self.runs = 0
        self.said = []

    def load(self, name):
        class board:
            NAME = "RPI_PICO_W"
            PORT = "rp2"

        return {"board": board, "machine": self.machine}[name]

    def start(self, does):
        """One start -> what main gives back, or "reset"."""
        from srvphone.board import boot, crash

        def phone(*what):
            self.runs += 1
            return does()

        really = boot._phone, boot.Files
        boot._phone, boot.Files = phone, self.disk
        boot.print = crash.print = lambda *words: self.said.append(" ".join(map(str, words)))
        lacks = not hasattr(sys, "print_exception")
        if lacks:  # CPython
            sys.print_exception = lambda e, to: to.write("Traceback:\n%r\n" % e)
        try:
            return boot.main(load=self.load)
        except Reset:
            return "reset"
        finally:
            boot._phone, boot.Files = really
            del boot.print, crash.print
            if lacks:
                del sys.print_exception
            self.machine = self.machine.again()

    def file(self):
        return self.disk.files["crash.txt"].decode()


def breaks():
    raise ValueError("it broke" + " badly" * 50)


def bitten():
    raise Bite


class Bite(BaseException):
    """The watchdog: no code sees it come."""


def test_w12_crash_leaves_its_trace_and_restarts():
    for port in ("rp2", "esp32"):
        starts = Starts(port)
        assert starts.start(breaks) == "reset"
        assert "it broke" in starts.file() and starts.file().startswith("crashes 1")
        assert starts.start(breaks) == "reset"
        assert starts.file().startswith("crashes 2")  # not 3: an rp2's reset() is no bite


def test_w12_three_crashes_in_a_row_start_without_network():
    for port in ("rp2", "esp32"):
        starts = Starts(port)
        for _ in range(3):
            assert starts.start(breaks) == "reset"
        starts.said = []
        assert starts.start(breaks) == 3 and starts.runs == 3  # the console, no phone
        assert starts.said[0] == "srvphone 0.1.0 on RPI_PICO_W"
        assert "crash.txt" in " ".join(starts.said[1:])
        assert starts.start(breaks) == "reset" and starts.runs == 4  # switched off and on: one try
        assert starts.start(breaks) == 3 and starts.runs == 4
        for _ in range(10):
            starts.start(breaks)
            assert len(starts.file()) <= 2048


def test_w12_clean_end_between_crashes_and_what_main_gives_back():
    starts = Starts()
    assert starts.start(breaks) == "reset"
    assert starts.start(lambda: 0) == 0
    assert starts.start(lambda: 2) == 2
    assert not [line for line in starts.file().split("\n")[:1] if "running" in line]


def test_w12_watchdog_reset_is_counted_as_a_crash():
    starts = Starts()
    for n in (1, 2, 3):
        try:
            starts.start(bitten)
        except Bite:
            pass
        starts.machine.cause = starts.machine.WDT_RESET
        if n < 3:
            assert starts.runs == n
    assert starts.start(bitten) == 3
    assert starts.runs == 3 and "watchdog" in starts.file()


def test_w12_power_cut_is_no_crash():
    starts = Starts()
    for _ in range(5):
        try:
            starts.start(bitten)
        except Bite:
            pass
        starts.machine.cause = starts.machine.PWRON_RESET
    assert starts.runs == 5
