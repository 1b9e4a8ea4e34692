"""Which tests run in which tier: the environment variable TIER is fast (default), ci or full."""

from __future__ import annotations

import os

import pytest

from phasefield import cache

cache.configure()  # before anything imports numba

LEFT_OUT = {"fast": {"slow", "ci"}, "ci": {"slow"}, "full": set[str]()}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tier = os.environ.get("TIER", "fast")
    if tier not in LEFT_OUT:
        raise pytest.UsageError(f"TIER={tier} is none of {', '.join(LEFT_OUT)}")
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        (left_out if marks & LEFT_OUT[tier] else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
