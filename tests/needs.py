"""What a test needs from the machine: without it the test skips, or fails where nothing may be missing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NoReturn

import pytest


def nothing_may_be_missing(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this run is one where a skipped test would hide something: ``CI=true`` or ``AEL_REQUIRE_ALL=1``."""
    return environment.get("CI", "").lower() in ("true", "1") or environment.get("AEL_REQUIRE_ALL") == "1"


def missing(what: str) -> NoReturn:
    """End the test because ``what``, one sentence, is not there."""
    if nothing_may_be_missing():
        pytest.fail(f"{what}, and this run may not skip")
    pytest.skip(what)
