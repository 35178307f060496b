"""Groups of parameters by the pattern of their paths, and which of them decay."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from tests.trees import assert_same_bits, grads, run

LAYER = {"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(3)}
START = {"encoder": {"0": LAYER, "1": LAYER}, "head": LAYER, "absent": None}


def test_each_leaf_goes_to_the_transform_of_its_pattern():
    slow, fast = adamx.sgd(0.1), adamx.adam(0.5)
    tx = adamx.param_groups({"*/bias": slow, "encoder/*/kernel": fast}, adamx.lion(1.0))
    updates, state = run(tx, START)

    def alone(tx):
        return run(tx, START)[0]

    for layer in (lambda t: t["encoder"]["0"], lambda t: t["encoder"]["1"]):
        assert_same_bits(layer(updates)["kernel"], layer(alone(fast))["kernel"])
        assert_same_bits(layer(updates)["bias"], layer(alone(slow))["bias"])
    lion = alone(adamx.lion(1.0))["head"]["kernel"]
    assert_same_bits(updates["head"]["kernel"], lion)
    assert set(state["param_groups"]) == {"encoder/*/kernel", "rest"}


@pytest.mark.parametrize(
    ("groups", "rest", "words"),
    [
        ({"encoder/**": adamx.sgd(1.0)}, None, ["head/bias, head/kernel", "rest="]),
        (
            {"*": adamx.sgd(1.0), "*/bias": adamx.sgd(0.5)},
            None,
            ["encoder/0/bias", "['*', '*/bias']"],
        ),
        (
            {"encodr/*": adamx.sgd(1.0)},
            adamx.sgd(0.5),
            ["no leaves", "encodr", "did you mean 'encoder/"],
        ),
    ],
)
def test_what_does_not_fit_is_said_by_init(groups, rest, words):
    with pytest.raises(adamx.TransformError) as error:
        adamx.param_groups(groups, rest).init(START)
    assert not [word for word in words if word not in str(error.value)]


def test_groups_are_equal_by_their_patterns():
    def made():
        return adamx.param_groups({"*/bias": adamx.sgd(0.1)}, adamx.adam(0.1))

    assert made() == made()
    assert made()._programs.static == made()._programs.static
    assert repr(made()) == ("param_groups({'*/bias': sgd(0.1)}, rest=adam(0.1))")


def test_biases_and_norms_do_not_decay():
    params = {
        "dense": LAYER,
        "stacked": {"bias": jnp.ones((4, 3)), "kernel": jnp.ones((4, 2, 3))},
        "norm": {"scale": jnp.ones((4, 3)), "w": jnp.ones((2, 2)), "b": jnp.ones(2)},
    }
    tx = adamx.add_decayed_weights(1.0, adamx.is_weight)
    zero = jax.tree.map(jnp.zeros_like, params)
    updates, _ = tx.update(zero, tx.init(params), params)
    decayed = jax.tree.map(lambda u: bool(jnp.any(u)), updates)
    assert decayed == {
        "dense": {"kernel": True, "bias": False},
        "stacked": {"bias": False, "kernel": True},
        "norm": {"scale": False, "w": False, "b": False},
    }


def test_a_clip_in_a_group_sees_its_group():
    clipped = adamx.chain(adamx.clip_by_global_norm(1.0), adamx.scale(-1.0))
    tx = adamx.param_groups({"head/*": clipped}, rest=adamx.scale(-1.0))
    updates, _ = tx.update(grads(START), tx.init(START), START)
    norm = np.sqrt(sum(jnp.sum(u**2) for u in jax.tree.leaves(updates["head"])))
    np.testing.assert_allclose(norm, 1.0, 1e-6)


class Pair(NamedTuple):
    kernel: Any
    bias: Any


def models():
    """The same two layers, as different libraries hold them."""
    two = [Pair(jnp.ones((2, 3)), jnp.zeros(3)) for _ in range(2)]
    yield "NamedTuple", lambda: {"encoder": two[0], "head": two[1]}

    def equinox():
        eqx = pytest.importorskip("equinox")

        class Model(eqx.Module):
            encoder: Any
            head: Any

        return Model(*two)

    def linen():
        nn = pytest.importorskip("flax.linen")

        class Model(nn.Module):
            @nn.compact
            def __call__(self, x):
                return nn.Dense(2, name="head")(nn.Dense(3, name="encoder")(x))

        return Model().init(jax.random.key(0), jnp.ones((1, 2)))["params"]

    def nnx():
        nnx = pytest.importorskip("flax.nnx")

        class Model(nnx.Module):
            def __init__(self, rngs):
                self.encoder = nnx.Linear(2, 3, rngs=rngs)
                self.head = nnx.Linear(3, 2, rngs=rngs)

        return nnx.state(Model(nnx.Rngs(0)), nnx.Param)

    yield from {"equinox": equinox, "linen": linen, "nnx": nnx}.items()


MODELS = dict(models())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("library", MODELS)
def test_paths_are_those_of_any_tree(library):
    model = MODELS[library]()
    tx = adamx.param_groups(
        {"*bias*": adamx.scale(2.0), "encoder*kernel*": adamx.scale(3.0)},
        rest=adamx.scale(4.0),
    )
    ones = jax.tree.map(jnp.ones_like, model)
    updates, _ = tx.update(ones, tx.init(model), model)
    seen = [float(jnp.ravel(u)[0]) for u in jax.tree.leaves(updates)]
    assert sorted(seen) == [2.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("first", [True, False])
def test_parameters_that_are_one_leaf_are_of_one_part(first):
    parts: dict[Any, Any] = {True: adamx.adamw(0.5), False: adamx.adamw(0.25)}
    tx = adamx.partition(parts, lambda path, leaf: first)
    params = jnp.ones(3)
    updates, state = tx.update(params, tx.init(params), params)
    expected, _ = parts[first].update(params, parts[first].init(params), params)
    assert updates.tolist() == expected.tolist()
    tx.update(params, state, params)
