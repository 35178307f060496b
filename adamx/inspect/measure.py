"""Measurements of the updates at one place in a chain."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.transform import Transform, transform
from adamx.core.tree_transform import TreeTransform
from adamx.execution.leaf_table import cast_tree, checked_leaves
from adamx.hyperparameters.hyper import Decay
from adamx.hyperparameters.keys import show
from adamx.hyperparameters.user_code import user_code
from adamx.numerics.dtypes import cast, compute_dtype, scalar_dtype
from adamx.optimizers.ema import ema
from adamx.tree.check import fill_absent
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Array, Hyper, Params, PyTree, Updates

Measure: TypeAlias = Callable[[Updates], PyTree]
"""A function from updates, in at least float32, to an array or a tree of arrays."""

Measures: TypeAlias = Mapping[str, Measure]
"""Measures, by the names of their measurements."""


class Averaged(PytreeDataclass):
    """Hold a measure whose measurements are averaged; see `measure_with_ema`."""

    measure: Measure
    decay: Hyper
    debias: bool

    def __repr__(self) -> str:
        words = [show(self.measure), show(self.decay)]
        return f"measure_with_ema({', '.join(words)}, debias={self.debias})"

    def __call__(self, updates: Updates) -> PyTree:
        return jax.tree.map(_as_float, self.measure(updates))

    def average(self) -> Transform:
        return ema(self.decay, self.debias)


class Measured(TreeTransform):
    """Pass updates on, and keep their measurements."""

    name: str
    measures: tuple[tuple[str, Measure], ...]

    def init(self, params: Params) -> dict[str, Any]:
        checked_leaves(self.name, params)
        seen = jax.tree.map(_abstract, params)
        mine: dict[str, Any] = {}
        for name, measure in self.measures:
            with user_code(f"the measure {name!r}", self.name):
                found = jax.eval_shape(measure, seen)
            mine[name] = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), found)
            if isinstance(measure, Averaged):
                mine[_average(name)] = measure.average().plan.init(found)
        return {self.name: mine} if mine else {}

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        updates = cast_tree(self.name, updates, params)
        old, new = state.get(self.name, {}), {}
        for name, measure in self.measures:
            with user_code(f"the measure {name!r}", self.name):
                found = measure(updates)
            if isinstance(measure, Averaged):
                key, average = _average(name), measure.average().plan
                found, new[key] = average.apply(found, old.get(key, {}), None, {})
            if name in old:
                what = f"what {name!r} returns"
                found = fill_absent(found, old[name], what, self.name)
            new[name] = jax.tree.map(_like, found, old.get(name, found))
        return updates, {self.name: new} if new else {}


def _average(name: str) -> str:
    """Return the name of the scalar kept beside an average."""
    return f"average of {name}"


def _abstract(param: Any) -> jax.ShapeDtypeStruct:
    dtype = compute_dtype(jnp.result_type(param))
    return jax.ShapeDtypeStruct(getattr(param, "shape", ()), dtype)


def _like(value: Any, old: Any) -> Array:
    return cast(jnp.asarray(value), old.dtype)


def _as_float(value: Any) -> Array:
    value = jnp.asarray(value)
    inexact = jnp.issubdtype(value.dtype, jnp.inexact)
    return value if inexact else value.astype(scalar_dtype())


@transform
def monitor(measures: Measures) -> Measured:
    """Keep measurements of the updates, by name, at this place in a chain.

    The updates pass unchanged. Measures get them in float32 at least, with None for
    frozen leaves; `find(state, name)` reads the results. For the usual norms, also of
    parameters, use `monitor_norms`.

    Args:
        measures: functions from the updates to an array or a tree of arrays, or results
            of `measure_with_ema`, by name.

    Returns:
        A transform that keeps a measurement for each name, zeros before the first step.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> largest = lambda updates: jnp.max(jnp.abs(updates["w"]))
        >>> tx = adamx.chain(adamx.scale(-0.5), adamx.monitor({"largest": largest}))
        >>> grads = {"w": jnp.array([1.0, -8.0])}
        >>> _, state = tx.update(grads, tx.init(grads))
        >>> float(adamx.find(state, "largest"))
        4.0
    """
    return Measured("monitor", tuple(measures.items()))


@transform
def snapshot(measure_name: str, measure: Measure) -> Measured:
    """Keep one measurement of the updates; `monitor` of a single one.

    Args:
        measure_name: its name in the state.
        measure: a function from the updates to an array or a tree of arrays.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.chain(adamx.clip(1.0), adamx.snapshot("clipped", lambda u: u))
        >>> g = jnp.array([0.5, 3.0])
        >>> adamx.find(tx.update(g, tx.init(g))[1], "clipped").tolist()
        [0.5, 1.0]
    """
    return Measured("snapshot", ((measure_name, measure),))


def measure_with_ema(measure: Measure, decay: Decay, debias: bool = True) -> Averaged:
    """Make a measure for `monitor` that keeps its moving average.

    m ← b·m + (1−b)·x, and m / (1−bᵗ) is kept

    Args:
        measure: a function from the updates to an array or a tree of arrays; integers
            and bools count as floats.
        decay: b in [0, 1).
        debias: whether to divide by 1−bᵗ.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> above = adamx.measure_with_ema(lambda g: jnp.max(g) > 1.0, 0.5)
        >>> tx = adamx.monitor({"above": above})
        >>> state = tx.init(jnp.zeros(2))
        >>> for g in (0.0, 2.0, 2.0):
        ...     _, state = tx.update(jnp.array([0.0, g]), state)
        >>> round(float(adamx.find(state, "above")), 6)  # (0.25 + 0.5) / (1 − 0.5³)
        0.857143
    """
    ema(decay, debias)  # so that it checks the arguments here
    return Averaged(measure, decay, debias)
