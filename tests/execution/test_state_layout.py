"""What the state of a rule consists of."""

import jax.numpy as jnp
import pytest

import adamx
from adamx.core.rule import Series
from adamx.execution.state_layout import StateLayout


class Count(adamx.Rule):
    def slots(self, param):
        return {"mu": jnp.zeros_like(param)}

    def shared(self):
        return {"size": jnp.ones(2)}


def test_a_state_is_read_as_slots_and_shared_numbers():
    layout, mu, size = StateLayout.of(Series((("count", Count()),))), [3.0], jnp.ones(2)
    others = {"trace": {"trace": [1.0]}}
    slots, shared = layout.read({"count": {"mu": mu, "size": size}, **others})
    assert slots == {("count", "mu"): mu}
    assert shared.keys() == {"count"}
    assert shared["count"]["size"] is size


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"mu": 1.0}, "['mu', 'size']"),
        ({"mu": 1.0, "size": jnp.ones(2), "nu": 1.0}, "['mu', 'nu', 'size']"),
        ({"mu": 1.0, "size": jnp.ones(3)}, "float32[3]"),
    ],
    ids=["a name too few", "a name too many", "another shape"],
)
def test_a_state_of_another_rule_is_refused(part, words):
    layout = StateLayout.of(Series((("count", Count()),)))
    with pytest.raises(adamx.TransformError) as error:
        layout.read({"count": part})
    assert words in str(error.value)
