"""Cut a leaf and its slots into chunks, and process one chunk after the other."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adamx.types import Array


class Cut(NamedTuple):
    """The number and the size of the chunks of a leaf, and the size of its rest."""

    number: int
    size: int
    rest: int

    @staticmethod
    def of(numbers: int, span: int, most: int) -> "Cut":
        """Choose chunks of at most `most` numbers, but at least `span`, in whole spans.

        If the leaf consists of whole spans, the chunks are the largest without a rest.
        """
        spans = numbers // span
        size = max(min(most // span, spans), 1)
        if spans and numbers % span == 0:
            size = next(k for k in range(size, 0, -1) if spans % k == 0)
        size *= span
        return Cut(numbers // size, size, numbers % size)

    def rows(self, x: Array, chunk: tuple[int, ...]) -> tuple[Array, Array]:
        """Return the chunks of `x`, in row-major order, as rows, and the rest."""
        flat, length = x.reshape(-1), math.prod(chunk)
        end = self.number * length
        rows = flat if end == flat.size else flat[:end]
        return rows.reshape(self.number, length), flat[end:]

    def whole(self, rows: Array, rest: Array, like: Array) -> Array:
        """Return the array that `rows` cut, in the shape of `like`."""
        flat = rows.reshape(-1)
        if rest.size:
            flat = jnp.concatenate([flat, rest.reshape(-1)])
        return flat.reshape(like.shape)


Body = Callable[[list[Array], list[Array], list[Array]], tuple[Array, list[Array]]]
"""A function of the scalars, a chunk of each input and a chunk of each slot. It returns
the chunk of the update and the next chunk of each slot."""


def looped(
    body: Body, scalars: list[Array], read: list[Array], kept: list[Array]
) -> tuple[Array, list[Array]]:
    """Apply `body` to one row after the other, in a loop of XLA.

    Slots are updated in place. The update overwrites the last input, so that a new
    parameter replaces the old one.
    """
    *read, last = read
    row, put = jax.lax.dynamic_index_in_dim, jax.lax.dynamic_update_index_in_dim

    def step(i: Array, carry: tuple[Array, list[Array]]) -> tuple[Array, list[Array]]:
        out, kept = carry
        rows = [row(x, i, keepdims=False) for x in (*read, out)]
        u, new = body(scalars, rows, [row(x, i, keepdims=False) for x in kept])
        pairs = zip(kept, new, strict=True)
        return put(out, u, i, 0), [put(x, n, i, 0) for x, n in pairs]

    return jax.lax.fori_loop(0, len(last), step, (last, kept))


def in_pallas(
    body: Body,
    scalars: list[Array],
    read: list[Array],
    kept: list[Array],
    *,
    interpret: bool,
) -> tuple[Array, list[Array]]:
    """Apply `body` in a Pallas kernel, with one program for each row."""
    from jax.experimental import pallas as pl
    from jax.extend.core import jaxpr_as_fun

    # Constants such as codebooks are inputs, because a Pallas kernel must not close
    # over arrays.
    first = [[x[0] for x in rows] for rows in (read, kept)]
    closed = jax.make_jaxpr(body)(scalars, *first)
    consts = [jnp.asarray(c) for c in closed.consts]
    beside = [jnp.reshape(x, (1, -1)) for x in (*consts, *scalars)]
    shapes = [jnp.shape(x) for x in (*consts, *scalars)]
    ins, outs = len(beside) + len(read), 1 + len(kept)

    def kernel(*refs: Any) -> None:
        given = [ref[0, :] for ref in refs[: ins + len(kept)]]
        small = [x.reshape(s) for x, s in zip(given, shapes, strict=False)]
        whole = closed.replace(consts=small[: len(consts)])
        found = jaxpr_as_fun(whole)(*small[len(consts) :], *given[len(beside) :])
        for ref, x in zip(refs[-outs:], found, strict=True):
            ref[0, :] = x

    def row(x: Array) -> Any:
        return pl.BlockSpec((1, x.shape[1]), lambda i: (i, 0))

    u, *new = pl.pallas_call(
        kernel,
        grid=(len(read[0]),),
        in_specs=[pl.BlockSpec(x.shape, lambda i: (0, 0)) for x in beside]
        + [row(x) for x in (*read, *kept)],
        out_specs=[row(x) for x in (read[0], *kept)],
        out_shape=[jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (read[0], *kept)],
        input_output_aliases={ins - 1 + i: i for i in range(outs)},
        interpret=interpret,
    )(*beside, *read, *kept)
    return u, new
