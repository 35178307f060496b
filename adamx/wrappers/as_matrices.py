"""All leaves as matrices, for pieces that act on those."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp

from adamx.core.chain import chain
from adamx.core.partition import split
from adamx.core.transform import Transform, TransformLike, as_transform, transform
from adamx.core.wrapper import Wrapper, around
from adamx.errors import TransformError
from adamx.execution.lift import Lifted, cast_node
from adamx.execution.plan import Plan
from adamx.hyperparameters.labels import Labels
from adamx.hyperparameters.user_code import OF_STRUCTURE, user_code
from adamx.linalg.kinds import through
from adamx.linalg.matrix_view import MatrixView, View, matrix_view
from adamx.tree.callables import is_function
from adamx.tree.paths import flatten, key_paths, simple_paths, structure
from adamx.types import Params, PyTree, State, Updates

Views: TypeAlias = list[MatrixView | None]
"""One for each leaf; None where there is none."""


class AsMatrices(Wrapper):
    """Lets `plan` act on matrices; paths and the structure of trees stay."""

    keeps_degree: ClassVar[bool] = True

    view: View

    def inside(self, params: Params) -> dict[str, tuple[Plan, Params]]:
        return {"inner": (self.plan, _abstract(params, self._views(params)))}

    def init(self, params: Params) -> dict[str, Any]:
        self._checked().init(params)
        views, there = self._views(params), jax.tree.leaves(params)
        abstract = any(isinstance(x, jax.ShapeDtypeStruct) for x in there)
        seen = _abstract(params, views) if abstract else _seen(params, views)
        return self._joined({}, self.plan.init(seen))

    def act(
        self,
        updates: Updates,
        mine: dict[str, Any],
        inner: State,
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any], State]:
        updates, _ = self._checked().apply(updates, {}, params, {})
        like = updates if params is None else params
        views = self._views(like)

        def given(name: str, x: Any) -> Any:
            if is_function(x, like):
                return _of_matrices(name, x, like, views)
            return _alike(name, x, like, views)

        owners = None if params is None else _seen(params, views)
        extra = {name: given(name, x) for name, x in extra.items()}
        out, inner = self.plan.apply(_seen(updates, views), inner, owners, extra)
        return _back(out, like, views), {}, inner

    def _checked(self) -> Lifted:
        return cast_node(self.name)

    def _views(self, like: Params) -> Views:
        leaves, paths = flatten(like)[0], simple_paths(like)

        def view(i: int, leaf: Any) -> MatrixView:
            shape = jnp.shape(leaf)
            with user_code("view", self.name, OF_STRUCTURE):
                found = self.view(paths[i], shape)
            if isinstance(found, MatrixView) and found.fits(shape):
                return found
            raise TransformError(
                "a view does not fit its leaf",
                where=key_paths(like)[i],
                piece=self.name,
                expected=f"a MatrixView of {len(shape)} axes, each named once, whose "
                "parts, if any, add up to the length of their axis",
                got=f"{found} for shape {shape}",
            )

        return [None if x is None else view(i, x) for i, x in enumerate(leaves)]


def _seen(tree: PyTree, views: Views) -> PyTree:
    """A tree with matrices for arrays."""
    return _by_part(tree, views, lambda x, view: view.cut(jnp.asarray(x)))


def _abstract(tree: PyTree, views: Views) -> PyTree:
    """As `_seen`, of the shapes alone."""

    def shapes(x: Any, view: MatrixView) -> list[jax.ShapeDtypeStruct]:
        dtype = jnp.result_type(x)
        return [jax.ShapeDtypeStruct(s, dtype) for s in view.shapes(jnp.shape(x))]

    return _by_part(tree, views, shapes)


def _by_part(
    tree: PyTree, views: Views, cut: Callable[[Any, MatrixView], list[Any]]
) -> PyTree:
    """`tree` with what `cut` makes of each leaf.

    Where some view has parts there is a tree for each number of a part, by name, with
    None where a leaf has fewer: in a state the tree of the user must stay innermost.
    """
    leaves, treedef = flatten(tree)
    rows = [
        None if x is None or view is None else cut(x, view)
        for x, view in zip(leaves, views, strict=True)
    ]
    names = _part_names(views)
    trees = [
        treedef.unflatten([row[k] if row and k < len(row) else None for row in rows])
        for k in range(max(len(names), 1))
    ]
    return dict(zip(names, trees, strict=True)) if names else trees[0]


def _part_names(views: Views) -> list[str]:
    """The names of the trees of parts; none where no view has parts."""
    number = max((len(v.parts) for v in views if v is not None), default=0)
    return [f"part_{k}" for k in range(number)]


def _back(tree: PyTree, like: Params, views: Views) -> PyTree:
    """A tree with arrays for matrices."""
    names = _part_names(views)
    trees = [tree[name] for name in names] if names else [tree]
    treedef = structure(like)
    columns = zip(*(flatten(part)[0] for part in trees), strict=True)
    whole: list[Any] = []
    for parts, p, view in zip(columns, flatten(like)[0], views, strict=True):
        there = [x for x in parts if x is not None]
        whole.append(view.join(there, jnp.shape(p)) if view and there else None)
    return treedef.unflatten(whole)


def _alike(name: str, x: Any, like: Params, views: Views) -> Any:
    """A tree of arrays like the parameters as matrices; what is none as it is."""
    # Where the parameters are one number, so is a loss, and stays one.
    if structure(x) != structure(like) or name.startswith("value"):
        return x
    pairs = zip(flatten(x)[0], flatten(like)[0], strict=True)
    there = ((a, p) for a, p in pairs if a is not None and p is not None)
    fits = all(jnp.shape(a) == jnp.shape(p) for a, p in there)
    return _seen(x, views) if fits else x


def _of_matrices(
    name: str, function: Callable[..., Any], like: Params, views: Views
) -> Callable[..., Any]:
    """`function`, of parameters as matrices; what is a tree of them comes as one."""

    def call(tree: Params, *args: Any, **kwargs: Any) -> Any:
        found = function(_back(tree, like, views), *args, **kwargs)
        return _alike(name, found, like, views)

    return call


@transform
def as_matrices(inner: TransformLike, view: View | None = None) -> Transform:
    """Let `inner` see each leaf as a matrix, or as an array of matrices.

    u = inner(g seen as (*batch, rows, cols)), seen as before

    Pieces that act on matrices, such as `orthogonalize`, act on the last two axes of
    what they are given. What the axes of a leaf are is for `view` to say, of its path
    and shape alone. Parameters, and arguments of update that are trees like them, are
    seen in the same way. Where a view has `parts`, `inner` sees trees like the
    parameters by the names part_0, part_1, …, each with one slice of the leaves.

    Args:
        inner: a transform.
        view: a function `(path, shape) -> MatrixView`, with paths like `layer/w`;
            `matrix_view` by default, `out_in_view` for kernels of Equinox and PyTorch.

    Returns:
        The transform; its state is `inner`, with arrays in the shapes of the matrices.

    Raises:
        TransformError: (when used) a view does not name each axis of its leaf once, or
            its parts do not add up.

    Reference:
        adamx's own; Optax's `muon` has `muon_weight_dimension_numbers`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.as_matrices(adamx.trace(0.5))
        >>> params = {"kernel": jnp.ones((3, 3, 8, 16))}
        >>> updates, state = tx.update(params, tx.init(params))
        >>> state["as_matrices"]["inner"]["trace"]["trace"]["kernel"].shape
        (72, 16)
        >>> updates["kernel"].shape
        (3, 3, 8, 16)
    """
    plan = as_transform(inner).plan
    return around(AsMatrices("as_matrices", plan, view or matrix_view))


def split_matrices(
    direction: Transform,
    plain: TransformLike,
    after: Sequence[Transform],
    matrices: Labels,
    view: View | None,
    rest: TransformLike | None,
) -> Transform:
    """`direction` of the leaves that are `matrices`, then what comes `after`.

    Of the others `rest`, or, if that is None, `plain` and the same after it.
    """
    chosen = chain(as_matrices(direction, view), *after)
    other = chain(plain, *after) if rest is None else rest
    return split(through(view, matrices), matrices=chosen, rest=other)
