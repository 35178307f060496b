"""An example of everything that is public, made from the signatures alone."""

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

import adamx
from adamx.core.fork import Join
from adamx.core.transform import TransformLike, is_builder
from adamx.hyperparameters.hyper import Interval, declared
from adamx.hyperparameters.labels import Labels
from adamx.inspect.measure import Measure, Measures
from adamx.testing.single import of_one, takes_batches


def _sums(updates: Any) -> Any:
    return jax.tree.map(jnp.sum, updates)


ARGUMENTS: Mapping[Any, Any] = {
    TransformLike: adamx.scale_by_momentum(0.9),
    Labels: lambda path, leaf: leaf.ndim > 1,
    Measure: _sums,
    Measures: {"sums": _sums, "averages": adamx.measure_with_ema(_sums, 0.9)},
    str: "sums",
}
"""Values for required arguments, by their type."""

BRANCHES: Mapping[str, Any] = {"a": adamx.trace(0.5), "b": adamx.scale(2.0)}

KEYWORDS: Mapping[Any, Mapping[str, Any]] = {adamx.Codec: {"mu": adamx.int8()}}
"""Values for `**` arguments, by their type."""


def public_names() -> dict[str, Any]:
    """Return what `from adamx import *` imports, by name."""
    return {name: getattr(adamx, name) for name in vars(adamx)["__all__"]}


def public_builders() -> dict[str, Callable[..., Any]]:
    """Return every builder of transforms in `adamx`, by name.

    Returns:
        The functions that return a `Transform`, optimizers, pieces and wrappers alike.

    Example:
        >>> "adam" in public_builders(), "apply_updates" in public_builders()
        (True, False)
    """
    return {name: f for name, f in public_names().items() if is_builder(f)}


def public_codecs() -> dict[str, adamx.Codec]:
    """Return every codec that `adamx` makes, by name, with its defaults.

    Returns:
        What the functions return that are annotated to return a `Codec`.

    Example:
        >>> public_codecs()["int4"]
        int4()
    """
    made = (
        (name, function)
        for name, function in public_names().items()
        if inspect.isfunction(function)
    )
    return {
        name: function()
        for name, function in made
        if function.__annotations__.get("return") is adamx.Codec
    }


def examples(builder: Callable[..., Any]) -> Iterator[adamx.Transform]:
    """Make transforms that cover the arguments of a builder.

    The first has all defaults; then follows one for each flag turned, and one with a
    number for each number that is None by default. What takes the gradients of each
    example gets those of one: see `adamx.testing.single`.

    Args:
        builder: a function decorated with `adamx.transform`.

    Returns:
        An iterator of transforms.

    Raises:
        TypeError: an argument is required, and nothing says what to give for it.

    Example:
        >>> import adamx
        >>> [*examples(adamx.sgd)][1:3]
        [sgd(0.1, momentum=0.9), sgd(0.1, nesterov=True)]
    """
    signature, checks = declared(builder)
    intervals = {k: c for k, c in checks.items() if isinstance(c, Interval)}
    hints = typing.get_type_hints(builder, include_extras=True)
    required: dict[str, Any] = {}
    positional: tuple[Any, ...] = ()
    turned: list[dict[str, Any]] = []
    for name, parameter in signature.parameters.items():
        default = parameter.default
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional = (adamx.clip(1.0), adamx.trace(0.5), adamx.scale(-0.1))
        elif parameter.kind is parameter.VAR_KEYWORD:
            required |= KEYWORDS.get(hints[name], BRANCHES)
        elif default is parameter.empty:
            required[name] = _value(name, hints[name], intervals.get(name))
        elif isinstance(default, bool):
            turned.append({name: not default})
        elif default is None and name in intervals:
            turned.append({name: _number(intervals[name])})
    for arguments in ({}, *turned):
        tx = builder(*positional, **required, **arguments)
        yield of_one(tx) if takes_batches(tx) else tx


def _value(name: str, hint: Any, interval: Interval | None) -> Any:
    if interval is not None:
        return _number(interval)
    if name == "should_transform_fn":
        return lambda step: step % 2 == 0
    if hint == Join:
        return lambda a, b: a + b
    if name == "backend":
        return "interpret"
    if name == "projection":
        return lambda tree: jax.tree.map(lambda x: x / 2, tree)
    if name == "moment":
        return adamx.second_moment(0.9)
    if name == "direction":
        return adamx.scale(2.0)
    if name == "groups":
        return {"*": adamx.scale_by_adam()}
    if name == "transforms":
        return {True: adamx.scale_by_adam(), False: adamx.trace(0.5)}
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if any(getattr(option, "__origin__", option) is int for option in options):
        return 2
    for kind, value in ARGUMENTS.items():
        if hint == kind:
            return value
    raise TypeError(f"what to give for {name}: {hint}? Say so in adamx.testing.public")


def _number(interval: Interval) -> float:
    """Return a usual number: 0.9 for a decay, 0.1 for a rate."""
    return 0.9 if interval.high == 1 else 0.1
