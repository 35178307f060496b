"""A training that was saved and loaded goes on to the same bits."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx

RATE = 1e-2

OPTIMIZERS = {
    "adam": adamx.adam(RATE),
    "a chain": adamx.chain(adamx.clip_by_global_norm(1.0), adamx.amsgrad(RATE)),
    "injected": adamx.inject_hyperparams(adamx.adamw)(
        adamx.cosine_decay_schedule(RATE, 10)
    ),
    "MultiSteps": adamx.MultiSteps(adamx.adam(RATE), 2),
    "partition": adamx.partition(
        {"a": adamx.adam(RATE), "b": adamx.sgd(RATE, 0.9)},
        lambda path, leaf: "a" if leaf.ndim else "b",
    ),
    "schedule_free": adamx.schedule_free_adamw(RATE),
    "prodigy": adamx.prodigy(),
    "lookahead": adamx.lookahead(adamx.adam(RATE), 4, 0.5),
    "freeze": adamx.chain(
        adamx.freeze({"layer": {"w": False, "b": True}, "scale": False}),
        adamx.adam(RATE),
    ),
    "a random key": adamx.chain(adamx.noisy_sgd(RATE, key=3), adamx.trace(0.9)),
}


def start() -> dict[str, Any]:
    w = jnp.linspace(-1.0, 1.0, 6).reshape(2, 3)
    return {"layer": {"w": w, "b": jnp.ones(3)}, "scale": jnp.array(0.5, jnp.bfloat16)}


def walk(tx: adamx.Transform, params: Any, state: Any, steps: range) -> tuple[Any, Any]:
    for step in steps:
        grads = jax.tree.map(lambda p: (p - 0.3) * (1 + step), params)  # noqa: B023
        updates, state = tx.update(grads, state, params)
        params = adamx.apply_updates(params, updates)
    return params, state


def data(x: Any) -> Any:
    """A random key as its data, which every format can keep; else what it was."""
    is_key = jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(x) if is_key else x


Through = Callable[[Any, adamx.Transform, Path], Any]
"""From a state to what is loaded again, on the way through a file or bytes."""


def through_pickle(state: Any, tx: adamx.Transform, folder: Path) -> Any:
    return pickle.loads(pickle.dumps(state))


def through_flax_bytes(state: Any, tx: adamx.Transform, folder: Path) -> Any:
    serialization = pytest.importorskip("flax.serialization")
    saved = serialization.to_bytes(jax.tree.map(data, state))
    loaded = serialization.from_bytes(jax.tree.map(data, tx.init(start())), saved)
    return keys_again(loaded, tx)


def through_flax_dict(state: Any, tx: adamx.Transform, folder: Path) -> Any:
    serialization = pytest.importorskip("flax.serialization")
    saved = serialization.to_state_dict(state)
    return serialization.from_state_dict(tx.init(start()), saved)


def through_flax_without_target(state: Any, tx: adamx.Transform, folder: Path) -> Any:
    serialization = pytest.importorskip("flax.serialization")
    saved = serialization.to_bytes(jax.tree.map(data, state))
    loaded, report = adamx.migrate(serialization.msgpack_restore(saved), tx, start())
    assert report.complete(), report
    return loaded


def through_equinox(state: Any, tx: adamx.Transform, folder: Path) -> Any:
    equinox = pytest.importorskip("equinox")
    buffer = io.BytesIO()
    equinox.tree_serialise_leaves(buffer, jax.tree.map(data, state))
    buffer.seek(0)
    like = jax.tree.map(data, tx.init(start()))
    return keys_again(equinox.tree_deserialise_leaves(buffer, like), tx)


def through_orbax(state: Any, tx: adamx.Transform, folder: Path) -> Any:
    checkpoint = pytest.importorskip("orbax.checkpoint")
    with checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder / "state", state)
        checkpointer.wait_until_finished()
        like = jax.eval_shape(tx.init, start())
        return checkpointer.restore(folder / "state", like)


def through_orbax_without_target(state: Any, tx: adamx.Transform, folder: Path) -> Any:
    checkpoint = pytest.importorskip("orbax.checkpoint")
    with checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder / "state", state)
        checkpointer.wait_until_finished()
        found = checkpointer.restore(folder / "state")
    loaded, report = adamx.migrate(found, tx, start())
    assert report.complete(), report
    return loaded


def keys_again(state: Any, tx: adamx.Transform) -> Any:
    """`state` with keys where their data are; without any it is used as it came."""
    if "add_noise" not in state:
        return state
    loaded, report = adamx.migrate(state, tx, start())
    assert report.complete(), report
    return loaded


WAYS: dict[str, Through] = {
    name.removeprefix("through_"): function
    for name, function in list(globals().items())
    if name.startswith("through_")
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_to_the_same_bits(name, way, tmp_path):
    tx = OPTIMIZERS[name]
    params, state = walk(tx, start(), tx.init(start()), range(3))
    expected = walk(tx, params, state, range(3, 6))
    loaded = WAYS[way](state, tx, tmp_path)
    assert jax.tree.structure(loaded) == jax.tree.structure(state)
    got = walk(tx, params, loaded, range(3, 6))
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(data(a), data(b))


def test_a_transform_is_pickled_as_the_call_that_made_it():
    tx = OPTIMIZERS["schedule_free"]
    assert pickle.loads(pickle.dumps(tx)) == tx
