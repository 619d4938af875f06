"""Years of virtual time on wasm32 (tools/year.py): no drift, nothing missed, the same heap."""

import pytest

import core_tests
import year


@pytest.mark.parametrize("name", year.RUNS)
def test_w9_a_year_leaves_no_trace(name):
    """Of the run of 60 s, 14 days, in which the ticks wrap two times; `make year` runs it all."""
    try:
        result = year.run(name, short=True)
    except core_tests.Missing as e:
        pytest.skip(str(e))
    assert not result["faults"]
    assert result["first"]["total"] == result["last"]["total"] < year.HEAP
    days = {"hourly": 365, "60 s": 13, "45 days": 365}
    assert result["days"] >= days[name]
    assert result["failovers"] >= 2
    if name == "hourly":
        assert (result["refreshes"], result["failovers"]) == (8760, 53)


def test_a_leak_of_more_than_512_bytes_is_a_fault():
    first = {"used": 50000, "peak": 52000, "largest free": 90000}
    for key, other in (("used", 50513), ("peak", 51487), ("largest free", 89487)):
        assert not year.drifted({"first": first, "last": first})
        assert len(year.drifted({"first": first, "last": {**first, key: other}})) == 1
