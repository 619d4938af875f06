"""A small simulated network in virtual time: DNS servers, registrars, loss, and the real phone.

A test of an hour of fail-over takes milliseconds and is the same on every interpreter.

    from sim.guide import registration

    scene = registration("SRV", "Default", register_expiration_s=60)  # guide's servers, phone
    sim, primary, backup = scene.sim, scene.primary, scene.backup
    assert sim.run_until(lambda: primary.bound("2002"), 10000)
    primary.fails("silent")                      # from now on; primary.works() ends it
    sim.run(sim.now + 70000)                     # run up to a virtual time, in ms
    sends = sim.sip("REGISTER", "192.168.10.13") # [(ms, from, to, "REGISTER"), ...]
    assert sim.noted("G14", "trying")            # [(ms, rule, event, text), ...] of its trace
    assert not backup.complaints

By hand, with any zone (see sim.dns) and any settings (the fields of srvphone.account):

    from sim import Sim

    sim = Sim(seed=1, tick=2**30 - 500)          # the phones' clock wraps half a second on
    dns = sim.dns("192.0.2.53", "example.org. 60 IN A 192.0.2.13")
    registrar = sim.registrar("192.0.2.13", realm="r", users={"2002": "secret"})
    phone = sim.phone({"dns_servers": ["192.0.2.53"], "accounts": [{...}]}, "192.0.2.11")
    phone.status()                               # it is the Phone itself

Time       sim.now, sim.ticks() (the phones' clock), sim.run(until), sim.run_until(predicate,
           limit), sim.step(limit); sim.at(ms, function, *args) arranges a happening. All times
           are virtual ms from 0, absolute. More than net.MOST_AT_ONCE happenings at one ms raise
           RuntimeError.
Phones     sim.phone(settings, address, start=0); sim.attach(thing, address, sip_port) for a
           stand-in; phone.stop(sim.ticks()) and the like at any time. sim.host(phone) has
           .on = False (power cut), .down = 101 or 113 (sends fail, and nobody says why),
           .offline() and .online(address, servers) (the interface says so), .dns_port.
Servers    dns.fails(how, name, kind, times, delay_ms), dns.works(), dns.zone.set("a 60 IN A
           192.0.2.14"), .remove(name, kind), .ttl(3, name, kind), dns.tcp, dns.squeeze, ...;
           registrar.fails(how, method, headers, times, delay_ms), .works(), .restart(),
           .bound(user), .lapses(user), .request(method, to), .send(bytes, to), its nonces,
           algorithms, qop, ..., counters, complaints. Modules sim.dns and sim.sip list them.
Paths      sim.path(source, to), addresses or None for any, has delay_ms, jitter_ms, loss, twice
           (of 100), drop (the next so many), pick (function), errno; one direction only.
           A closed port is reported after a delay each way; Sim(reports=False): never.
Seeing     sim.frames (Frame: t, kind, source, to, data, what, arrived, fate), sim.sip(),
           sim.queries(), sim.lines (trace), sim.notes, sim.noted(), sim.vanished (datagrams to a
           DNS port that was closed), sim.digest() (SHA-256 of all of it). The newest `keep`.
Forging    sim.send("DNS", source, to, data) from anybody, e.g. to
           (address, sim.host().dns_port).

What is arranged for one instant happens in that order, before phones whose deadline it is are
woken. Everything random comes from `Random(seed)`, split by purpose: another server or path
changes no other draws.
"""

from sim.net import Net

__all__ = ["Sim"]


class Sim(Net):
    """A network (sim.net.Net) with the servers that a phone needs. Their modules are loaded when
    the first one is made: who only wants sim.machine, say, needs no encoder of DNS messages."""

    def dns(self, address, zones, port=53):
        """A DNS server (sim.dns.Server) with a Zone, a zone text, or a list of them."""
        from sim.dns import Server

        return self.serve(Server(self, (address, port), zones))

    def registrar(self, address, realm="grandstream.com", users=None, port=5060, location=None):
        """A registrar (sim.sip.Registrar); `users` is {name: password}, {"2002": "secret"} if
        not given; registrars with one `location` share their bindings."""
        from sim.sip import Registrar

        if users is None:
            users = {"2002": "secret"}
        return self.serve(Registrar(self, (address, port), realm, users, location))
