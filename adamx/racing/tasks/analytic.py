"""Problems of two numbers whose minimum is known."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.racing.task import Plane, Task

Point = tuple[float, float]


def rosenbrock() -> Task:
    """Return Rosenbrock's curved valley, from (−0.5, 1.5)."""

    def loss(x: jax.Array, y: jax.Array) -> jax.Array:
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    return _of_two(
        "rosenbrock",
        "Rosenbrock: (1 − x)² + 100·(y − x²)²",
        loss,
        start=(-0.5, 1.5),
        plane=Plane((-2.0, 2.0), (-1.0, 3.0), ((1.0, 1.0),)),
    )


def beale() -> Task:
    """Return Beale's plateaus, from (−4.5, 4.5), where gradients are 70,000 long."""

    def loss(x: jax.Array, y: jax.Array) -> Any:
        terms = (1.5, 1), (2.25, 2), (2.625, 3)
        return sum((c - x + x * y**i) ** 2 for c, i in terms)

    return _of_two(
        "beale",
        "Beale: Σ (cᵢ − x + x·yⁱ)²",
        loss,
        start=(-4.5, 4.5),
        plane=Plane((-6.0, 8.0), (-3.0, 5.0), ((3.0, 0.5),)),
        # Some optimizers would never forget the first gradients.
        clip=10.0,
    )


def branin() -> Task:
    """Return Branin's function less its minimum, from (2.5, 12.5); it has three."""
    pi = np.pi

    def loss(x: jax.Array, y: jax.Array) -> jax.Array:
        bend = y - 5.1 / (4 * pi**2) * x**2 + 5 / pi * x - 6
        return bend**2 + 10 * (1 - 1 / (8 * pi)) * jnp.cos(x) + 10 - 0.39788736

    return _of_two(
        "branin",
        "Branin, less its minimum",
        loss,
        start=(2.5, 12.5),
        plane=Plane(
            (-5.0, 10.0),
            (0.0, 15.0),
            ((-pi, 12.275), (pi, 2.275), (3 * pi, 2.475)),
        ),
    )


def valley() -> Task:
    """Return an ill-conditioned quadratic, 100 times as steep in one direction."""

    def loss(x: jax.Array, y: jax.Array) -> jax.Array:
        # Turned by 30°, for optimizers that look at one number at a time.
        along, across = x * _COS + y * _SIN, y * _COS - x * _SIN
        return 0.5 * (along**2 + 100 * across**2)

    return _of_two(
        "valley",
        "A quadratic of condition 100, turned by 30°",
        loss,
        start=(-3.0, 1.0),
        plane=Plane((-4.0, 2.0), (-3.0, 2.0), ((0.0, 0.0),)),
    )


_COS, _SIN = 3**0.5 / 2, 0.5


def _of_two(
    name: str,
    title: str,
    loss: Callable[[Any, Any], Any],
    start: Point,
    plane: Plane,
    clip: float = float("inf"),
) -> Task:
    """Return a task without noise, whose loss is 0 at the minimum."""

    def exact(params: jax.Array) -> jax.Array:
        return loss(params[0], params[1])

    return Task(
        init=lambda key: jnp.array(start),
        loss=lambda params, batch: exact(params),
        batches=lambda key: (),
        validation=exact,
        name=name,
        title=title,
        steps=1000,
        target=1e-3,
        clip=clip,
        plane=plane,
    )
