"""Each note that the firmware makes has a sentence and each sentence a note; what scenes of the
simulator note is told in full."""

import ast
import re

import pytest

import test_auth
import test_failover_modes
import test_plan
import test_registration
import test_startup
from core_tests import ROOT
from sim.story import NAMES, tell
from srvphone.trace import Trace
from srvphone_host import sentences
from srvphone_host.sentences import NOTES, Teller, known, sentence

FIRMWARE = ROOT / "firmware/srvphone"

# What the source says. These functions make notes, or hand them on.
MAKERS = ("note", "_note", "drop", "report")

# What can't be read off the source: an expression for rule or event -> all (rule, event) of it.
WORKED_OUT = {
    "self.rule": {("G%d" % n, "starts-at") for n in (18, 19, 20, 21)},
    "str(outcome)": {
        *(("G14", event) for event in ("silent", "unreadable")),
        *(("G15", event) for event in ("refused", "timeout", "503")),
    },
}


def name_of(node):
    """The last name of an expression: "note" of self.core.note."""
    return ast.unparse(node).rpartition(".")[2]


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def texts(node, named):
    """All texts that an expression can be; none if that can't be told."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) and node.value else set()
    if isinstance(node, ast.IfExp):
        parts = [node.body, node.orelse]
    elif isinstance(node, ast.Tuple):
        parts = node.elts
    elif isinstance(node, ast.Subscript):
        parts = [node.value]
    elif isinstance(node, ast.Call) and name_of(node.func) == "const":
        parts = node.args
    else:
        return named.get(name_of(node), set())
    found = [texts(part, named) for part in parts]
    return set().union(*found)


def constants(tree):
    """{name: texts} of what is given a text, or a tuple of them."""
    named = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found = texts(node.value, {})
            if found:
                named.setdefault(node.targets[0].id, set()).update(found)
    return named


def signature(function):
    """[(parameter, its default or None), ...] without self."""
    names = [a.arg for a in function.args.args if a.arg != "self"]
    defaults = function.args.defaults
    return list(zip(names, [None] * (len(names) - len(defaults)) + defaults))


def written(call, makers):
    """The expressions for rule and event in a call of one of MAKERS; None if it is no note.

    makers: {name: function} of those that are defined in the same file, and report.
    """
    name = name_of(call.func)
    if call.args and name_of(call.args[0]) == "now":  # Trace.note
        return tuple(call.args[1:3])
    if name == "drop":  # Core.drop
        return call.args[0], ast.Constant("dropped")
    if name in makers and ast.unparse(call.func) in ("self.note", "self._note", "report"):
        found = dict(signature(makers[name]))
        if not {"rule", "event"} <= set(found):
            return None
        found.update(zip(found, call.args))
        found.update((k.arg, k.value) for k in call.keywords)
        return found["rule"], found["event"]
    return tuple(call.args[:2])  # Core.note


def read(trees):
    """(the notes that these files make, the calls that can't be read, those of WORKED_OUT)."""
    notes, unclear, used = set(), [], set()
    everywhere = {}
    makers = {}
    for tree in trees.values():
        everywhere.update((k, v) for k, v in constants(tree).items() if k.isupper())
        for f in functions(tree):
            if f.name == "note" and [name for name, _ in signature(f)][:1] == ["text"]:
                makers["report"] = f  # that of a Locator is handed on by this name
    for path, tree in trees.items():
        named = {**everywhere, **constants(tree)}
        here = {**makers, **{f.name: f for f in functions(tree) if f.name in MAKERS}}
        for function in functions(tree):
            handed = {name for name, _ in signature(function)}
            for call in ast.walk(function):
                if not isinstance(call, ast.Call) or name_of(call.func) not in MAKERS:
                    continue
                pair = written(call, here)
                if (
                    not pair
                    or function.name in (*MAKERS, "datagram")
                    and handed & {ast.unparse(expression) for expression in pair}
                ):
                    continue  # whoever calls this function makes the note
                shown = WORKED_OUT.keys() & map(ast.unparse, pair)
                rules, events = (texts(expression, named) for expression in pair)
                if shown:
                    used |= shown
                    notes = notes.union(*(WORKED_OUT[expression] for expression in shown))
                elif rules and events:
                    notes |= {(rule, event) for rule in rules for event in events}
                else:
                    unclear.append("%s:%d %s" % (path, call.lineno, ast.unparse(call)))
    return notes, unclear, used


def parsed(paths):
    return {str(p): ast.parse(p.read_text(encoding="utf-8")) for p in paths}


@pytest.fixture(scope="module")
def source():
    return read(parsed(sorted(FIRMWARE.rglob("*.py"))))


def test_every_note_has_a_sentence(source):
    notes, unclear, _ = source
    assert len(notes) > 25
    assert unclear == [], "what rule and event can be: say so in WORKED_OUT"
    assert {note for note in notes if not sentences.key(*note)} == set(), "NOTES lacks these"


def test_every_sentence_has_a_note(source):
    notes, _, used = source
    assert WORKED_OUT.keys() == used
    made = {sentences.key(*note) for note in notes}
    assert {row[:2] for row in NOTES} - made == set(), "no note of the firmware is like these"


# Three files, as the firmware's are.
LOCATOR = """
class Locator:
    def note(self, text, rule="G6", event="skipped"):
        self.core.note(rule, event, self.label, text)
    def other(self):
        self.note("x")
        self.note("x", "G9" if self else "G4")
        self.note("x", event="alias")
"""
CORE = """
_WORDS = ("", "one", "two")
_LATE = const("late")
class Core:
    def note(self, rule, event, *words):
        self.trace.note(self.now, rule, event, " ".join(words))
    def drop(self, rule, reason, address):
        self.note(rule, "dropped", reason, address)
class Link:
    def _note(self, state):
        self.note(self.now, "W6", _WORDS[state], "x")
    def turn(self):
        self._note(1)
def loose(core, rule, report):
    word = "W1"
    core.note(word, _LATE, 1)
    core.drop("W5", "two Vias", address)
    report("y")
    core.note(rule, "unclear")
"""
PHONE = """
class Phone(Core):
    def cut(self):
        self.note("W5", "cut")
"""


def test_the_source_is_read_as_it_runs():
    files = {"a.py": LOCATOR, "b.py": CORE, "c.py": PHONE}
    notes, unclear, used = read({name: ast.parse(text) for name, text in files.items()})
    assert notes == {
        *(("G6", "skipped"), ("G9", "skipped"), ("G4", "skipped"), ("G6", "alias")),
        *(("W6", "one"), ("W6", "two"), ("W1", "late"), ("W5", "dropped"), ("W5", "cut")),
    }
    assert unclear == ["b.py:19 core.note(rule, 'unclear')"] and not used


# What scenes note

ROOMS = (test_auth, test_failover_modes, test_plan, test_registration)
SCENES = [
    *(test for room in ROOMS for name, test in vars(room).items() if name.startswith("test_")),
    test_startup.test_w6_drop_while_registered_and_a_refresh_falls_into_it,
    test_startup.test_w6_link_that_is_up_but_dead_is_made_anew,
    test_startup.test_w6_network_that_names_no_dns_server_then_does,
    test_startup.test_w6_network_whose_dhcp_server_is_silent_is_left_for_the_next,
    test_startup.test_w6_wrong_password_is_noted_and_registers_once_it_is_right,
    test_startup.test_w6_first_of_several_networks_is_gone,
]
LITERAL = {"TTL", "s", "DNS", "none", "stale", "for", "ever", "loop"}


def check(note, said):
    """Is all of the note in the sentence that `said` it?"""
    rule, event, text = note
    assert said is not None, "NOTES has no line that fits %s" % (note,)
    assert not re.search("[{}]|None", said), said
    assert rule == "-" or said.endswith(" (%s)" % rule)
    for i, word in enumerate(text.split()):
        if not i and re.fullmatch(r"\d+\+?", word):
            word = "account %d" % (int(word.rstrip("+")) + 1)
            assert ("secondary server" in said) == ("+" in text.split()[0])
        elif event == "waits" and word.isdigit():
            word = "in %g s" % (int(word) / 1000)
        elif word[0] == "-" or word in LITERAL:  # a TTL that is up, a Min-Expires that is none
            continue
        assert word.lower() in said.lower(), (note, said)


def test_what_scenes_note_is_told_in_full(monkeypatch):
    notes = set()
    noted = Trace.note

    def note(self, now, rule, event, text="", data=None):
        if data is None:
            notes.add((rule, event, text))
        noted(self, now, rule, event, text, data)

    monkeypatch.setattr(Trace, "note", note)
    for scene in SCENES:
        scene()
    for name in NAMES:
        tell(name, 3)
    assert len(notes) > 200
    for note in sorted(notes):
        check(note, known(*note))
    assert len({sentences.key(*note[:2]) for note in notes}) > 25


SAMPLES = {
    "account": "1",
    "address": "192.0.2.61",
    "channel": "sip",
    "count": "8",
    "dns": "192.0.2.53",
    "ms": "20500",
    "name": "_sip._udp.example.com",
    "network": "my home",
    "portless": "a.example.com:0",
    "reason": "two Vias",
    "record": "NAPTR 1 1 s SIP+D2T: not our service",
    "s": "3600",
    "server": "192.0.2.13:5060",
    "servers": "192.0.2.13:5060 192.0.2.12:5060",
    "status": "401",
    "ttl": "3 s",
}


@pytest.mark.parametrize("row", NOTES, ids=lambda row: " ".join(row[:3]))
def test_each_line_of_the_table_can_be_said(row):
    rule, event, fields, words = row
    rule, event = rule.replace("*", "G18"), event.replace("NNN", "503")
    text = " ".join(SAMPLES.get(word, word) for word in fields.split())
    said = known(rule, event, text)
    # what is said is this line's: no other one before it fits
    assert re.search(re.sub(r"\\{\w+\\}", ".+", re.escape(words)), said), said
    if "servers" in fields:
        said = said.replace(",", "")
    check((rule, event, text), said)


def test_sentences():
    for short, said in (
        ("G22 waits 0 for ever", "account 1: not registered; does not try again (G22)"),
        ("G22 waits 0+ 127250", "account 1, secondary server: not registered; tries again in"),
        ("G24 registered 1 192.0.2.1:5060 60", "account 2: registered at 192.0.2.1:5060 for 60 s"),
        ("G4 plan 0 192.0.2.1:5060 TTL -5 s", "account 1: servers 192.0.2.1:5060, for 0 s (G4)"),
        ("W5 dropped sip two Vias 192.0.2.1:5060", "dropped SIP from 192.0.2.1:5060: two Vias"),
        ("- unregistered 0 192.0.2.1:5060", "account 1: unregistered at 192.0.2.1:5060"),
    ):
        rule, event, text = short.split(" ", 2)
        assert sentence(rule, event, text).startswith(said)


def test_what_the_table_lacks_is_shown_whole():
    assert sentence("G14", "silent", "192.0.2.1 after 3") == "silent 192.0.2.1 after 3 (G14)"
    assert sentence("G22", "new", "0 {why}") == "new 0 {why} (G22)"
    assert sentence("-", "new", "") == "new"


@pytest.mark.parametrize(
    "before, why",
    [
        ("", "not registered"),
        ("G14 silent 0 a:1, G15 refused 0 b:1", "no server answered"),
        ("G14 silent 0 a:1, G15 503 0 b:1", "not registered"),
        ("G15 404 0 a:1", "not registered"),
        ("G14 silent 1 a:1", "not registered"),  # another account's
        ("G14 silent 0 a:1, G24 registered 0 b:1 60", "not registered"),
        ("G14 silent 0 a:1, G22 waits 0 20000", "not registered"),
        ("G14 silent 0 a:1, G14 else 0 b:1", "not registered"),
        ("G4 no-targets 0 TTL 3 s", "no server found"),
        ("W3 wrong-password 0 a:1", "the password is refused"),
        ("G14 silent 0 a:1, W3 wrong-password 0 b:1", "not registered"),
    ],
)
def test_g22_the_reason_is_said_only_if_it_is_true(before, why):
    teller = Teller()
    for note in filter(None, before.split(", ")):
        teller.tell(*note.split(" ", 2))
    assert (
        teller.tell("G22", "waits", "0 20000") == "account 1: %s; tries again in 20 s (G22)" % why
    )


def test_lines_of_the_console():
    told = Teller().line
    assert told("0.500 W6 down ") == "0.500 network: down (W6)"
    dns = "1.752 dns < 192.0.2.53:53 133 SRV a.example"
    assert told(dns + " rcode 0 answers 2") == dns + ": 2 answers"
    assert told(dns + " rcode 0 answers 1 | 00ff") == dns + ": 1 answer | 00ff"
    assert told(dns + " rcode 3 answers 0") == dns + ": No such name"
    for line in (dns, "srvphone 0.1.0", "1.0 x", "1.000 sip > 192.0.2.1:5 9 X rcode 0 answers 1"):
        assert told(line) == line
