"""`stored`: encode a state after each step, and decode it before the next."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.fork import TreeFork
from adamx.core.freeze import Freeze
from adamx.core.partition import Partition
from adamx.core.rule import Rule, Series
from adamx.core.rule_wrapper import RuleWrapper
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.tree_transform import TreeTransform
from adamx.errors import TransformError, nearest
from adamx.execution.plan import Piece, Plan, distinct, of_single_leaves
from adamx.execution.state_layout import StateLayout
from adamx.hyperparameters.arguments import NonNegativeInteger
from adamx.hyperparameters.call import NoCall
from adamx.hyperparameters.labels import Labels
from adamx.numerics.random import KeyLike, random_key
from adamx.storage.block_sharding import begun, stepped
from adamx.storage.codec import Codec
from adamx.tree.kinds import call_of, kind_of, shown_value
from adamx.tree.leaves import is_array
from adamx.tree.pytree_dataclass import PytreeDataclass, replace
from adamx.types import Array, Param, Shared, Slots, StepResult

NONNEGATIVE = frozenset(
    {"delta", "mean_size", "mean_sq", "nu", "nu_max", "sum_sq", "var"}
)
"""The names of slots without negative numbers."""


class Encoding(PytreeDataclass):
    """The codec of each slot."""

    codec: Codec | None
    """The codec of slots that are not in `named`."""
    named: dict[str, Codec]
    min_size: int

    def of(self, name: str) -> Codec | None:
        """Return the codec of the slots of this name."""
        if name in self.named:
            return self.named[name]
        if self.codec is None or name not in NONNEGATIVE:
            return self.codec
        return self.codec.nonnegative()

    def on(self, name: str, slot: Any) -> Codec | None:
        """Return the codec of a slot, which may be abstract; None to leave it as is."""
        inexact = jnp.issubdtype(slot.dtype, jnp.inexact)
        return self.of(name) if inexact and slot.size >= self.min_size else None

    def encode(self, name: str, slot: Array, key: Array | None = None) -> Any:
        """Return `slot` encoded, or unchanged if it has no codec."""
        codec = self.on(name, slot)
        if codec is None:
            return slot
        return codec.encode(_as_floats(slot), key if codec.draws else None)

    def decode(self, name: str, as_was: Any, kept: Any) -> Any:
        """Decode `kept` into an array of the shape and dtype of `as_was`."""
        codec = self.on(name, as_was)
        if codec is None:
            return kept
        pair = jnp.issubdtype(as_was.dtype, jnp.complexfloating)
        shape = (2, *as_was.shape) if pair else as_was.shape
        return _as_slot(codec.decode(kept, shape), as_was.dtype)

    def encoded(self, slots: Slots, key: Array | None = None) -> Slots:
        """Encode `slots`, dicts nested by name."""
        pairs, structure = jax.tree_util.tree_flatten_with_path(slots)
        keys = [
            None if key is None else jax.random.fold_in(key, i)
            for i in range(len(pairs))
        ]
        return structure.unflatten(
            self.encode(_slot_name(path), x, chance)
            for (path, x), chance in zip(pairs, keys, strict=True)
        )

    def decoded(self, slots: Slots, like: Slots) -> Slots:
        """Decode `slots` into the shapes and dtypes of `like`."""
        pairs, structure = jax.tree_util.tree_flatten_with_path(like)
        kept = structure.flatten_up_to(slots)
        return structure.unflatten(
            self.decode(_slot_name(path), was, x)
            for (path, was), x in zip(pairs, kept, strict=True)
        )


def _slot_name(path: Sequence[Any]) -> str:
    """Return the name of the slot that contains an array, directly or in a tuple."""
    return next(k.key for k in reversed(path) if isinstance(k, jax.tree_util.DictKey))


NEVER = 2**62
"""A `min_size` above the size of any leaf, so that nothing is encoded."""


def with_min_size(tree: Any, min_size: Callable[[Encoding], int]) -> Any:
    """Replace `min_size` in each `Encoding` of a rule or of pieces."""

    def changed(x: Any) -> Any:
        return replace(x, min_size=min_size(x)) if isinstance(x, Encoding) else x

    return jax.tree.map(changed, tree, is_leaf=lambda x: isinstance(x, Encoding))


def _as_floats(slot: Array) -> Array:
    """Return `slot` in float32; a first axis has the two parts of complex numbers."""
    if jnp.iscomplexobj(slot):
        slot = jnp.stack([slot.real, slot.imag])
    return slot.astype(jnp.float32)


def _as_slot(x: Array, dtype: Any) -> Array:
    if jnp.issubdtype(dtype, jnp.complexfloating):
        real = jnp.finfo(dtype).dtype
        return jax.lax.complex(x[0].astype(real), x[1].astype(real))
    return x.astype(dtype)


class Stored(RuleWrapper):
    """Apply rules in series, and encode their slots between steps."""

    # because the numbers of a block share a scale
    locality = "leaf"

    encoding: Encoding
    key: KeyLike

    def slots(self, param: Array) -> Slots:
        # Without the barrier XLA would encode the zeros by constant folding, which
        # makes compilation slow.
        first = jax.lax.optimization_barrier(self.inner.slots(param))
        return begun(self.encoding.encoded, first, param)

    def start(self) -> Shared:
        key = {"rng_key": random_key(self.key)} if self._draws() else {}
        return {**super().start(), **key}

    def advance(self, shared: Shared, *_: Any, **extra: Any) -> Shared:
        if "rng_key" not in shared:
            return shared
        kept, noise = jax.random.split(shared["rng_key"])
        return {**shared, "rng_key": kept, "noise": noise}

    def changes(self) -> bool:
        return is_array(self.key)

    def resolve(self, shared: Shared) -> Rule:
        rule = super().resolve(shared)
        # Only `start` reads this field, because a step reads the key in the state.
        return replace(rule, key=0) if is_array(self.key) else rule

    def _draws(self) -> bool:
        names = {path[-1] for path in StateLayout.of(self.inner).paths}
        return any(codec.draws for n in names if (codec := self.encoding.of(n)))

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return stepped(Stored._step, self, g, slots, shared, param)

    def _step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        owner = jax.ShapeDtypeStruct(g.shape, g.dtype)
        like = jax.eval_shape(self.inner.slots, owner)
        whole = self.encoding.decoded(slots, like)
        u, new = self.inner.step(g, whole, shared, param)
        new = jax.tree.map(lambda n, o: n.astype(o.dtype), new, like)
        return u, self.encoding.encoded(new, shared.get("noise"))


@transform
def stored(
    inner: TransformLike,
    codec: Codec | None = None,
    *,
    min_size: NonNegativeInteger = 4096,
    exclude: Labels | None = None,
    key: KeyLike = 0,
    **codecs: Codec,
) -> Transform:
    """Encode the state of `inner` between steps: in 16, 8 or 4 bits a number.

    s ← encode(s′), where u, s′ = inner(g, decode(s))

    Arithmetic is in float32, and the update is computed before the new state is
    encoded. Slots that are never negative, such as averages of squares, get the
    unsigned form of `codec`: `stored(adam(1e-3), int8())` is
    `stored(adam(1e-3), mu=int8(), nu=uint8_root())`.

    Args:
        inner: a transform of rules of locality "element" or "leaf"; pieces without
            state may have any locality, as `clip_by_global_norm`.
        codec: the codec of all slots that are not named; None leaves them unencoded.
        min_size: arrays with fewer numbers stay float32.
        exclude: leaves that stay float32, such as embeddings: a tree of bools like the
            parameters (or a prefix of it), a function from the parameters to such a
            tree, or a function `(path, leaf) -> bool`.
        key: a random key or an integer seed, for codecs that draw.
        **codecs: codecs by the name of the slot.

    Returns:
        The transform; its state is that of `inner` under the name `stored`, and
        `rng_key` if a codec draws. An encoded slot is a dict of trees like the
        parameters: the outputs of the codec, such as `codes` and `scales`, and `array`
        for leaves that are not encoded. With `exclude` the state has two groups,
        `{"stored": {"False": …, "True": …}}`.

    Raises:
        TransformError: there is no slot of that name, a piece with a state has locality
            "tree" or is a wrapper, or an unsigned codec is given for all slots.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.stored(adamx.adam(1e-3), mu=adamx.int8(), nu=adamx.uint8_root())
        >>> params = {"w": jnp.ones((64, 64)), "b": jnp.ones(64)}
        >>> adamx.describe(tx, params).total.bytes_per_parameter < 2.3
        True
    """
    own = as_transform(inner)
    encoding = _checked(own, codec, codecs, min_size)
    piece = Stored(Series(()), encoding, key)
    return Transform.of(_pieces(own.plan, piece, exclude), NoCall())


def _pieces(plan: Plan, piece: Stored, exclude: Labels | None) -> tuple[Piece, ...]:
    """Return the pieces of `plan`; each run of rules becomes one `Stored`."""
    pieces: list[Piece] = []
    for together, found in itertools.groupby(plan.pieces, key=of_single_leaves):
        run = tuple(found)
        if not together:
            pieces += [(n, _inside(n, part, piece, exclude)) for n, part in run]
            continue
        series = Series(distinct(run))  # pyright: ignore[reportArgumentType]
        if any(piece.encoding.of(path[-1]) for path in StateLayout.of(series).paths):
            whole = replace(piece, inner=series)
            pieces.append(("stored", _excluding(exclude, whole, run)))
        else:
            pieces += run
    return tuple(pieces)


def _excluding(
    exclude: Labels | None, piece: Stored, run: tuple[Piece, ...]
) -> Rule | TreeTransform:
    if exclude is None:
        return piece
    parts = (False, Plan.of((("stored", piece),))), (True, Plan.of(run))
    return Partition("stored", exclude, parts)


def _inside(
    name: str, part: Rule | TreeTransform, piece: Stored, exclude: Labels | None
) -> Rule | TreeTransform:
    """Return `part`, a node or a rule of locality "tree", with its plans stored."""

    def again(plan: Plan) -> Plan:
        return Plan.of(_pieces(plan, piece, exclude))

    if isinstance(part, Freeze):
        return part
    if isinstance(part, Partition | TreeFork):
        if exclude is not None and isinstance(part, Partition):
            _refuse(name, "exclude inside a partition", "put stored inside of it")
        field = "parts" if isinstance(part, Partition) else "branches"
        plans = ((k, p and again(p)) for k, p in getattr(part, field))
        return replace(part, **{field: tuple(plans)})
    if isinstance(part, Rule):
        if StateLayout.of(part).paths:
            _refuse(name, "a rule of locality 'tree', which looks at all leaves")
        return part
    return _refuse(
        name,
        "a wrapper, or a pair from elsewhere",
        f"put stored inside of it, as in {name}(stored(…))",
    )


def _refuse(name: str, what: str, do: str | None = None) -> Any:
    raise TransformError(
        f"the state of {name} cannot be stored",
        piece=name,
        expected="rules of locality 'element' or 'leaf'",
        got=what,
        hint=do,
    )


def _checked(
    tx: Transform, codec: Codec | None, named: Mapping[str, Codec], min_size: int
) -> Encoding:
    for name, value in {"codec": codec, **named}.items():
        if not isinstance(value, Codec) and not (name == "codec" and value is None):
            raise TransformError(
                f"stored: {name} must be a codec, not {kind_of(value).text}",
                expected="a codec, as int8()",
                got=shown_value(value),
                hint=f"call it: {call_of(value)}" if callable(value) else None,
            )
    known = sorted(set(slot_names(tx.plan)))
    for name in named:
        if name not in known:
            raise TransformError(
                f"stored: nothing is kept under the name {name!r}",
                piece=repr(tx),
                expected=f"one of {', '.join(known) or 'nothing: it has no slots'}",
                got=repr(name),
                hint=nearest(name, known),
            )
    rest = [n for n in known if n not in named and n not in NONNEGATIVE]
    if codec is not None and not codec.signed and rest:
        raise TransformError(
            f"stored: {codec} keeps no signs",
            piece=repr(tx),
            expected="a codec with signs, or one for each slot by name",
            got=f"slots {', '.join(rest)}",
        )
    return Encoding(codec, dict(named), min_size)


def slot_names(plan: Plan) -> Iterator[str]:
    """Return the names of all slots of a plan."""
    for _, part in plan.pieces:
        if isinstance(part, Rule):
            yield from (path[-1] for path in StateLayout.of(part).paths)
        else:
            for inner in part.plans():
                yield from slot_names(inner)
