"""Different transforms for different parts of a tree."""

from collections.abc import Hashable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from adamx.core.freeze import Freeze, fill_missing, select_leaves
from adamx.core.transform import TransformLike, as_transform, transform
from adamx.core.tree_transform import TreeTransform
from adamx.errors import TransformError, nearest
from adamx.execution.plan import Plan
from adamx.hyperparameters.keys import Keyed, key_of
from adamx.hyperparameters.labels import Labels, Masks, labels_of
from adamx.tree.kinds import kind_of, shown_value
from adamx.tree.paths import WIDTH, flatten, key_paths, simple_paths, structure
from adamx.tree.text import shortened
from adamx.types import Params, PyTree, Updates


class Partition(TreeTransform):
    """A plan for each label; the updates of a label with None pass unchanged."""

    name: str
    labels: Labels
    parts: tuple[tuple[Hashable, Plan | None], ...]

    def plans(self) -> tuple[Plan, ...]:
        return tuple(plan for _, plan in self.parts if plan is not None)

    def inside(self, params: Params) -> dict[str, tuple[Plan, Params]]:
        labels = self._labels(params)
        return {
            str(label): (plan, select_leaves(params, [x == label for x in labels]))
            for label, plan in self.parts
            if plan is not None
        }

    def init(self, params: Params) -> dict[str, Any]:
        parts = self.inside(params).items()
        states = {label: plan.init(seen) for label, (plan, seen) in parts}
        states = {label: state for label, state in states.items() if state}
        return {self.name: states} if states else {}

    def apply(
        self,
        updates: Updates,
        state: dict[str, Any],
        params: Params | None,
        extra: Mapping[str, Any],
    ) -> tuple[Updates, dict[str, Any]]:
        labels = self._labels(updates if params is None else params)
        leaves, treedef = flatten(updates)
        mine, new = state.get(self.name, {}), {}
        for label, plan in self.parts:
            if plan is None:
                continue
            chosen = [x == label for x in labels]
            owners = None if params is None else select_leaves(params, chosen)
            seen = fill_missing(extra, params, chosen)
            part = (
                select_leaves(updates, chosen),
                mine.get(str(label), {}),
                owners,
                seen,
            )
            out, kept = plan.apply(*part)
            if kept:
                new[str(label)] = kept
            rows = zip(treedef.flatten_up_to(out), leaves, chosen, strict=True)
            leaves = [u if yes else leaf for u, leaf, yes in rows]
        return treedef.unflatten(leaves), {self.name: new} if new else {}

    def _labels(self, params: Params) -> list[Any]:
        argument = "param_labels" if self.name == "partition" else "mask"
        labels = labels_of(self.labels, params, self.name, argument)
        known = dict(self.parts)
        leaves = zip(key_paths(params), flatten(params)[0], labels, strict=True)
        wrong = [(p, x) for p, leaf, x in leaves if leaf is not None and x not in known]
        if wrong:
            raise TransformError(
                "leaves have a label that no transform stands for",
                where=shortened(
                    [f"{path or 'the leaf'}: {x!r}" for path, x in wrong], WIDTH
                ),
                piece=self.name,
                expected=f"one of {shortened([*map(repr, known)], WIDTH)}",
                got=shortened(sorted({repr(x) for _, x in wrong}), WIDTH),
            )
        return labels


@transform
def partition(
    transforms: Mapping[Any, TransformLike], param_labels: Labels
) -> Partition:
    """Apply to each leaf the transform of its label.

    Args:
        transforms: transforms by label.
        param_labels: a tree of labels like the parameters (or a prefix of it), a
            function from the parameters to this tree, or a function
            `(path, leaf) -> label` with paths like `layer/w`. Functions may read
            structure, paths, shapes and dtypes, but no values.

    Returns:
        The transform; its state is `{"partition": {label: state}}`. Each transform
        gets its own leaves alone, so its norms do not include other leaves.

    Raises:
        TransformError: a leaf has a label that is not in `transforms`; the error
            lists all these leaves.

    Reference:
        The combinator is Optax's (`partition`, earlier `multi_transform`).

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> params = {"w": jnp.ones(3), "b": jnp.ones(3)}
        >>> tx = adamx.partition(
        ...     {"decayed": adamx.adamw(1e-3), "plain": adamx.adam(1e-3)},
        ...     lambda path, leaf: "plain" if path.endswith("b") else "decayed",
        ... )
        >>> sorted(tx.init(params)["partition"])
        ['decayed', 'plain']
    """
    items = _by_name("partition", "transforms", transforms)
    plans = ((label, as_transform(tx).plan) for label, tx in items)
    return Partition("partition", param_labels, tuple(plans))


