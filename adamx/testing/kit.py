"""The combinators of a library, for laws about composition."""

import dataclasses
from collections.abc import Callable
from typing import Any

import adamx


@dataclasses.dataclass(frozen=True)
class Kit:
    """The combinators of one library, under one set of names.

    Args:
        name: the library's.
        chain: from transforms to one that applies them in turn.
        apply_updates: from parameters and updates to parameters.
        clip: from a bound to a transform that clips by the global norm.
        trace: from a decay to a transform with a state of its own.
        freeze: from a tree of bools to a piece for a chain; None if there is none.
        fork: from a join and branches by keyword to a transform; None if there is none.
        accumulate: from a transform and k to one that acts each k steps; None if there
            is none.

    Example:
        >>> from adamx.testing import ADAMX
        >>> ADAMX.name
        'adamx'
    """

    name: str
    chain: Callable[..., Any]
    apply_updates: Callable[[Any, Any], Any]
    clip: Callable[[float], Any]
    trace: Callable[[float], Any]
    freeze: Callable[[Any], Any] | None = None
    fork: Callable[..., Any] | None = None
    accumulate: Callable[[Any, int], Any] | None = None


ADAMX = Kit(
    "adamx",
    chain=adamx.chain,
    apply_updates=adamx.apply_updates,
    clip=adamx.clip_by_global_norm,
    trace=adamx.trace,
    freeze=adamx.freeze,
    fork=adamx.fork,
    accumulate=adamx.MultiSteps,
)
"""adamx's own."""
