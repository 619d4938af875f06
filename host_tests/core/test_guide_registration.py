"""The guide's Figure 4: frames 955 to 1015 of its capture, told by the phone."""

from cases import STARTS, vector
from sim import guide
from sim.guide import PRIMARY
from stories import MODES, blameless, header

PHONE = "192.168.10.10"
FRAMES = [frame for frame in vector("guide_registration.json")["frames"] if frame["frame"] >= 955]


def figure_4(mode, tick):
    """(scene, the first of the frames): a refresh at a primary that has died.

    The backup answers as captured: its 401 came after 17 ms, its 200 after 18 ms.
    """
    scene = guide.scene(tick=tick, address=PHONE)
    scene.start(
        guide.account("SRV", mode, register_expiration_s=46, reregister_before_expiration_s=0)
    )
    sim = scene.sim
    sim.run(5000)
    scene.backup.fails("", delay_ms=16)  # and 1 ms each way
    scene.backup.fails("", delay_ms=15, times=1)
    scene.primary.fails("silent")
    sim.run_until(lambda: [f for f in sim.frames if f.t > 5000 and f.kind == "SIP"], 60000)
    sim.run(sim.now + 6000)
    first = [f for f in sim.frames if f.t > 5000 and f.kind == "SIP"][0]
    return scene, first


def test_g14_the_time_line_of_figure_4():
    assert [frame["frame"] for frame in FRAMES] == [955, 970, 990, 1010, 1013, 1014, 1015]
    start = FRAMES[0]["t"]
    for mode in MODES:
        for tick in STARTS:
            scene, first = figure_4(mode, tick)
            frames = [f for f in scene.sim.frames if f.kind == "SIP" and f.t >= first.t]
            assert len(frames) == len(FRAMES)
            before = 0, 0
            for f, expected in zip(frames, FRAMES):
                came = f.to[0] == PHONE
                # The capture was made at the phone: what comes is seen when it arrives.
                ms = f.t - first.t + came
                captured = int((expected["t"] - start) * 1000 + 0.5)
                assert abs((ms - before[0]) - (captured - before[1])) <= 10, expected
                if not came and f.what == "REGISTER" and expected["frame"] <= 1010:
                    assert abs(ms - captured) <= 10, expected
                before = ms, captured
                assert f.source[0].replace(PHONE, "phone") == expected["from"]
                assert f.to[0].replace(PHONE, "phone") == expected["to"]
                assert str(f.what) == expected["info"].split(" ")[0], expected
            blameless(scene.primary, scene.backup)


def test_g1_the_request_line_of_figure_4():
    scene, _ = figure_4(MODES[0], 0)
    expected = {frame["info"] for frame in FRAMES if frame["from"] == "phone"}
    texts = [f.data.decode() for f in scene.sim.frames if f.what == "REGISTER"]
    assert {text.split(" SIP/2.0\r\n")[0] for text in texts} == expected
    assert {header(text, "Route") for text in texts} == {"<sip:test.grandstream.com;lr>"}


def test_g17_the_first_register_of_a_refresh_is_answered_200_at_once():
    """Frames 153 and 154: no 401 between."""
    scene = guide.scene(address=PHONE)
    scene.start(guide.account(register_expiration_s=46, reregister_before_expiration_s=0))
    scene.sim.run(50000)
    late = [f.what for f in scene.sim.frames if f.kind == "SIP" and f.t > 40000]
    assert late == ["REGISTER", 200] and scene.sim.frames[-1].source[0] == PRIMARY