def _by_name(piece: str, argument: str, transforms: Any) -> Iterable[tuple[Any, Any]]:
    """Return the items of `transforms`; raise an error if it is not a dict."""
    if not isinstance(transforms, Mapping):
        raise TransformError(
            f"{piece}: {argument} must be a dict, not {kind_of(transforms).text}",
            expected="transforms by label",
            got=shown_value(transforms),
            hint="{'decayed': adamx.adamw(1e-3), 'plain': adamx.adam(1e-3)}",
        )
    return transforms.items()


class Either(Keyed):
    """Labels by a mask: `yes` where it is true, and `no` elsewhere."""

    def __init__(self, mask: Labels, yes: Hashable, no: Hashable) -> None:
        self.mask, self.yes, self.no = mask, yes, no
        self.key = key_of((mask, yes, no))

    def __call__(self, params: Params) -> PyTree:
        held = labels_of(self.mask, params, "split", "matrices")
        return structure(params).unflatten([self.yes if x else self.no for x in held])


@transform
def split(mask: Labels, **two: TransformLike) -> Partition:
    """Apply one transform where the mask is true, and the other elsewhere.

    Its state is `{"split": {name: state}}`.
    """
    plans = tuple((label, as_transform(tx).plan) for label, tx in two.items())
    return Partition("split", Either(mask, *two), plans)


class ByPath(Keyed):
    """Labels by path: the one pattern that the path of each leaf matches."""

    def __init__(self, patterns: tuple[str, ...], rest: bool) -> None:
        self.patterns, self.rest = patterns, rest
        self.key = patterns, rest

    def __call__(self, params: Params) -> PyTree:
        leaves, treedef = flatten(params)
        paths = simple_paths(params)
        found = [[p for p in self.patterns if fnmatchcase(q, p)] for q in paths]
        rows = list(zip(paths, leaves, found, strict=True))
        several = [(q, ps) for q, leaf, ps in rows if leaf is not None and len(ps) > 1]
        none = [(q, ps) for q, leaf, ps in rows if leaf is not None and not ps]
        if several or (none and not self.rest):
            raise TransformError(
                "each leaf must be of one group",
                where=shortened(
                    [path or "the leaf" for path, _ in several or none], WIDTH
                ),
                piece="param_groups",
                expected=f"one of {shortened([*map(repr, self.patterns)], WIDTH)}"
                " to match",
                got=shortened(
                    [f"{q}: {ps or 'none'}" for q, ps in several or none], WIDTH
                ),
                hint=None if several else "give a transform for the rest: rest=…",
            )
        used = {pattern for ps in found for pattern in ps}
        unused = [pattern for pattern in self.patterns if pattern not in used]
        if unused and leaves:
            raise TransformError(
                "a group has no leaves",
                piece="param_groups",
                expected=f"a path that matches {unused[0]!r}",
                got=shortened(paths, WIDTH),
                hint=nearest(unused[0], paths),
            )
        return treedef.unflatten([ps[0] if ps else REST for ps in found])


REST = "rest"
"""The label of leaves that no pattern matches."""


