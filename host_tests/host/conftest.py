"""What the tests for CPython alone share: the tools of Debian, and how Hypothesis works."""

import os
import shutil

import hypothesis
import pytest

# The same examples in every run, however slow the machine, and nothing kept between runs.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("same")


@pytest.fixture
def need():
    """need(command) is its path; without it the test is skipped, which CI counts as a failure."""

    def path_of(command):
        found = shutil.which(command, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not found:
            pytest.skip("%s is not installed: `make servers`" % command)
        return found

    return path_of
