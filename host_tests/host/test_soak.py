"""`make soak`: every job runs, whatever becomes of the one before, and one failure is enough."""

import json

import pytest

import soak
from core_tests import ROOT


@pytest.fixture
def logs(monkeypatch):
    monkeypatch.setattr(soak, "LOGS", ROOT / "build/soak-test")


def jobs(*codes):
    return {
        "job%d" % i: ["-c", "print('it says %d'); raise SystemExit(%d)" % (code, code)]
        for i, code in enumerate(codes)
    }


def test_one_failure_is_enough_and_the_rest_runs_all_the_same(logs, capsys):
    assert soak.main(["--json"], jobs(0, 3, 0)) == 1
    verdicts = json.loads(capsys.readouterr().out)
    assert [one["passed"] for one in verdicts] == [True, False, True]
    assert [one["last"] for one in verdicts] == ["it says 0", "it says 3", "it says 0"]
    assert (ROOT / verdicts[1]["log"]).read_text() == "it says 3\n"


def test_all_passed(logs, capsys):
    assert soak.main([], jobs(0, 0)) == 0
    out = capsys.readouterr().out
    assert out.count("passed") == 2 and "failed" not in out
    assert soak.main(["--only", "job0", "--json"], jobs(0, 1)) == 0


def test_what_it_runs_is_there():
    assert set(soak.JOBS) == {"mutants", "hostile", "year"}
    for script, *_ in soak.JOBS.values():
        assert (ROOT / script).exists()
    assert soak.duration(3 * 3600 + 65) == "3:01:05"
