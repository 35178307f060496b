"""One kind of error: what, where, expected, got, and what to do."""

import difflib
from collections.abc import Iterable
from typing import Any

from adamx.tree.text import without_middle

LONGEST = 900
"""How many letters a message may have, so that it fits a screen for any tree."""


class TransformError(ValueError):
    """A transform was built or called with something it cannot work with.

    If Python would raise a `TypeError` or an `AttributeError`, it is one of those too.
    The message says what is wrong and, if they are known, the place (key path and
    piece), what was expected, what was given, and what to do about it. It has at most
    900 letters: the longest lines lose their middle.

    Args:
        what: one sentence that says what is wrong.
        where: the key path of the leaf, as `jax.tree_util.keystr` writes it.
        piece: the name of the piece of the chain that raised it.
        expected: what would have been right.
        got: what was there instead.
        hint: what the caller can do about it.

    Example:
        >>> error = TransformError("a leaf is no array", where="['w']", got="'abc'")
        >>> print(error)
        a leaf is no array
          where:    ['w']
          got:      'abc'
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        piece: str | None = None,
        expected: object = None,
        got: object = None,
        hint: str | None = None,
    ) -> None:
        place = "the whole tree (it is one leaf)" if where == "" else where
        rows = {"where": place, "piece": piece, "expected": expected, "got": got}
        super().__init__(laid_out(**_fitted({"what": what, **rows, "hint": hint})))
        self.what, self.where, self.piece = what, where, piece


class ArgumentError(TransformError, TypeError):
    """A function was called with other arguments than it has, or of the wrong type.

    It is a `TypeError` too, as Python's own error about such a call.
    """


class MissingAttribute(TransformError, AttributeError):
    """An object has no such attribute; `hasattr` returns False."""


def nearest(name: str, known: Iterable[str], cutoff: float = 0.4) -> str | None:
    """Return a hint for an unknown name: the most similar known name, if any."""
    close = difflib.get_close_matches(name, list(known), 1, cutoff)
    return f"did you mean {close[0]!r}?" if close else None


def _fitted(rows: dict[str, object]) -> dict[str, Any]:
    """Shorten the longest rows until all of them together fit a message."""
    # A repr of arrays has many lines.
    texts = {k: " ".join(str(v).split()) for k, v in rows.items() if v is not None}
    room = LONGEST - sum(len(f"\n  {k + ':':<9} ") for k in texts)
    left = len(texts)
    for name in sorted(texts, key=lambda k: len(texts[k])):
        texts[name] = without_middle(texts[name], room // left)
        room, left = room - len(texts[name]), left - 1
    return texts


def laid_out(what: str, **rows: object) -> str:
    """Return a sentence, and a line for each row that has something in it."""
    lines = [f"  {k + ':':<9} {v}" for k, v in rows.items() if v is not None]
    return "\n".join([what, *lines])
