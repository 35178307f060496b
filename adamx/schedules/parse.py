"""A schedule, read from the text of the call that makes it."""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from adamx.errors import TransformError, nearest
from adamx.hyperparameters.hyper import Schedule

Builders = Mapping[str, Callable[..., Schedule]]


def parse(text: str, builders: Builders) -> Schedule:
    """Make the schedule that `text` calls for, without running any code of it.

    It may hold calls of `builders` by name, numbers, strings, None, True and False, and
    lists, tuples and dicts of these: what the repr of a schedule holds.

    Raises:
        TransformError: it holds anything else, or the schedule cannot be made.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise TransformError("this is not a call", got=text, hint=str(error)) from None
    made = _read(tree.body, builders)
    if not isinstance(made, Schedule):
        raise TransformError(
            "this is not a schedule", expected="a call like linear_schedule(1, 0, 10)"
        ) from None
    return made


def _read(node: ast.expr, builders: Builders) -> Any:
    match node:
        case ast.Constant(int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
            return -value
        case ast.List(items):
            return [_read(item, builders) for item in items]
        case ast.Tuple(items):
            return tuple(_read(item, builders) for item in items)
        case ast.Dict(keys, values) if all(isinstance(k, ast.Constant) for k in keys):
            read = (_read(k, builders) for k in keys if k is not None)
            return dict(zip(read, (_read(v, builders) for v in values), strict=True))
        case ast.Call(ast.Name(name), args, keywords):
            return _call(name, args, keywords, builders)
    raise TransformError(
        f"{ast.unparse(node)!r} is not allowed here",
        expected="calls of schedules by name, with numbers, lists, tuples and dicts",
        hint="write the number out" if isinstance(node, ast.BinOp) else None,
    )


def _call(
    name: str, args: list[ast.expr], keywords: list[ast.keyword], builders: Builders
) -> Schedule:
    if name not in builders:
        raise TransformError(
            f"there is no schedule {name!r}",
            expected=", ".join(sorted(builders)),
            hint=nearest(name, builders),
        )
    given = [_read(arg, builders) for arg in args]
    named = {}
    for keyword in keywords:
        if keyword.arg is None:
            raise TransformError("'**' is not allowed here", where=name)
        named[keyword.arg] = _read(keyword.value, builders)
    try:
        return builders[name](*given, **named)
    except TypeError as error:
        raise TransformError(f"{name}: {error}", got=(given, named)) from None
