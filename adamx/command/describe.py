"""`adamx describe`: show what a transform is made of, and the bytes of its state."""

import argparse
import inspect
import sys
from typing import Any

import jax
import jax.numpy as jnp

import adamx
from adamx.command.expression import made
from adamx.command.options import Parser, code_of_user, command_parser
from adamx.core.transform import Transform, is_builder
from adamx.hyperparameters.hyper import is_schedule_builder
from adamx.load import load

SHAPES = {
    "embedding": (1000, 64),
    "layer": {"kernel": (64, 256), "bias": (256,)},
    "norm": {"scale": (64,)},
    "head": {"kernel": (64, 1000)},
}
"""The parameters that are described without `--like`."""

OTHERS = (
    "MatrixView",
    "NEWTON_SCHULZ",
    "NewtonSchulz",
    "inject_hyperparams",
    "is_hidden_matrix",
    "is_weight",
    "matrix_view",
    "out_in_view",
)
"""The names that an expression may use, besides transforms, schedules and codecs."""


def parser() -> Parser:
    """Return the options of the command."""
    options = command_parser(
        "describe",
        "Print what a transform is made of: pieces, hyperparameters, and the bytes of "
        "its state. Nothing is computed, however large the parameters are.",
    )
    options.add_argument(
        "transform",
        help="a call: 'muon(1e-3)', 'chain(clip(1.0), adam(0.1))'",
    )
    options.add_argument(
        "--like",
        metavar="MODULE:FUNCTION",
        help="a function of yours that returns the parameters (default: a small tree)",
    )
    return options


def run(given: argparse.Namespace) -> int:
    """Print the table."""
    tx = made(given.transform, names(), "transform", Transform, "adam(1e-3)")
    if given.like is None:
        params = jax.tree.map(_float32, SHAPES, is_leaf=lambda x: isinstance(x, tuple))
    else:
        with code_of_user(given.like):
            params = _made_by(load(given.like))
    sys.stdout.write(f"{adamx.describe(tx, params)}\n")
    if given.like is None:
        sys.stdout.write(
            "\nThe parameters are an example: --like module:function describes yours.\n"
        )
    return 0


def _float32(shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def names() -> dict[str, Any]:
    """Return what an expression may name, nothing that writes, reads or imports."""
    public = {name: getattr(adamx, name) for name in vars(adamx)["__all__"]}
    return {
        name: thing
        for name, thing in public.items()
        if name in OTHERS
        or is_builder(thing)
        or is_schedule_builder(thing)
        or _makes_a_codec(thing)
    }


def _makes_a_codec(thing: Any) -> bool:
    if not inspect.isfunction(thing):
        return False
    return inspect.get_annotations(thing).get("return") is adamx.Codec


def _made_by(function: Any) -> Any:
    """Return the parameters that a function returns, if possible as shapes alone."""
    if not callable(function):
        return function
    try:
        return jax.eval_shape(function)
    except TypeError:
        # It returns leaves that are not arrays.
        return function()
