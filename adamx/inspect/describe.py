"""A table of the pieces of a transform and their states."""

import dataclasses
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.core import Tracer

from adamx.core.freeze import Freeze, select_leaves
from adamx.core.partition import Partition
from adamx.core.rule import Guard, Locality, Rule, locality, widest
from adamx.core.transform import Transform, TransformLike, as_transform
from adamx.core.tree_transform import TreeTransform
from adamx.core.wrapper import Wrapper
from adamx.errors import TransformError
from adamx.execution.plan import Plan, distinct
from adamx.hyperparameters.hyper import Schedule
from adamx.hyperparameters.keys import show
from adamx.inspect.memory import numbers, total_bytes
from adamx.inspect.table import Column, as_html, text
from adamx.storage.codec import Codec
from adamx.storage.stored import Encoding
from adamx.transforms.matrices.as_matrices import AsMatrices
from adamx.tree.leaves import is_array, is_prng_key
from adamx.tree.paths import flatten, simple_paths, structure
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.tree.text import shortened
from adamx.types import Params

LEAVES_SHOWN = 40
"""The most letters for the paths of a piece's leaves in the text."""


class Row(NamedTuple):
    """A line of `describe` for one piece; nested pieces have lines of their own."""

    piece: str
    path: str
    """The path of its state, if it has one, for `find(state, row.path)`."""
    depth: int
    hyperparameters: dict[str, Any]
    """Numbers, flags, schedules and the like, by name."""
    locality: Locality | None
    """Its locality; None if that is not known."""
    leaves: tuple[str, ...]
    """The paths of the leaves that it acts on; for `freeze`, those that it freezes."""
    matrices: tuple[str, ...]
    """The shapes, in × out, that a view gives these leaves; empty without a view."""
    arrays: tuple[str, ...]
    """The names of its own slots, without those of nested pieces."""
    dtypes: tuple[str, ...]
    bytes: int
    """The bytes of its own state; in the total, those of all pieces."""
    bytes_per_parameter: float
    """The bytes divided by the count of numbers in its leaves."""


