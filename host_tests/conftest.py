"""No test is left out in CI: one that is skipped, deselected or expected to fail has failed."""

import os

import pytest

CI = os.environ.get("CI") == "true"


def counted(report):
    if CI and (report.skipped or hasattr(report, "wasxfail")):
        report.outcome = "failed"
        report.longrepr = "left out, which CI does not allow: %s" % (report.longrepr,)
        report.__dict__.pop("wasxfail", None)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return counted((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return counted((yield))


def pytest_deselected(items):
    if CI:
        raise pytest.UsageError("CI runs every test; %d were deselected" % len(items))
