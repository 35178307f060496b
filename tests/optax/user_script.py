"""A script that came over from Optax by one line, with all types."""

# pyright: strict, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from typing import Any

import jax
import jax.numpy as jnp

from adamx import optax

Params = dict[str, jax.Array]


def optimizer(rate: optax.Schedule, steps: int) -> optax.GradientTransformation:
    tx = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.inject_hyperparams(optax.adamw)(rate, weight_decay=1e-4),
    )
    parts = {"trained": tx, "frozen": optax.set_to_zero()}
    return optax.MultiSteps(
        optax.multi_transform(parts, {"w": "trained", "b": "frozen"}), steps
    ).gradient_transformation()


def halved(g: jax.Array) -> jax.Array:
    return g / 2


def half() -> optax.GradientTransformationExtraArgs:
    def init(params: optax.Params) -> optax.OptState:
        return optax.EmptyState()

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        **extra: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        return jax.tree.map(halved, updates), state

    return optax.GradientTransformationExtraArgs(init, update)


def loss(params: Params, x: jax.Array) -> jax.Array:
    logits = x @ params["w"] + params["b"]
    labels = jnp.zeros(x.shape[0], jnp.int32)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    decay: jax.Array = optax.losses.l2_loss(params["w"])
    return jnp.mean(losses) + decay.mean()


def main() -> None:
    params = {"w": jnp.ones((3, 2)), "b": jnp.zeros(2)}
    rate = optax.warmup_cosine_decay_schedule(0.0, 1e-2, 2, 10)
    tx = optax.chain(half(), optimizer(rate, 2))
    state: optax.OptState = tx.init(params)
    target = params
    for t in range(4):
        grads = jax.grad(loss)(params, jnp.ones((4, 3)))
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        target = optax.incremental_update(params, target, 0.1)
        target = optax.periodic_update(params, target, t, 4)
    assert optax.global_norm(params) != optax.tree.norm(target)
    adamw = state[1].inner_opt_state.inner_states["trained"][1]
    assert adamw.hyperparams["learning_rate"] > 0
    assert (params["b"] == 0).all()


if __name__ == "__main__":
    main()
