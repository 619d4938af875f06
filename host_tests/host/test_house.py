"""The house is in order: lint and types hold, functions and rooms stay small."""

import ast
import subprocess

import pytest

from core_tests import ROOT

FIRMWARE = ROOT / "firmware/srvphone"
LINES = 60  # of a function of the firmware, at the most
LONG: "dict[str, str]" = {}  # "module.function": why it has more
SIP_LINES = 350  # of a file of sip/
REGISTRATION_LINES = 319


@pytest.mark.parametrize("target", ["lint", "types"])
def test_make(target, need):
    command = [need("make"), "-C", str(ROOT), "--no-print-directory", target]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, "\n" + done.stdout


def functions():
    """(name with its module's, node) of every function of the firmware."""
    for path in sorted(FIRMWARE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield "%s.%s" % (path.stem, node.name), node


def test_functions_fit_on_a_screen():
    sizes = {name: node.end_lineno - node.lineno + 1 for name, node in functions()}
    assert len(sizes) > 200
    assert {name for name, size in sizes.items() if size > LINES} == set(LONG)


def test_rooms_of_sip_stay_small():
    lines = {
        path.name: len(path.read_text(encoding="utf-8").splitlines())
        for path in (FIRMWARE / "sip").glob("*.py")
    }
    assert lines["registration.py"] <= REGISTRATION_LINES
    assert {name for name, count in lines.items() if count > SIP_LINES} == set()


def test_only_the_walk_goes_over_targets():
    """G14 to G22: sip/ is told which target comes next; it never looks for it in a plan."""
    for path in (FIRMWARE / "sip").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & {"targets", "plan", "closed_until", "plan_now"}, path.name


def test_names_of_a_transport_are_derived_in_one_place():
    for path in sorted(FIRMWARE.rglob("*.py")):
        if path.name != "transport.py":
            text = path.read_text(encoding="utf-8").lower()
            for name in ("_sip._udp", "_sip\\4_udp", "sip+d2u", "sip/2.0/udp"):
                assert name not in text, path.name
