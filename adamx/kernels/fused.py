"""`fused`: run elementwise rules in one loop over blocks of each leaf."""

import itertools
import math
from functools import partial
from typing import Annotated, Any, NoReturn

import jax
import jax.numpy as jnp

from adamx.core.rule import Rule, Series, iter_rules
from adamx.core.rule_wrapper import RuleWrapper
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.errors import TransformError
from adamx.execution.plan import Piece, Plan, distinct, of_single_leaves
from adamx.execution.state_layout import StateLayout
from adamx.hyperparameters.arguments import OneOf, PositiveInteger
from adamx.hyperparameters.call import NoCall
from adamx.hyperparameters.static import merge, split
from adamx.kernels.chunks import Cut, in_pallas, looped
from adamx.storage.block_sharding import stepped
from adamx.storage.stored import NEVER, Stored, with_min_size
from adamx.tree.leaves import is_prng_key
from adamx.tree.paths import describe
from adamx.tree.pytree_dataclass import replace
from adamx.types import Array, Param, Shared, Slots, StepResult

BACKENDS = ("pallas", "interpret", "loop")


class Fused(RuleWrapper):
    """Apply rules in series to one chunk of a leaf after the other."""

    inner: Series
    backend: str
    block: int
    span: int

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        if g.size < self.span:
            return self.inner.step(g, slots, shared, param)
        return stepped(Fused._step, self, g, slots, shared, param)

    def _step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        if jnp.iscomplexobj(g) and self.span > 1:
            _refuse(self, "a complex leaf, of two arrays", describe(g))
        cut = Cut.of(g.size, self.span, self.block)
        # `min_size` must compare with the size of the leaf, not with that of a chunk.
        inner = _of_leaf(self.inner, g.size)
        arrays, static = split((inner, shared))

        def outline(size: int) -> tuple[list[Any], Any]:
            chunk = jax.ShapeDtypeStruct((size,), g.dtype)
            return jax.tree.flatten(jax.eval_shape(inner.slots, chunk))

        def body(
            scalars: list[Array], read: list[Array], kept: list[Array]
        ) -> tuple[Array, list[Array]]:
            rule, view = merge(scalars, static)
            shapes, structure = outline(read[0].size)
            pairs = zip(kept, shapes, strict=True)
            mine = structure.unflatten([x.reshape(s.shape) for x, s in pairs])
            u, new = rule.step(read[0], mine, view, *(read[1:] or [None]))
            rows = zip(jax.tree.leaves(new), shapes, strict=True)
            return u.astype(g.dtype), [x.reshape(-1).astype(s.dtype) for x, s in rows]

        kept, read = jax.tree.leaves(slots), [g] if param is None else [g, param]
        shapes, _ = outline(cut.size)
        rows, rests = zip(
            *(cut.rows(x, (cut.size,)) for x in read),
            *(cut.rows(x, s.shape) for x, s in zip(kept, shapes, strict=True)),
            strict=True,
        )
        n = len(read)
        u, new = self._execution()(body, arrays, [*rows[:n]], [*rows[n:]])
        end, ends = u[:0], [x[:0] for x in new]
        if cut.rest:
            end, ends = body(arrays, [*rests[:n]], [*rests[n:]])
        triples = zip(new, ends, kept, strict=True)
        back = [cut.whole(*each) for each in triples]
        slots = jax.tree.unflatten(jax.tree.structure(slots), back)
        return cut.whole(u, end, g), slots

    def _execution(self) -> Any:
        backend = self.backend
        if backend == "loop":
            return looped
        if backend == "pallas" and jax.default_backend() == "cpu":
            raise TransformError(
                "Pallas makes no kernels for this platform",
                piece="fused",
                expected="a GPU or TPU",
                got=f"platform {jax.default_backend()!r}",
                hint="backend='loop', or 'interpret' to try the kernel out",
            )
        return partial(in_pallas, interpret=backend == "interpret")


class Add(Rule):
    """Emit the parameter after the update."""

    needs_params = True

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        assert param is not None
        return param + g, {}


