"""One training step of any optimizer, with the arguments that its update declares."""

from collections.abc import Callable
from typing import Any

import jax

from adamx.core.apply import apply_updates
from adamx.core.transform import Transform
from adamx.core.tree_transform import EVERY
from adamx.transforms.moments.hessian_estimators import (
    hutchinson_estimator_diag_hessian,
)
from adamx.transforms.momentum.average import averaged_params
from adamx.tree.state import named
from adamx.types import Array, Params, State, Updates
from adamx.wrappers.schedule_free import schedule_free_eval_params

Loss = Callable[[Params], Array]

DEARER = frozenset({"value_fn", "grad_fn", "hessian"})
"""Arguments that cost more evaluations of the loss than the gradient of the step."""

FOREIGN = ("value", "grad", "value_fn")
"""The arguments for a transform that declares none, by Optax's names."""

READERS: dict[str, Callable[[State, Params], Params]] = {
    "schedule_free": schedule_free_eval_params,
    "average_params": averaged_params,
}
"""Pieces that keep the parameters to evaluate, and functions that read these."""


def given(
    loss: Loss, params: Params, grads: Updates, key: Array
) -> dict[str, Callable[[], Any]]:
    """Return a function for each extra argument of update that makes it."""
    return {
        "value": lambda: loss(params),
        "grad": lambda: grads,
        "value_fn": lambda: loss,
        "grad_fn": lambda: jax.grad(loss),
        "hessian": lambda: hutchinson_estimator_diag_hessian(loss, params, key),
    }


def wanted(tx: Transform) -> frozenset[str]:
    """Return the names of the extra arguments that `tx` must be given."""
    needs = tx.plan.facts.needs
    known = tx.plan.facts.pure and EVERY not in needs
    return needs if known else (needs - {EVERY}) | {*FOREIGN}


def train_step(
    tx: Transform, loss: Loss, params: Params, state: State, key: Array
) -> tuple[Params, State, Array]:
    """Return the parameters and state after a step, and the loss before it.

    The random `key` is for the arguments of `tx` that draw; `loss` already has a batch.
    """
    value, grads = jax.value_and_grad(loss)(params)
    every = given(loss, params, grads, key) | {"value": lambda: value}
    names = wanted(tx) | (tx.plan.facts.options & every.keys())
    extra = {name: every[name]() for name in names}
    updates, state = tx.update(grads, state, params, **extra)
    return apply_updates(params, updates), state, value


def evaluated(state: State, params: Params) -> Params:
    """Return the parameters to evaluate: the average, where the optimizer keeps one."""
    for piece, read in READERS.items():
        if next(named(state, piece), None) is not None:
            return read(state, params)
    return params
