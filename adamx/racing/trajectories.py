"""The path of an optimizer on a problem of two numbers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.racing.heat import Heat, init_key, step_key
from adamx.racing.step import evaluated, train_step


def trajectory(heat: Heat, rate: float, seed: int = 0) -> np.ndarray:
    """Return both parameters at the start and after each step, (steps + 1, 2)."""
    task = heat.task

    def run(rate: jax.Array, seed: jax.Array) -> jax.Array:
        tx = heat.transform(rate)
        params = task.init(init_key(seed))

        def step(carry: Any, number: jax.Array) -> tuple[Any, jax.Array]:
            params, state = carry
            key = step_key(seed, number)
            batch = task.draw(key)
            params, state, _ = train_step(
                tx, lambda p: task.loss(p, batch), params, state, key
            )
            return (params, state), evaluated(state, params)

        steps = jnp.arange(heat.steps)
        _, path = jax.lax.scan(step, (params, tx.init(params)), steps)
        return jnp.concatenate([params[None], path])

    return np.asarray(jax.jit(run)(jnp.asarray(rate), jnp.uint32(seed)), float)
