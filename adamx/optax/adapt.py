"""Builders of adamx with the arguments that they have in Optax."""

import ast
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp

from adamx.core.transform import Transform, transform
from adamx.optax.own import own
from adamx.storage.bfloat16 import bfloat16
from adamx.storage.codec import Codec
from adamx.storage.stored import slot_names, stored
from adamx.types import Array


class Float16(Codec):
    """Numbers rounded to float16."""

    def encode(self, x: Array, key: Array | None = None) -> Array:
        return x.astype(jnp.float16)

    def decode(self, encoded: Array, shape: tuple[int, ...]) -> Array:
        return encoded.astype(jnp.float32)


CODECS: dict[str, Callable[[], Codec]] = {"bfloat16": bfloat16, "float16": Float16}
"""By dtype; state is float32 at least where there is none."""


def in_dtype(tx: Transform, slot: str, dtype: Any) -> Transform:
    """Return `tx` with a slot kept in `dtype` between steps, as Optax keeps it."""
    name = None if dtype is None else jnp.dtype(dtype).name
    if name not in CODECS or slot not in slot_names(tx.plan):
        return tx
    codecs: dict[str, Any] = {slot: CODECS[name]()}
    return stored(tx, min_size=0, **codecs)


class Argument(NamedTuple):
    """An argument of Optax's function, and what becomes of it."""

    name: str
    ours: str | None = None
    """The name of adamx's argument."""
    slot: str | None = None
    """The slot whose dtype it is; empty if adamx keeps float32 at least."""
    default: Any = None
    """The only value, of an argument that adamx does not have."""


def _arguments(text: str) -> Iterator[tuple[Argument, bool]]:
    """Read a row of a table; a bool tells whether the argument is by keyword alone."""
    keyword = False
    for word in text.split():
        if word == "*":
            keyword = True
            continue
        name, *marked = re.split("([:!=])", word, maxsplit=1)
        mark, rest = marked or ("", "")
        if mark == ":":
            yield Argument(name, slot=rest), keyword
        elif mark == "!":
            yield Argument(name, default=ast.literal_eval(rest)), keyword
        else:
            yield Argument(name, ours=rest or name), keyword


def adapted(
    name: str,
    builder: Callable[..., Transform],
    text: str,
    theirs: str = "optax",
    **fixed: Any,
) -> Callable[..., Transform]:
    """Return `builder` with the arguments of Optax's function of this name.

    `text` has the arguments in Optax's order, with `*` before those by keyword alone:

        name            the same argument of adamx
        name=ours       an argument that has another name in adamx
        mu_dtype:mu     the dtype in which the slot `mu` is kept
        name!value      an argument that adamx does not have. If it has another value,
                        the call is one of Optax's own function

    Args:
        name: the name in Optax.
        builder: the builder of adamx.
        text: the arguments.
        theirs: the module of Optax that has the function.
        **fixed: arguments of `builder` that Optax does not have.
    """
    arguments = [*_arguments(text)]
    ours = inspect.signature(builder).parameters
    hints = typing.get_type_hints(builder, include_extras=True)
    parameters, annotations = [], {}
    for argument, keyword in arguments:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        if keyword:
            kind = inspect.Parameter.KEYWORD_ONLY
        default, hint = argument.default, Any
        if argument.ours is not None:
            default, hint = ours[argument.ours].default, hints[argument.ours]
        parameters.append(
            inspect.Parameter(argument.name, kind, default=default, annotation=hint)
        )
        annotations[argument.name] = hint

    def build(**given: Any) -> Transform:
        dtypes: dict[str, Any] = {}
        mine = dict(fixed)
        for argument, _ in arguments:
            value = given[argument.name]
            if argument.ours is not None:
                mine[argument.ours] = value
            elif argument.slot is not None:
                dtypes[argument.slot] = value
            elif value != argument.default:
                return Transform(*own(name, theirs)(**given))
        tx = builder(**mine)
        for slot, dtype in dtypes.items():
            tx = in_dtype(tx, slot, dtype)
        return tx

    def call(*args: Any, **kwargs: Any) -> Transform:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return build(**bound.arguments)

    signature = inspect.Signature(parameters, return_annotation=Transform)
    vars(call)["__signature__"] = signature
    call.__annotations__ = {**annotations, "return": Transform}
    call.__name__ = call.__qualname__ = name
    # Where pickle finds it.
    contrib = theirs == "optax.contrib"
    call.__module__ = f"adamx.optax.{'contributed' if contrib else 'optimizers'}"
    call.__doc__ = inspect.getdoc(builder)
    return transform(call)