def adding(plan: Plan) -> Plan | None:
    """Return `plan` with a last loop that emits the next parameters, or None.

    None means that the last piece is not a loop, or that leaves are frozen, because
    their zero updates are made outside of the loop.
    """
    name, last = plan.pieces[-1] if plan.pieces else ("", None)
    if plan.frozen or not isinstance(last, Fused):
        return None
    rules = Series((*last.inner.rules, ("add", Add())))
    return Plan.of((*plan.pieces[:-1], (name, replace(last, inner=rules))))


def _of_leaf(rule: Any, size: int) -> Any:
    """Return `rule` so that it encodes chunks if it encodes leaves of this size."""
    return with_min_size(rule, lambda x: 0 if size >= x.min_size else NEVER)


def _refuse(piece: Any, got: str, what: str) -> NoReturn:
    raise TransformError(
        "fused cuts leaves into chunks of numbers that are treated on their own",
        piece=str(piece),
        expected="rules of locality 'element', and codecs of blocks",
        got=f"{got}: {what}",
    )


@transform
def fused(
    inner: TransformLike,
    backend: Annotated[str, OneOf(BACKENDS)],
    *,
    block: PositiveInteger = 16384,
) -> Transform:
    """Run `inner` in one loop over blocks of each leaf and of its state.

    The gradient, the parameter and the slots are read once, block by block; the update
    and the next slots are written once. Decoding and encoding happen inside the loop.
    Temporaries take a few blocks at most.

    | backend | |
    |---|---|
    | `"pallas"` | one Pallas kernel, for GPUs and TPUs |
    | `"interpret"` | the same kernel, interpreted on any device, for tests |
    | `"loop"` | a loop of XLA, on any device |

    Args:
        inner: a transform of rules of locality "element", `stored` or not; other pieces
            must have no state, as `clip_by_global_norm`, and run outside of the loop.
        backend: one of the above; if it does not work here, no other is tried.
        block: the largest number of elements of a block. The rest of a leaf that is not
            a multiple of its block is computed after the loop.

    Returns:
        The transform; its state is that of `inner` under the name `fused`.

    Raises:
        TransformError: there is no such backend; a rule is not elementwise, draws
            random numbers or has a codec without blocks; or, in update, Pallas does not
            support the platform, or a leaf with encoded slots is complex.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.fused(adamx.adam(0.1), "interpret")
        >>> params = jnp.ones(1000)
        >>> updates, state = tx.update(params, tx.init(params))
        >>> round(float(updates[0]), 3)
        -0.1
    """
    pieces = _pieces(as_transform(inner).plan, backend, block)
    return Transform.of(pieces, NoCall())


def _pieces(plan: Plan, backend: str, block: int) -> tuple[Piece, ...]:
    """Return the pieces; each run of rules becomes one loop."""
    pieces: list[Piece] = []
    for together, run in itertools.groupby(plan.pieces, key=of_single_leaves):
        if together:
            series = Series(distinct(tuple(run)))  # pyright: ignore[reportArgumentType]
            span = math.lcm(*_spans(series))
            pieces.append(("fused", Fused(series, backend, block, span)))
            continue
        for name, piece in run:
            keeps = (
                StateLayout.of(piece).paths
                if isinstance(piece, Rule)
                else piece.plans()
            )
            if keeps:
                _refuse(name, "a piece that looks at whole trees", name)
            pieces.append((name, piece))
    return tuple(pieces)


def _spans(series: Series) -> list[int]:
    """Return 1, and for each codec how many numbers must stay in one chunk."""
    spans = [1]
    for name, rule in (pair for part in series.rules for pair in iter_rules(*part)):
        if isinstance(rule, Stored):
            for codec in _codecs(rule):
                if codec.span is None or codec.draws:
                    _refuse(name, "a codec without blocks, or that draws", repr(codec))
                spans.append(codec.span)
        elif rule.locality != "element":
            _refuse(name, "locality", repr(rule.locality))
    if any(map(is_prng_key, jax.tree.leaves(StateLayout.of(series).shared))):
        _refuse("fused", "random numbers", "each chunk would draw the same")
    return spans


def _codecs(rule: Stored) -> list[Any]:
    names = {path[-1] for path in StateLayout.of(rule.inner).paths}
    found = (rule.encoding.of(name) for name in names)
    return [codec for codec in found if codec is not None]
