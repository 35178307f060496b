"""Compute the scalars of a state after a number of steps, without gradients."""

import itertools
from typing import Any

import jax

from adamx.core.transform import Transform
from adamx.errors import TransformError
from adamx.execution.state_layout import get
from adamx.interop.parts import Part, Path, equal, joined, nothing_like, parts_of, shown
from adamx.types import Params, State


def rehearsed(
    tx: Transform, params: Params, parts: list[Part], count: int | None
) -> list[Part]:
    """Return `parts` with the scalars that `count` steps compute.

    Scalars such as the weight sum of a bias correction depend on the number of steps
    alone. So the transform takes `count` steps on a tree without leaves.

    Raises:
        TransformError: a scalar depends on gradients, or `count` is None and a scalar
            depends on the number of steps.
    """
    scalars = [part for part in parts if not part.is_slot]
    if not scalars:
        return parts
    _independent(tx, params, parts)
    nothing = nothing_like(params)
    slots = {p.path: p.value for p in parts_of(tx, nothing) if p.is_slot}

    def step(state: State) -> State:
        return tx.update(nothing, state, nothing)[1]

    start = joined([p._replace(value=slots.get(p.path, p.value)) for p in parts])
    if count is None:
        if not equal(step(start), start):
            raise TransformError(
                "the state does not say how many steps were taken",
                expected=f"a count, for {', '.join(shown(p.path) for p in scalars)}",
                got="a state without one",
                hint="give it: count=…",
            )
        return parts
    end = jax.jit(lambda n: jax.lax.fori_loop(0, n, lambda _, s: step(s), start))(count)
    return [p if p.is_slot else p._replace(value=get(end, p.path)) for p in parts]


def unread(tx: Transform, params: Params, parts: list[Part]) -> set[Path]:
    """Return the paths of scalars that no step reads, because each step replaces them.

    The set is empty if the update needs extra arguments.
    """
    try:
        program = _Program(tx, params, parts)
    except TransformError:
        return set()
    used = program.inputs_of([True] * program.outputs)
    pairs = zip(program.scalars, program.owners, strict=True)
    return {part.path for part, own in pairs if not any(map(used.__getitem__, own))}


def _independent(tx: Transform, params: Params, parts: list[Part]) -> None:
    """Raise a `TransformError` if a scalar depends on gradients, slots or params."""
    program = _Program(tx, params, parts)
    for part, own in zip(program.scalars, program.owners, strict=True):
        used = program.inputs_of([i in own for i in range(program.outputs)])
        if any(used[program.free :]):
            raise TransformError(
                "what another library does not keep depends on all past gradients",
                piece=shown(part.path[:-1]),
                expected="scalars that follow from the number of steps",
                got=shown(part.path),
                hint="bring the state into the optimizer alone, then use adamx.migrate",
            )


class _Program:
    """The jaxpr of one step; scalars are its first inputs and its first outputs."""

    def __init__(self, tx: Transform, params: Params, parts: list[Part]) -> None:
        self.scalars = [part for part in parts if not part.is_slot]
        slots = [part for part in parts if part.is_slot]

        def step(scalars: list[Any], slot_values: list[Any], params: Params) -> Any:
            pairs = [*zip(self.scalars, scalars, strict=True)]
            pairs += zip(slots, slot_values, strict=True)
            state = joined([part._replace(value=value) for part, value in pairs])
            updates, new = tx.update(params, state, params)
            return [get(new, part.path) for part in self.scalars], new, updates

        values = [part.value for part in self.scalars]
        given = values, [part.value for part in slots], params
        self.jaxpr = jax.make_jaxpr(step)(*given).jaxpr
        self.outputs = len(self.jaxpr.outvars)
        sizes = [len(jax.tree.leaves(value)) for value in values]
        ends = [*itertools.accumulate(sizes)]
        self.owners = [range(e - n, e) for e, n in zip(ends, sizes, strict=True)]
        """The indices of the arrays of each scalar."""
        self.free = sum(sizes)

    def inputs_of(self, outputs: list[bool]) -> list[bool]:
        """Return for each input whether one of these outputs depends on it."""
        # not public, because jax has no public function for dead code elimination
        from jax.interpreters.partial_eval import dce_jaxpr

        return dce_jaxpr(self.jaxpr, outputs)[1]