@transform
def param_groups(
    groups: Mapping[str, TransformLike], rest: TransformLike | None = None
) -> Partition:
    """Apply to each leaf the transform whose pattern its path matches.

    Paths are like `encoder/layer_0/bias`. In a pattern, `*` and `**` match any
    characters, slashes included, `?` one character, `[ab]` an a or a b. Each leaf must
    match one pattern, and each pattern a leaf, so `init` finds a typing error.

    Args:
        groups: transforms by pattern, such as
            `{"*/bias": sgd(1e-2), "encoder/*/kernel": adamw(1e-3)}`.
        rest: the transform of leaves that no pattern matches; without it, these leaves
            are an error. `set_to_zero()`, or better `freeze`, leaves them unchanged.

    Returns:
        The transform; its state is `{"param_groups": {pattern: state}}`. Each
        transform gets its own leaves alone, so its norms do not include other leaves.

    Raises:
        TransformError: (by `init`) a leaf matches no pattern or several (the error
            lists all these leaves), or a pattern matches no leaf.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> layer = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
        >>> params = {"encoder": layer, "head": layer}
        >>> tx = adamx.param_groups(
        ...     {"*/bias": adamx.sgd(0.5), "encoder/kernel": adamx.lion(0.1)},
        ...     rest=adamx.adamw(1e-3),
        ... )
        >>> updates, state = tx.update(params, tx.init(params), params)
        >>> float(updates["head"]["bias"][0])
        -0.5
        >>> sorted(state["param_groups"])
        ['encoder/kernel', 'rest']
    """
    _by_name("param_groups", "groups", groups)
    labels = ByPath(tuple(groups), rest is not None)
    whole = {**groups, **({} if rest is None else {REST: rest})}
    plans = ((pattern, as_transform(tx).plan) for pattern, tx in whole.items())
    return Partition("param_groups", labels, tuple(plans))


@transform
def masked(inner: TransformLike, mask: Labels) -> Partition:
    """Apply `inner` where `mask` is true; pass the other updates on unchanged.

    The other updates are still gradients: they are added to the parameters unless a
    later piece changes them. To leave parameters unchanged, use `freeze`.

    Args:
        inner: the transform of the chosen leaves.
        mask: a tree of bools like the parameters (or a prefix of it), a function from
            the parameters to this tree, or a function `(path, leaf) -> bool`.

    Returns:
        The transform; its state is `{"masked": {"True": state}}`.

    Raises:
        TransformError: the mask has another structure, or is not of bools.

    Example:
        >>> import adamx
        >>> tx = adamx.masked(
        ...     adamx.add_decayed_weights(0.1), lambda path, leaf: leaf.ndim > 1
        ... )
    """
    plans = ((True, as_transform(inner).plan), (False, None))
    return Partition("masked", mask, plans)


@transform
def freeze(mask: Masks = True) -> Freeze:
    """Freeze the leaves where `mask` is true, from any position in a chain.

    A frozen leaf has a zero update and no state. No piece of the chain gets it, so it
    does not count in norms or weight decay. Integer leaves cannot be optimized, but
    can be frozen.

    An array of bools in a leaf's shape freezes single numbers, such as rows of an
    embedding. Their updates are zero, weight decay included. Every piece gets zeros for
    these parameters and their gradients, so they do not count in norms.

    Args:
        mask: a tree of bools or arrays of bools like the parameters (or a prefix of
            it), a function from the parameters to this tree, or a function of
            `(path, leaf)` that returns a bool or an array.

    Returns:
        A piece for a chain. If there are arrays of bools, its state holds them as
        `frozen`; otherwise it has no state.

    Raises:
        TransformError: the mask has another structure, or an array in it is not of
            bools in its leaf's shape.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> params = {"encoder": jnp.ones(2), "head": jnp.ones(2)}
        >>> tx = adamx.chain(
        ...     adamx.adamw(0.1), adamx.freeze({"encoder": True, "head": False})
        ... )
        >>> updates, state = tx.update(params, tx.init(params), params)
        >>> updates["encoder"].tolist()
        [0.0, 0.0]
        >>> rows = {"encoder": jnp.array([True, False]), "head": False}
        >>> tx = adamx.chain(adamx.sgd(0.5), adamx.freeze(rows))
        >>> updates, state = tx.update(params, tx.init(params), params)
        >>> updates["encoder"].tolist()
        [0.0, -0.5]
    """
    return Freeze("freeze", mask)
