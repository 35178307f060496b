"""A training script with all types; test_house.py runs mypy and pyright on it."""

from pathlib import Path

import adamx
from tests import user_script


def test_the_script_of_a_user_runs():
    user_script.main()


def test_type_checkers_are_told_that_the_package_has_types():
    assert (Path(adamx.__file__).parent / "py.typed").exists()
