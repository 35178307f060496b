"""Values, read from the text of the calls that make them."""

import ast
from collections.abc import Mapping
from typing import Any

from adamx.errors import TransformError, nearest
from adamx.tree.kinds import call_of


def evaluate(text: str, names: Mapping[str, Any], kind: str) -> Any:
    """Return the value of `text`, without running any other code than `names`.

    `text` contains what the repr of a transform or a schedule contains: calls of
    `names`, numbers, strings, None, True and False, and lists, tuples and dicts of
    these. `adamx.` before a name is allowed.

    Args:
        text: the expression.
        names: the functions that it may call, and other values that it may name.
        kind: what the functions make, as errors name it.

    Raises:
        TransformError: the text has anything else in it, or a call fails.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise TransformError(
            f"{text!r} is not a call of a {kind}", hint=str(error)
        ) from None
    return _Reader(names, kind).read(tree.body)


def made(text: str, names: Mapping[str, Any], kind: str, of: type, like: str) -> Any:
    """Return the value of `text`, which must be of the type `of`; see `evaluate`.

    `like` is an example, for the error.
    """
    value = evaluate(text, names, kind)
    if isinstance(value, of):
        return value
    raise TransformError(
        f"{text!r} is not a {kind}",
        expected=f"a call, such as {like}",
        hint=f"call it: {call_of(value)}" if callable(value) else None,
    )


def _is_constant(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Constant)  # None is `**`


class _Reader:
    """Reads expressions of these names."""

    def __init__(self, names: Mapping[str, Any], kind: str) -> None:
        self.names, self.kind = names, kind

    def read(self, node: ast.expr) -> Any:
        """Return the value of an expression."""
        match node:
            case ast.Constant(int() | float() | str() | None as value):
                return value
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
                return -value
            case ast.List(items):
                return [self.read(item) for item in items]
            case ast.Tuple(items):
                return tuple(self.read(item) for item in items)
            case ast.Dict(keys, values) if all(map(_is_constant, keys)):
                read = [self.read(k) for k in keys if k is not None]
                return dict(zip(read, map(self.read, values), strict=True))
            case ast.Name(name) | ast.Attribute(ast.Name("adamx"), name) if (
                name in self.names
            ):
                return self.names[name]
            case ast.Call(function, args, keywords):
                return self._call(function, args, keywords)
        raise TransformError(
            f"{ast.unparse(node)!r} is not allowed here",
            expected=f"calls of {self.kind}s by name, with numbers, lists, tuples and "
            "dicts",
            hint="write the number out" if isinstance(node, ast.BinOp) else None,
        )

    def _call(
        self, node: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]
    ) -> Any:
        name = ast.unparse(node).removeprefix("adamx.")
        if isinstance(node, ast.Name | ast.Attribute) and name not in self.names:
            raise TransformError(
                f"there is no {self.kind} {name!r}", hint=nearest(name, self.names)
            )
        function = self.read(node)
        given = [self.read(arg) for arg in args]
        named = {}
        for keyword in keywords:
            if keyword.arg is None:
                raise TransformError("'**' is not allowed here", where=name)
            named[keyword.arg] = self.read(keyword.value)
        try:
            return function(*given, **named)
        except TransformError:
            raise
        except Exception as error:
            raise TransformError(f"{name}: {error}") from error
