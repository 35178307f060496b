"""One program from gradients to parameters: update, decay, select, round, encode."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.slips import STEP, Slips
from adamx.core.transform import TransformLike, as_transform
from adamx.errors import TransformError
from adamx.execution.plan import Plan
from adamx.execution.programs import Programs
from adamx.hyperparameters.arguments import OneOf
from adamx.hyperparameters.call import Call, EqualByCall
from adamx.kernels.fused import adding
from adamx.numerics.arithmetic import all_finite
from adamx.numerics.dtypes import cast, compute_dtype
from adamx.numerics.random import KeyLike, random_key
from adamx.stepping.rounding import ROUNDINGS, Rounding
from adamx.tree.check import flatten_like
from adamx.tree.kinds import reports_absence
from adamx.tree.paths import flatten, key_paths
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import (
    Array,
    Params,
    ParamsT,
    PyTree,
    State,
    StateT,
    Updates,
)

OWN = "rounding"
"""The name of the step's own state, beside the states of the pieces."""


class Step(EqualByCall):
    """A whole step: `params, state = step(params, state, grads)`; see `make_step`.

    Args:
        call: the call of `make_step` that made it.
        parts: the plan of the transform, and what is done with what it emits.
        donate: whether parameters and state are given up to the step.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> step = adamx.make_step(adamx.sgd(0.5))
        >>> params = jnp.array([1.0, 2.0])
        >>> params, state = step(params, step.init(params), jnp.array([1.0, 1.0]))
        >>> params.tolist()
        [0.5, 1.5]
    """

    def __init__(self, call: Call, parts: "Parts", donate: bool) -> None:
        self.call, self.donate = call, donate
        self._parts = parts
        self._programs = Programs(_step, parts, (0, 1) if donate else ())

    def init(self, params: Params) -> dict[str, Any]:
        """Return the state before the first step: of the transform, and `rounding`."""
        return self._parts.init(params)

    @reports_absence
    def __call__(
        self, params: ParamsT, state: StateT, grads: Updates, **extra: Any
    ) -> tuple[ParamsT, StateT]:
        """Return the next parameters and state; with `donate`, give up the old ones."""
        try:
            return self._programs(params, state, grads, extra=extra)
        except (TransformError, KeyError, ValueError, TypeError):
            slip = Slips(STEP, self.init, grads, state, params, {}).error()
            if slip is None:
                raise
            raise slip from None

    def whole(self, params: ParamsT, state: State) -> ParamsT:
        """Return the parameters in at least float32, with the rest kept in `state`."""
        return self._parts.whole(params, state.get(OWN, {}))


class Parts(PytreeDataclass):
    """The parts of a step."""

    plan: Plan
    rounding: Rounding
    skip_nonfinite: bool
    key: KeyLike
    adds: bool
    """Whether the plan emits the next parameters instead of updates."""

    def init(self, params: Params) -> State:
        state = self.plan.init(_wide(params))
        own: dict[str, Any] = {}
        if self.rounding.keeps:
            leaves, treedef = flatten(params)
            pairs = zip(leaves, key_paths(params), strict=True)
            first = [self._begin(leaf, path) for leaf, path in pairs]
            own[self.rounding.keeps] = treedef.unflatten(first)
        if self.rounding.draws:
            own["rng_key"] = random_key(self.key)
        return {**state, OWN: own} if own else state

    def _begin(self, param: Any, path: str) -> Array | None:
        return self.rounding.begin(param, path) if _is_narrow(param) else None

    def step(
        self, params: Params, state: State, grads: Updates, extra: dict[str, Any]
    ) -> tuple[Params, State]:
        if not isinstance(state, dict):
            raise TransformError(
                "the state is of something else",
                piece="make_step",
                expected="the dict that init of the step returned",
                got=type(state).__name__,
            )
        rest = dict(state)
        own = rest.pop(OWN, {})
        flatten_like(flatten(grads)[1], params, "params", grads)
        wide = self.whole(params, own)
        updates, new = self.plan.apply(_wide(grads), rest, wide, extra)
        written, kept = self._written(params, wide, updates, own)
        new = {**new, OWN: kept} if kept else new
        if not self.skip_nonfinite:
            return written, new
        finite = all_finite([g for g in jax.tree.leaves(grads) if _is_float(g)])
        return jax.tree.map(
            lambda n, o: jnp.where(finite, n, o), (written, new), (params, state)
        )

    def whole(self, params: Params, own: dict[str, Any]) -> Params:
        leaves, treedef = flatten(params)
        column = self._column(own, treedef, params)
        rows = zip(leaves, column, strict=True)
        whole = [self.rounding.whole(p, k) if _is_float(p) else p for p, k in rows]
        return treedef.unflatten(whole)

    def _column(self, own: dict[str, Any], treedef: Any, params: Params) -> list[Any]:
        if not self.rounding.keeps:
            return [None] * treedef.num_leaves
        if self.rounding.keeps not in own:
            raise TransformError(
                "the state is of another step",
                piece="make_step",
                expected=f"{self.rounding.keeps!r} under {OWN!r}",
                got=f"{sorted(own)}",
                hint="use the state that init of the same step made",
            )
        return flatten_like(
            treedef, own[self.rounding.keeps], self.rounding.keeps, params
        )

    def _written(
        self, params: Params, wide: Params, updates: Updates, own: dict[str, Any]
    ) -> tuple[Params, dict[str, Any]]:
        leaves, treedef = flatten(params)
        column, key, next_ = self._column(own, treedef, params), None, dict(own)
        if self.rounding.draws:
            next_["rng_key"], key = jax.random.split(own["rng_key"])
        totals, moves = flatten(wide)[0], treedef.flatten_up_to(updates)
        for i, (p, u) in enumerate(zip(leaves, moves, strict=True)):
            if p is None or u is None or not _is_float(p):
                continue
            total = cast(jnp.asarray(u), totals[i].dtype)
            if not self.adds:
                total = totals[i] + total
            mine = None if key is None else jax.random.fold_in(key, i)
            if _is_narrow(p):
                written = self.rounding.write(total, p, column[i], mine)
                leaves[i], column[i] = written
            else:
                leaves[i] = total
        if self.rounding.keeps:
            next_[self.rounding.keeps] = treedef.unflatten(column)
        return treedef.unflatten(leaves), next_


