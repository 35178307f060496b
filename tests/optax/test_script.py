"""A typed script of a user of Optax; test_house.py runs mypy and pyright on it."""

import pytest

from tests.optax import user_script


def test_the_script_of_a_user_of_optax_runs():
    pytest.importorskip("optax")
    user_script.main()