COLUMNS = (
    Column("piece"),
    Column("hyperparameters"),
    Column("locality"),
    Column("leaves"),
    Column("in × out"),
    Column("state"),
    Column("dtype"),
    Column("bytes", right=True),
    Column("per parameter", right=True),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Description:
    """A table when printed, and its rows as data; `describe` returns it.

    Args:
        rows: a row for each piece, those nested in it after it.
        total: the sum, over all leaves.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> found = adamx.describe(adamx.sgd(0.1, momentum=0.9), jnp.ones(1000))
        >>> [(row.piece, row.arrays, row.bytes) for row in found.rows]
        [('trace', ('trace',), 4000), ('scale_by_learning_rate', (), 0)]
        >>> found.total.bytes_per_parameter
        4.0
    """

    rows: tuple[Row, ...]
    total: Row

    def __repr__(self) -> str:
        return text(COLUMNS, self._cells())

    def _repr_html_(self) -> str:
        return as_html(COLUMNS, self._cells())

    def _cells(self) -> list[list[str]]:
        return [self._of(row) for row in (*self.rows, self.total)]

    def _of(self, row: Row) -> list[str]:
        values = (f"{k}={_shown(v)}" for k, v in row.hyperparameters.items())
        every = row.leaves == self.total.leaves
        return [
            "  " * row.depth + row.piece,
            ", ".join(values),
            row.locality or "",
            "all" if every else shortened(row.leaves, LEAVES_SHOWN) or "none",
            shortened(dict.fromkeys(row.matrices), LEAVES_SHOWN),
            ", ".join(row.arrays),
            ", ".join(row.dtypes),
            f"{row.bytes:,}" if row.bytes or row is self.total else "",
            f"{row.bytes_per_parameter:.3g}" if row.bytes else "",
        ]


def describe(tx: TransformLike, params: Params) -> Description:
    """Return a table of the pieces of a transform: settings, reach and state.

    Nothing is computed and no memory is taken, however large the parameters are: the
    state is that of `jax.eval_shape`.

    Args:
        tx: a transform; foreign ones, such as Optax's, are one row each.
        params: a tree of arrays, tracers or `jax.ShapeDtypeStruct`.

    Returns:
        A `Description`. It prints as a table, in a notebook too, with a row for each
        piece, nested ones indented, and a line for the total. Its `rows` are
        NamedTuples, of which a DataFrame can be made. "leaves" are those that a piece
        acts on. "in × out" has the sides of the matrices that a view makes of them, so
        that a wrong layout shows. Bytes are those of the piece itself, without those of
        nested pieces.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> params = {"w": jax.ShapeDtypeStruct((1000, 1000), jnp.bfloat16)}
        >>> tx = adamx.chain(adamx.clip_by_global_norm(1.0), adamx.sgd(0.1, 0.9))
        >>> found = adamx.describe(tx, params)
        >>> for row in found.rows:
        ...     print(row.piece, row.locality, row.dtypes, row.bytes_per_parameter)
        clip_by_global_norm tree () 0.0
        trace element ('float32',) 4.0
        scale_by_learning_rate element () 0.0
    """
    tx = as_transform(tx, "describe: tx")
    paths = simple_paths(params)
    state = _abstract_state(tx, params, paths)
    everything = _Leaves.of(params, paths)
    rows = tuple(_Walk(paths).of_plan(tx.plan, state, params, ()))
    total = _row(("total",), {}, None, everything, state)
    return Description(rows, total._replace(path="", arrays=(), dtypes=()))


class _Leaves(NamedTuple):
    """The leaves that a piece sees, and how many numbers they have."""

    paths: tuple[str, ...]
    numbers: int

    @staticmethod
    def of(params: Params, paths: list[str]) -> "_Leaves":
        pairs = zip(paths, flatten(params)[0], strict=True)
        seen = tuple(path for path, leaf in pairs if leaf is not None)
        return _Leaves(seen, numbers(params))


class _Walk(NamedTuple):
    """Walk through pieces and their states, as `init` does."""

    paths: list[str]
    merged: _Leaves | None = None
    """All leaves, if the pieces see them as one vector."""

    def of_plan(
        self, plan: Plan, state: Any, params: Params, path: tuple[str, ...]
    ) -> Iterator[Row]:
        seen = plan.trainable_params(params)
        for name, piece in distinct(plan.pieces):
            here, mine = (*path, name), state.get(name, {})
            if isinstance(piece, Freeze):
                some = piece.held(params)
                held = [x or i in some for i, x in enumerate(piece.holds(params))]
                leaves = self.leaves(select_leaves(params, held))
                yield _row(here, {}, "element", leaves, mine)
            elif isinstance(piece, Rule):
                yield from self.of_rule(piece, mine, seen, here)
            else:
                yield from self.of_node(piece, mine, seen, here)

    def of_rule(
        self, rule: Rule, state: Any, params: Params, path: tuple[str, ...]
    ) -> Iterator[Row]:
        parts, leaves = dict(rule.parts()), self.leaves(params)
        own = _without(state, parts)
        row = _row(path, _settings(rule), locality(rule), leaves, own)
        if isinstance(rule, AsMatrices):
            row = row._replace(matrices=tuple(_matrices(rule, params)))
        yield row
        for name, part in parts.items():
            if isinstance(part, Guard):
                continue
            yield from self.of_rule(part, state.get(name, {}), params, (*path, name))

    def of_node(
        self, node: TreeTransform, state: Any, params: Params, path: tuple[str, ...]
    ) -> Iterator[Row]:
        inside = node.inside(params)
        nested: list[Row] = []
        for name, (plan, seen) in inside.items():
            walk = self
            if structure(seen) != structure(params):
                walk = self._replace(merged=self.leaves(params))
            here, leaves = (*path, name), walk.leaves(seen)
            rows = [*walk.of_plan(plan, state.get(name, {}), seen, here)]
            nested += [_row(here, {}, _widest(rows), leaves, {}), *rows]
        width = "tree" if isinstance(node, Wrapper) else _widest(nested)
        own = _without(state, inside) if inside else state
        settings = {} if isinstance(node, Partition) else _settings(node)
        row = _row(path, settings, width, self.leaves(params), own)
        yield row
        yield from nested

    def leaves(self, params: Params) -> _Leaves:
        if self.merged is not None and jax.tree.leaves(params):
            return self.merged
        return _Leaves.of(params, self.paths)


def _row(
    path: tuple[str, ...],
    settings: dict[str, Any],
    width: Locality | None,
    leaves: _Leaves,
    own: Any,
) -> Row:
    size = total_bytes(own)
    dtypes = dict.fromkeys(str(x.dtype) for x in jax.tree.leaves(own))
    return Row(
        piece=path[-1],
        path="/".join(path),
        depth=len(path) - 1,
        hyperparameters=settings,
        locality=width,
        leaves=leaves.paths,
        matrices=(),
        arrays=tuple(dict.fromkeys(_names(own))),
        dtypes=tuple(dtypes),
        bytes=size,
        bytes_per_parameter=size / leaves.numbers if leaves.numbers else 0.0,
    )


def _matrices(rule: AsMatrices, params: Params) -> Iterator[str]:
    """Yield the sides of the matrices that a view makes of each leaf."""
    pairs = zip(simple_paths(params), flatten(params)[0], strict=True)
    for path, leaf in pairs:
        if leaf is not None:
            shape = np.shape(leaf)
            yield from map(_sides, rule.view(path, shape).shapes(shape))


def _sides(shape: tuple[int, ...]) -> str:
    """Return the shape of an array of matrices, as `64 × 256` or `12 of 64 × 256`."""
    *batch, rows, cols = shape
    return f"{math.prod(batch)} of " * bool(batch) + f"{rows} × {cols}"


def _widest(rows: list[Row]) -> Locality | None:
    """Return the widest locality of some rows; None if one of them is not known."""
    known: list[Locality] = []
    for row in rows:
        if row.locality is None:
            return None
        known.append(row.locality)
    return widest(known) if known else None


def _without(state: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name not in names}


def _names(state: Any) -> Iterator[str]:
    """Return the names of the slots of a piece; for foreign pieces, of the fields."""
    if isinstance(state, tuple | list):
        fields = getattr(state, "_fields", [""] * len(state))
        for name, value in zip(fields, state, strict=True):
            deeper = [*_names(value)] if isinstance(value, tuple | list) else []
            yield from deeper or ([name] if name and jax.tree.leaves(value) else [])
    elif isinstance(state, dict):
        yield from state


def _settings(piece: PytreeDataclass) -> dict[str, Any]:
    """Return the fields of a piece that are numbers, flags, schedules and the like."""
    found: dict[str, Any] = {}
    for name, value in vars(piece).items():
        if isinstance(value, Encoding) or (
            isinstance(value, Rule) and isinstance(piece, TreeTransform)
        ):
            found |= _settings(value)
        elif isinstance(value, Mapping):
            found |= {k: v for k, v in value.items() if _is_setting(v)}
        elif _is_setting(value) and not (
            name == "name" and isinstance(piece, TreeTransform)
        ):
            found[name] = value
    return found


def _is_setting(value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(map(_is_setting, value))
    if is_array(value):
        return value.shape == ()
    return isinstance(value, bool | int | float | complex | str | Schedule | Codec)


def _shown(value: Any) -> str:
    if is_array(value) and not isinstance(value, Tracer) and not is_prng_key(value):
        return str(np.asarray(value))  # in its own precision: 0.9, not 0.89999998
    return show(value)


def _abstract_state(tx: Transform, params: Params, paths: list[str]) -> Any:
    """Return the first state, as shapes and dtypes."""
    try:
        return jax.eval_shape(tx.plan.init, params)
    except TypeError:
        for path, leaf in zip(paths, flatten(params)[0], strict=True):
            if not (leaf is None or _can_be_traced(leaf)):
                raise TransformError(
                    "a leaf is not an array",
                    where=path,
                    piece="describe",
                    got=repr(leaf),
                ) from None
        raise


def _can_be_traced(leaf: Any) -> bool:
    try:
        jax.eval_shape(lambda x: x, leaf)
    except TypeError:
        return False
    return True
