"""A training script as users write them, with all types; see test_types.py."""

# jax's own types are incomplete, which is all that these three rules would report.
# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

import adamx

Params = dict[str, jax.Array]
State = dict[str, Any]
Batch = tuple[jax.Array, jax.Array]


class Agreement(adamx.Rule):
    """The average of the updates over the average of their size."""

    decay: Any

    def slots(self, param: jax.Array) -> dict[str, Any]:
        return {"mu": jnp.zeros_like(param), "size": jnp.zeros_like(param)}

    def step(
        self,
        g: jax.Array,
        slots: dict[str, Any],
        shared: dict[str, Any],
        param: jax.Array | None,
    ) -> tuple[jax.Array, dict[str, Any]]:
        mu = self.decay * slots["mu"] + (1 - self.decay) * g
        size = self.decay * slots["size"] + (1 - self.decay) * jnp.abs(g)
        return mu / jnp.maximum(size, 1e-30), {"mu": mu, "size": size}


@adamx.transform
def scale_by_agreement(decay: adamx.Decay = 0.9) -> Agreement:
    return Agreement(decay)


@adamx.transform
def agree(
    learning_rate: adamx.Finite,
    decay: adamx.Decay = 0.9,
    *,
    weight_decay: adamx.NonNegative = 0.0,
) -> adamx.Transform:
    return adamx.chain(
        scale_by_agreement(decay),
        adamx.add_decayed_weights(weight_decay),
        adamx.scale_by_learning_rate(learning_rate),
    )


@adamx.schedule
def halving(init_value: float, every: int = 100) -> Callable[[jax.Array], jax.Array]:
    return lambda count: init_value * 0.5 ** (count // every)


def warmup(count: jax.Array) -> jax.Array:
    return jnp.minimum(count / 10, 1.0) * 1e-3


def is_weight(path: str, leaf: jax.Array) -> bool:
    return leaf.ndim > 1


def kind(path: str, leaf: jax.Array) -> str:
    return "weight" if is_weight(path, leaf) else "bias"


def optimizers() -> Iterator[adamx.Transform]:
    rate = adamx.warmup_cosine_decay_schedule(0.0, 1e-3, 10, 100)
    yield adamx.adam(rate, b1=0.95)
    yield adamx.adamw(warmup, weight_decay=1e-2, mask=is_weight)
    yield adamx.chain(
        adamx.clip_by_global_norm(1.0),
        adamx.MultiSteps(adamx.adam(halving(1e-3)), 2),
    )
    parts = {"weight": adamx.lion(1e-4), "bias": adamx.sgd(jnp.float32(0.1))}
    yield adamx.partition(parts, kind)
    yield adamx.chain(
        adamx.masked(adamx.trace(0.9), {"w": True, "b": False}),
        adamx.scale(-0.1),
    )
    yield adamx.stored(adamx.adam(1e-4), adamx.int8())
    yield adamx.lookahead(agree(0.1, weight_decay=1e-4), 5, 0.5)


def loss_fn(params: Params, batch: Batch) -> jax.Array:
    x, y = batch
    return jnp.mean((x @ params["w"] + params["b"] - y) ** 2)


def train(tx: adamx.Transform, params: Params, batches: list[Batch]) -> Params:
    @jax.jit
    def step(
        params: Params, state: State, batch: Batch
    ) -> tuple[Params, State, jax.Array]:
        loss, grads = jax.value_and_grad(loss_fn)(params, batch)
        updates, state = tx.update(grads, state, params, value=loss)
        return adamx.apply_updates(params, updates), state, loss

    state = tx.init(params)
    for batch in batches:
        params, state, loss = step(params, state, batch)
        assert jnp.isfinite(loss)
    return params


def first_update(tx: adamx.Transform, params: Params) -> Params:
    return tx.update(params, tx.init(params), params)[0]


def tuned(params: Params, learning_rate: float) -> tuple[adamx.Transform, State]:
    tx = adamx.inject_hyperparams(adamx.adam)(learning_rate=1e-3)
    return tx, adamx.set_hyperparams(tx.init(params), learning_rate=learning_rate)


def evaluated(params: Params, batches: list[Batch]) -> Params:
    tx = adamx.chain(adamx.adam(1e-3), adamx.average_params(0.9))
    state = tx.init(params)
    for batch in batches:
        grads = jax.grad(loss_fn)(params, batch)
        updates, state = tx.update(grads, state, params)
        params = adamx.apply_updates(params, updates)
    return adamx.averaged_params(state, params)


class Trainer:
    """What changes in a training run."""

    step: adamx.Step
    params: Params
    state: State

    def __init__(self, tx: adamx.Transform, params: Params) -> None:
        self.step = adamx.make_step(tx, "kahan", skip_nonfinite=True)
        self.params = params
        self.state = self.step.init(params)

    def train(self, batch: Batch) -> Params:
        grads = jax.grad(loss_fn)(self.params, batch)
        self.params, self.state = self.step(self.params, self.state, grads)
        return self.params

    def in_float32(self) -> Params:
        return self.step.whole(self.params, self.state)


def main() -> None:
    params = {"w": jnp.ones((3, 2)), "b": jnp.zeros(2)}
    batch = jnp.ones((4, 3)), jnp.zeros((4, 2))
    for tx in optimizers():
        assert sum(adamx.state_bytes(tx.init(params)).values()) >= 0
        params = train(tx, params, [batch] * 3)
    tx, state = tuned(params, 1e-4)
    assert adamx.find(state, "learning_rate") == jnp.float32(1e-4)
    params = evaluated(first_update(tx, params), [batch])
    trainer = Trainer(tx, params)
    trainer.train(batch)
    assert trainer.in_float32().keys() == params.keys()


if __name__ == "__main__":
    main()
