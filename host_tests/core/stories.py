"""What the tests of the SIP side share: the guide's scene, and short ways to look at it."""

from sim.guide import BACKUP, PRIMARY, registration

DEFAULT = "Default"
UNTIL_TTL = "Saved one until DNS TTL"
UNTIL_SILENT = "Saved one until no responses"
UNTIL_FAILBACK = "Saved one until failback timeout"
MODES = (DEFAULT, UNTIL_TTL, UNTIL_SILENT, UNTIL_FAILBACK)

LETTERS = {PRIMARY: "P", BACKUP: "B"}
USER = "2002"


def registered(failover=DEFAULT, **fields):
    """The guide's scene with a phone that has just registered at the primary."""
    fields = dict({"register_expiration_s": 60, "reregister_before_expiration_s": 0}, **fields)
    scene = registration(failover=failover, **fields)
    settle(scene)
    return scene


def settle(scene, limit_ms=60000):
    """Run until the first registration is registered (or no more is)."""
    phone = scene.phone
    sim = scene.sim
    assert sim.run_until(lambda: phone.status()[0]["state"] == "registered", sim.now + limit_ms)


def until(scene, state, limit_ms=60000):
    """Run until the state of the first registration is this one."""
    phone = scene.phone
    sim = scene.sim
    assert sim.run_until(lambda: phone.status()[0]["state"] == state, sim.now + limit_ms), state


def current(scene, i=0):
    """ "P", "B", another address, or "" while not registered."""
    address = scene.phone.status()[i]["current"].split(":")[0]
    return LETTERS.get(address, address)


def targets(scene):
    """Those of the plan of the newest cycle, as "PB"."""
    plan = scene.phone.registrations[0].servers.plan
    return "".join([LETTERS[target.address[0]] for target in plan.targets])


def sends(sim, since=0, what="REGISTER"):
    """[(ms after `since`, "P"), ...] of the phones' requests."""
    return [(t - since, LETTERS.get(to, to)) for t, _, to, _ in sim.sip(what) if t >= since]


def tour(sim, since=0, what="REGISTER"):
    """The targets in the order in which they were tried, as "PBP"; repeats count once."""
    out = []
    for _, to in sends(sim, since, what):
        if out[-1:] != [to]:
            out.append(to)
    return "".join(out)


def datagrams(sim, what, to=None):
    """The bytes of the frames with this method or status, as text."""
    return [
        f.data.decode()
        for f in sim.frames
        if f.kind == "SIP" and f.what == what and to in (None, f.to[0])
    ]


def header(text, name):
    """The value of the first header of this name; None if there is none."""
    for line in text.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name.lower():
            return value.strip()


def param(value, name):
    """A parameter of a header value, also one in quotes; None if there is none."""
    for part in value.replace(",", ";").replace("Digest ", ";").split(";"):
        key, equals, text = part.strip().partition("=")
        if key == name:
            return text.strip('"') if equals else ""


def blameless(*servers):
    """No server found anything wrong."""
    for server in servers:
        assert server.complaints == [], server.complaints
