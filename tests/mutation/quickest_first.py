"""A plugin of pytest's for mutmut: the quickest tests first, and those that take long not at all.

A change of the code that a test notices costs as long as the tests before it take; one that no
test notices costs all of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

LONGEST = 2.0  # seconds of a test that is run for every change of what it covers
STATS = Path("mutmut-stats.json")  # what mutmut measured before the first change, in its folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests in order once their times are known."""
    if not STATS.exists():
        return
    seconds = json.loads(STATS.read_text(encoding="utf-8"))["duration_by_test"]
    ordered = sorted(items, key=lambda item: seconds.get(item.nodeid, 0.0))
    quick = [item for item in ordered if seconds.get(item.nodeid, 0.0) <= LONGEST]
    items[:] = quick or ordered
    config.hook.pytest_deselected(items=ordered[len(items) :])