def _wide(tree: PyTree) -> PyTree:
    """Return `tree` cast to the compute dtypes."""

    def widened(x: Any) -> Any:
        if not _is_narrow(x):
            return x
        if isinstance(x, jax.ShapeDtypeStruct):
            dtype = compute_dtype(x.dtype)
            return jax.ShapeDtypeStruct(x.shape, dtype, sharding=x.sharding)
        return cast(x, compute_dtype(x.dtype))

    return jax.tree.map(widened, tree)


def _is_float(x: Any) -> bool:
    return x is not None and jnp.issubdtype(jnp.result_type(x), jnp.inexact)


def _is_narrow(x: Any) -> bool:
    return _is_float(x) and compute_dtype(jnp.result_type(x)) != jnp.result_type(x)


def _step(
    parts: Parts, params: Params, state: State, grads: Updates, extra: dict[str, Any]
) -> tuple[Params, State]:
    return parts.step(params, state, grads, extra)


def make_step(
    tx: TransformLike,
    rounding: str = "nearest",
    *,
    skip_nonfinite: bool = False,
    donate: bool = True,
    key: KeyLike = 0,
) -> Step:
    """Make one program of a whole step, which rounds 16-bit parameters well.

    θ, s ← round(θ + u), s′ where u, s′ = tx(g, s, θ)

    `tx.update` must round an update to the dtype of the parameters before they are
    added, and the sum is rounded to the nearest: subtracting less than 0.002 from a
    bfloat16 of 1 does nothing. Here the update stays in float32 until it is added.

    | rounding | keeps, a parameter | |
    |---|---|---|
    | `"nearest"` | nothing | small steps are lost |
    | `"stochastic"` | nothing | up or down randomly, right on the average |
    | `"kahan"` | 2 bytes | the rounding error is added in the next step |
    | `"correction"` | 1 byte | bfloat16 alone: the next 8 bits of its float32 |

    Args:
        tx: a transform, Optax's too; it gets gradients and parameters in float32.
        rounding: one of the above, for parameters of 16 bits; others are just added to.
        skip_nonfinite: whether a step with an ∞ or NaN among the gradients changes
            neither parameters nor state.
        donate: whether the buffers of the given parameters and state are reused for the
            new ones: then they cannot be read afterwards.
        key: a random key, or an integer to make one of, for `"stochastic"`.

    Returns:
        The step: `params, state = step(params, state, grads, **extra)`, jitted, with
        `step.init(params)`. Its state is that of `tx` and, if the rounding keeps
        something, `{"rounding": …}`. `step.whole(params, state)` are the parameters in
        float32.

    Raises:
        TransformError: in `init`, `"correction"` with a parameter that is no bfloat16.

    Reference:
        Zamirai et al., "Revisiting BFloat16 Training", 2020, arXiv:2010.06192, for
        stochastic rounding and Kahan's sum of parameters; Kahan, "Further Remarks on
        Reducing Truncation Errors", 1965.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> step = adamx.make_step(adamx.sgd(1e-3), "kahan")
        >>> params = jnp.ones(2, jnp.bfloat16)
        >>> state = step.init(params)
        >>> for _ in range(1000):
        ...     params, state = step(params, state, jnp.ones(2, jnp.bfloat16))
        >>> bool((abs(params) < 0.01).all())
        True
    """
    OneOf(tuple(ROUNDINGS)).check("make_step", "rounding", rounding)
    own = as_transform(tx, "make_step: tx")
    summed = adding(own.plan)
    rest = ROUNDINGS[rounding](), skip_nonfinite, key, summed is not None
    parts = Parts(summed or own.plan, *rest)
    bound = inspect.signature(make_step).bind(
        own, rounding, skip_nonfinite=skip_nonfinite, donate=donate, key=key
    )
    return Step(Call(make_step, bound), parts, donate)
