"""Pairs of init and update from other libraries."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.tree_transform import TreeTransform
from adamx.errors import TransformError
from adamx.numerics.dtypes import cast
from adamx.tree.callables import wanted
from adamx.tree.check import optimizable, path_of, wrong_state
from adamx.tree.paths import flatten
from adamx.types import Params, Updates


class Foreign(TreeTransform):
    """A pair that follows Optax's protocol; called unchanged, without a jit."""

    name: str
    init_fn: Callable[..., Any]
    update_fn: Callable[..., Any]

    def pure(self) -> bool:
        return False

    def init(self, params: Params) -> dict[str, Any]:
        with self._naming(params):
            return {self.name: self.init_fn(params)}

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        if self.name not in state:
            expected = f"a dict with {self.name!r} in it"
            raise wrong_state(self.name, expected, sorted(state))
        names = wanted(self.update_fn, first=3).taken(extra)
        accepted = {name: extra[name] for name in names}
        with self._naming(updates if params is None else params):
            updates, new = self.update_fn(updates, state[self.name], params, **accepted)
        return updates, {self.name: _in_dtypes_of(state[self.name], new)}

    @contextlib.contextmanager
    def _naming(self, params: Params) -> Iterator[None]:
        """Name the first leaf that cannot be optimized, if the pair raises an error."""
        try:
            yield
        except TransformError:
            raise
        except Exception:
            for i, leaf in enumerate(flatten(params)[0]):
                if leaf is not None:
                    optimizable(leaf, partial(path_of, params, i), self.name)
            raise


def _in_dtypes_of(old: Any, new: Any) -> Any:
    """Cast the float arrays of the next state to their dtypes in the last state.

    Otherwise the float32 updates of adamx would turn a bfloat16 moment into float32.
    """
    if jax.tree.structure(old) != jax.tree.structure(new):
        return new

    def alike(x: Any, y: Any) -> Any:
        arrays = isinstance(x, jax.Array) and isinstance(y, jax.Array)
        if not arrays or x.dtype == y.dtype:
            return y
        floats = all(jnp.issubdtype(z.dtype, jnp.inexact) for z in (x, y))
        return cast(y, x.dtype) if floats else y

    return jax.tree.map(alike, old, new)


def foreign(
    init: Callable[..., Any], update: Callable[..., Any]
) -> tuple[str, Foreign]:
    """Return the piece of a foreign pair, named after the function that built it."""
    for name, function in {"init": init, "update": update}.items():
        if not callable(function):
            raise TransformError(
                f"{name} must be a function", expected="a function", got=repr(function)
            )
    # Qualified names of Optax are like `scale_by_adam.<locals>.update_fn`.
    owner = getattr(update, "__self__", None)
    qualified = getattr(update, "__qualname__", type(update).__qualname__)
    name = type(owner).__name__ if owner is not None else qualified.split(".")[0]
    return name, Foreign(name, init, update)
