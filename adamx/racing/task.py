"""The problem of a race: the start, the loss and the batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adamx.types import Array, Params

HELD_BACK = 16
"""How many fresh batches replace the validation set of a task that has none."""


class Plane(NamedTuple):
    """The part of a problem of two numbers to draw, and its minima."""

    x: tuple[float, float]
    y: tuple[float, float]
    minima: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Task:
    """A problem for optimizers: three functions, and optional facts about it.

    Args:
        init: from a random key to the parameters, any tree of arrays.
        loss: from the parameters and a batch to a scalar. Everything is jitted.
        batches: from a random key to a batch, inside jit (see `drawn`); or a sequence
            of batches of one shape, of which each step draws one.
        validation: a batch held out, for which `loss` is the validation loss; or a
            function from the parameters to it. By default the loss of 16 fresh batches,
            which is honest where `batches` never ends, and training loss elsewhere.
        name: what it is called in tables.
        title: a sentence for pictures.
        steps: how many steps a run has, unless the race says otherwise.
        target: the validation loss that counts as reached, if any.
        accuracy: from the parameters to the share of held-out examples that are right.
        clip: the largest global norm of the gradients, for all optimizers alike.
        plane: what to draw, of a problem of two numbers.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> task = Task(
        ...     init=lambda key: jax.random.normal(key, (3,)),
        ...     loss=lambda params, batch: jnp.mean((params - batch) ** 2),
        ...     batches=lambda key: jax.random.normal(key, (8, 3)),
        ... )
        >>> task.draw(jax.random.key(0)).shape
        (8, 3)
    """

    init: Callable[[Array], Params]
    loss: Callable[[Params, Any], Array]
    batches: Callable[[Array], Any] | Sequence[Any]
    validation: Any = None
    name: str = "task"
    title: str = ""
    steps: int = 1000
    target: float | None = None
    accuracy: Callable[[Params], Array] | None = None
    clip: float = float("inf")
    plane: Plane | None = None

    def draw(self, key: Array) -> Any:
        """Return the batch of a step."""
        if callable(self.batches):
            return self.batches(key)
        which = jax.random.randint(key, (), 0, len(self.batches))
        return jax.tree.map(lambda *all_: jnp.stack(all_)[which], *self.batches)

    def validate(self, params: Params) -> Array:
        """Return the validation loss."""
        if callable(self.validation):
            return jnp.asarray(self.validation(params))
        if self.validation is not None:
            return self.loss(params, self.validation)
        keys = jax.random.split(jax.random.key(HELD_BACK), HELD_BACK)
        return jnp.mean(jax.lax.map(lambda k: self.loss(params, self.draw(k)), keys))


def drawn(arrays: Any, size: int) -> Callable[[Array], Any]:
    """Draw batches of rows at random, with the same probability for each row.

    Args:
        arrays: a tree of arrays with one row an example.
        size: the rows of a batch, an integer ≥ 1.

    Returns:
        A function from a random key to a tree like `arrays`, with `size` rows.

    Raises:
        ValueError: the arrays have not the same number of rows.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> batches = drawn((jnp.eye(5), jnp.arange(5)), 2)
        >>> x, y = batches(jax.random.key(0))
        >>> x.shape, bool(jnp.all(x.argmax(axis=1) == y))
        ((2, 5), True)
    """
    lengths = {len(x) for x in jax.tree.leaves(arrays)}
    if len(lengths) != 1:
        raise ValueError(f"arrays of one length each are needed, not {sorted(lengths)}")
    (length,) = lengths

    def batches(key: Array) -> Any:
        rows = jax.random.randint(key, (size,), 0, length)
        return jax.tree.map(lambda x: x[rows], arrays)

    return batches
