"""The two tiers: what a parameter of a test says to be tried in the thorough one."""

from typing import Any

import pytest


def full(*values: Any) -> Any:
    """Give these values to a test in the thorough tier alone."""
    return pytest.param(*values, marks=pytest.mark.full)
