"""Some of Optax's own tests; `python -m tests.project.optax_suite` runs them all."""

import pytest

from tests.project import optax_suite
from tests.tiers import full

FILES = ["_src.combine", "contrib._reduce_on_plateau", "schedules._inject"]
FILES += ["transforms._conditionality", "transforms._masking"]


@pytest.mark.parametrize("file", [full(file) for file in FILES])
def test_optax_tests_pass_or_fail_by_a_known_cause(file):
    pytest.importorskip("absl")
    if f"optax.{file}_test" not in optax_suite.files_of_tests():
        pytest.skip("this Optax comes without its tests")
    outcomes, whole = optax_suite.run(f"optax.{file}_test", 1, False)
    assert whole
    assert len(outcomes) > 5
    failed = [x for x in outcomes if x.error and not optax_suite.cause(x.test)]
    assert not failed
