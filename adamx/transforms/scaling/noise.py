"""Gaussian noise on the gradients, with a variance that falls with the steps."""

import jax
import jax.numpy as jnp

from adamx.core.rule import Rule
from adamx.core.transform import transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.numerics.arithmetic import power, safe_sqrt
from adamx.numerics.dtypes import scalar_dtype
from adamx.numerics.random import KeyLike, normal, random_key
from adamx.types import Array, Hyper, Param, Rate, Shared, Slots, StepResult


class AddNoise(Rule):
    # because the noise depends on the index in the leaf
    locality = "leaf"
    counts = True

    eta: Rate
    gamma: Hyper
    key: KeyLike

    def shared(self) -> Shared:
        return {"rng_key": random_key(self.key)}

    def advance(self, shared: Shared, *_: object, **extra: object) -> Shared:
        kept, used = jax.random.split(shared["rng_key"])
        age = power(shared["count"].astype(scalar_dtype()), self.gamma)
        deviation = safe_sqrt(jnp.asarray(self.eta / age))
        return {**shared, "rng_key": kept, "noise": used, "deviation": deviation}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g + shared["deviation"] * normal(shared["noise"], g), slots


@transform
def add_noise(eta: NonNegative, gamma: Finite, key: KeyLike = 0) -> AddNoise:
    """Add normal noise whose variance falls with the steps.

    u = g + ξ, with ξ normal of mean 0 and variance η / tᵞ in step t, from 1

    The key in the state is split in each step, and each leaf has its own noise. Two
    runs with equal keys are equal to the last bit. For a complex number η / tᵞ is the
    variance of both parts together. `noisy_sgd` uses it.

    Args:
        eta: η ≥ 0, the variance in the first step.
        gamma: γ, the exponent of its decay.
        key: a random key, or an integer seed.

    Returns:
        A transform that keeps `count`, int32, and `rng_key`, a random key.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.add_noise(0.01, 0.55, key=1)
        >>> params = jnp.zeros(1000)
        >>> updates, state = tx.update(params, tx.init(params))
        >>> round(float(updates.std()), 2)
        0.1
    """
    return AddNoise(eta, gamma, key)
