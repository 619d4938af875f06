"""The rooms keep to themselves: what imports what; numbers that stand in several rooms agree."""

import ast
import hashlib
import re
import subprocess
import sys

import pytest

from core_tests import ROOT
from srvphone.sip import digest

FIRMWARE = ROOT / "firmware"
CONSTANT = re.compile("_?[A-Z][A-Z0-9_]*")
# Names that mean something else in every room, so that their values say nothing of each other.
OWN = {"_BYTES", "_KEEP_MS", "_SIZE"}


def loaded_by(module):
    """The modules of the product that an import of `module` loads."""
    code = "import sys, %s; print(*[m for m in sys.modules if m.startswith('srvphone.')])" % module
    path = ["tools/shim", "firmware"]
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path[:0] = %r; %s" % (path, code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["wire", "answer", "compose", "cache", "resolver"])
def test_dns_loads_nothing_of_sip_or_of_the_phone(module):
    strange = {
        name
        for name in loaded_by("srvphone.dns." + module)
        if not name.startswith("srvphone.dns") and name != "srvphone.clock"
    }
    assert strange == set()


def test_the_phone_loads_neither_the_encoder_nor_the_matcher_nor_md5():
    loaded = loaded_by("srvphone.phone")
    assert not loaded & {"srvphone.dns.compose", "srvphone.locate.regexp", "srvphone.sip.md5"}


def test_md5_is_our_own_where_hashlib_forbids_it(monkeypatch):
    def forbidden(data):
        raise ValueError("disabled for FIPS")

    value = b'Digest realm="r", nonce="n", qop="auth"'
    given = b"REGISTER", b"sip:r", b"2002", b"secret", b"c"
    usual = digest.challenges([value])[0][0].credentials(*given)
    monkeypatch.setattr(hashlib, "md5", forbidden)
    assert digest.challenges([value])[0][0].credentials(*given) == usual
    monkeypatch.delattr(hashlib, "md5")
    assert digest.challenges([value])[0][0].credentials(*given) == usual


def test_sip_knows_no_dns():
    for path in (FIRMWARE / "srvphone/sip").glob("*.py"):
        assert not re.search(r"^(from|import) .*\b(dns|locate)\b", path.read_text(), re.M), path


def constants(source):
    """(name, value) of a module's constants: const() of a number, text, bytes or a tuple of such,
    and plain numbers."""
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        value = node.value
        wrapped = isinstance(value, ast.Call) and ast.unparse(value.func) == "const"
        try:
            value = ast.literal_eval(value.args[0] if wrapped else value)
        except ValueError:  # it is worked out from others
            continue
        if CONSTANT.fullmatch(node.targets[0].id) and (wrapped or type(value) is int):
            yield node.targets[0].id, value


def test_numbers_of_one_name_agree():
    """`_X = const(1)` is gone on a board, so rooms that share a number each have their own; and
    so with texts and bytes."""
    values = {}
    for path in sorted(FIRMWARE.rglob("*.py")):
        for name, value in constants(path.read_text(encoding="utf-8")):
            if name not in OWN:
                values.setdefault(name.lstrip("_"), {}).setdefault(value, []).append(path.name)
    kinds = {type(value).__name__ for found in values.values() for value in found}
    assert kinds == {"int", "str", "bytes", "tuple"}
    strange = {name: found for name, found in values.items() if len(found) > 1}
    assert strange == {}
