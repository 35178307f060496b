"""View leaves as matrices, for rules that act on matrices."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.partition import split
from adamx.core.rule import Rule, iter_rules
from adamx.core.rule_wrapper import RuleWrapper, rule_inside
from adamx.core.transform import Transform, TransformLike, transform
from adamx.errors import TransformError
from adamx.hyperparameters.labels import Labels
from adamx.hyperparameters.user_code import OF_STRUCTURE, user_code
from adamx.linalg.kinds import through
from adamx.linalg.matrix_view import MatrixView, View, matrix_view
from adamx.tree.leaves import is_prng_key
from adamx.tree.pytree_dataclass import replace
from adamx.types import Array, Param, Shared, Slots, StepResult


class AsMatrices(RuleWrapper):
    """Apply `inner` to the matrices of a leaf."""

    locality = "leaf"
    needs_path = True

    view: View
    seen: MatrixView | None = None
    """The view of one leaf; None before `for_leaf`."""
    inners: tuple[Rule, ...] = ()
    """The rule for each part of the leaf, if `inner` depends on the path too."""

    def degree(self) -> int | None:
        return self.inner.degree()

    def for_leaf(
        self, path: str, shape: tuple[int, ...], where: Callable[[], str]
    ) -> Rule:
        with user_code("view", "as_matrices", OF_STRUCTURE):
            found = self.view(path, shape)
        if not isinstance(found, MatrixView) or not found.fits(shape):
            raise TransformError(
                "a view does not fit its leaf",
                where=where(),
                piece="as_matrices",
                expected=f"a MatrixView of {len(shape)} axes, each named once, whose "
                "parts, if any, add up to the length of their axis",
                got=f"{found} for shape {shape}",
            )
        inners: tuple[Rule, ...] = ()
        if any(rule.needs_path for _, rule in iter_rules("", self.inner)):
            shapes = found.shapes(shape)
            inners = tuple(self.inner.for_leaf(path, s, where) for s in shapes)
        return replace(self, seen=found, inners=inners)

    def resolve(self, shared: Shared) -> Rule:
        inners = tuple(rule.resolve(shared) for rule in self.inners)
        return replace(super().resolve(shared), inners=inners)

    def slots(self, param: Array) -> Slots:
        parts = enumerate(self._cut(param))
        return _joined([self._inner(k).slots(x) for k, x in parts])

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        matrices = self._cut(g)
        owners = [None] * len(matrices) if param is None else self._cut(param)
        updates, news = [], []
        for k, (x, owner) in enumerate(zip(matrices, owners, strict=True)):
            seen = self._of_part(shared, k, len(matrices), g.shape)
            u, new = self._inner(k).step(x, _part(slots, k), seen, owner)
            updates.append(u)
            news.append(new)
        assert self.seen is not None
        return self.seen.join(updates, g.shape), _joined(news)

    @cached_property
    def _trees(self) -> frozenset[str]:
        """Return the extra arguments that are trees like the parameters."""
        every = iter_rules("", self)
        return frozenset(name for _, rule in every for name in rule.needs_trees)

    def _inner(self, k: int) -> Rule:
        """Return the rule for the part `k` of a leaf."""
        return self.inners[k] if self.inners else self.inner

    def _cut(self, x: Array) -> list[Array]:
        """Return the matrices of an array; before `for_leaf`, the array itself."""
        return [x] if self.seen is None else self.seen.cut(x)

    def _of_part(
        self, shared: Shared, k: int, number: int, shape: tuple[int, ...]
    ) -> Shared:
        """Return `shared` for the part `k` of a leaf: trees cut, keys folded in."""
        trees = self._trees

        def seen(name: str, x: Any) -> Any:
            if isinstance(x, dict):
                return {n: seen(n, value) for n, value in x.items()}
            if name in trees and jnp.shape(x) == shape:
                return self._cut(x)[k]
            return jax.random.fold_in(x, k) if number > 1 and is_prng_key(x) else x

        return seen("", shared) if trees or number > 1 else shared


@jax.tree_util.register_pytree_with_keys_class
class Slices:
    """The slots of the parts of a leaf, named `part_0`, `part_1` and so on."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = tuple(parts)

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], None]:
        keys = (jax.tree_util.GetAttrKey(f"part_{k}") for k in range(len(self.parts)))
        return [*zip(keys, self.parts, strict=True)], None

    @classmethod
    def tree_unflatten(cls, _: None, parts: Sequence[Any]) -> "Slices":
        return cls(parts)


def _joined(each: list[Any]) -> Any:
    """Join the slots of the parts of a leaf into slots of the leaf."""
    first, *others = each
    if not others:
        return first
    if all(isinstance(x, dict) and x.keys() == first.keys() for x in each):
        return {name: _joined([x[name] for x in each]) for name in first}
    return Slices(each)


def _part(slots: Any, k: int) -> Any:
    """Return the slots of the part `k` of a leaf."""
    if isinstance(slots, dict):
        return {name: _part(x, k) for name, x in slots.items()}
    return slots.parts[k] if isinstance(slots, Slices) else slots


@transform
def as_matrices(inner: TransformLike, view: View | None = None) -> AsMatrices:
    """Apply `inner` to each leaf as a matrix, or as an array of matrices.

    u = inner(g as (*batch, rows, cols)), in the shape of g

    Pieces for matrices, such as `orthogonalize`, act on the last two axes of an array.
    `view` selects the rows and columns of a leaf, by its path and shape alone.
    Parameters, and extra arguments that are trees like them, are reshaped in the same
    way. A view with `parts` cuts the leaf, and `inner` acts on each slice.

    Args:
        inner: a transform of rules of locality "element" or "leaf". Put others, such as
            `clip_by_global_norm`, outside, where they have the same effect.
        view: a function `(path, shape) -> MatrixView`, with paths like `layer/w`;
            `matrix_view` by default, `out_in_view` for kernels of Equinox and PyTorch.

    Returns:
        A transform that keeps the state of `inner`, with arrays in the shapes of the
        matrices. Slots of a leaf with parts are trees `part_0`, `part_1`, ….

    Raises:
        TransformError: `inner` needs more than single arrays; or, when used, a view
            does not name each axis of its leaf once, or its parts do not add up.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.as_matrices(adamx.trace(0.5))
        >>> params = {"kernel": jnp.ones((3, 3, 8, 16))}
        >>> updates, state = tx.update(params, tx.init(params))
        >>> state["as_matrices"]["trace"]["trace"]["kernel"].shape
        (72, 16)
        >>> updates["kernel"].shape
        (3, 3, 8, 16)
    """
    return AsMatrices(rule_inside("as_matrices", inner), view or matrix_view)


def split_matrices(
    direction: Transform,
    plain: TransformLike,
    after: Sequence[Transform],
    matrices: Labels,
    view: View | None,
    rest: TransformLike | None,
) -> Transform:
    """Apply `direction` and `after` to the leaves in `matrices`, and `rest` to others.

    If `rest` is None, the others get `plain` and `after`.
    """
    chosen = chain(as_matrices(direction, view), *after)
    other = chain(plain, *after) if rest is None else rest
    return split(through(view, matrices), matrices=chosen, rest=other)
