"""Bias correction of any average: division by its weight sum."""

from collections.abc import Mapping
from functools import cached_property, reduce
from operator import getitem
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.fork import as_rule
from adamx.core.rule import OverLeaves, Rule, Series, iter_rules, locality
from adamx.core.rule_wrapper import RuleWrapper
from adamx.core.transform import TransformLike, as_transform, transform
from adamx.errors import TransformError
from adamx.execution.slot_table import Parts, Path, put
from adamx.hyperparameters.hyper import Finite
from adamx.numerics.arithmetic import plus, times
from adamx.numerics.dtypes import scalar_dtype
from adamx.tree.paths import PyTreeDef
from adamx.types import Array, Hyper, Param, Shared, Slots, StepResult


class Response(RuleWrapper):
    """Compute the weight sum of `inner`: its output if all updates had been one.

    `inner` also runs on two scalars. The first starts at 0 and gets ones. It is precise
    in early steps, but in float32 it stops up to 2⁻²⁵/(1−b) below 1. The second equals
    the first minus one: it starts at −1 and gets zeros, so that in late steps it has
    the small distance to 1 at full precision. It needs `is_average`.
    """

    inner: Series

    @cached_property
    def _outline(self) -> tuple[PyTreeDef, dict[str, list[Path]]]:
        """Return the structure of the slots of `inner`, and paths of its scalars."""
        slots = Parts.of(self.inner.slots(jnp.zeros((), scalar_dtype())))
        kinds = (SUM, SHIFTED) if is_average(self.inner) else (SUM,)
        return slots.container, {
            kind: [(*path[:-1], f"{path[-1]}_{kind}") for path in slots.names]
            for kind in kinds
        }

    def start(self) -> Shared:
        shared, dtype = super().start(), scalar_dtype()
        for kind, paths in self._outline[1].items():
            for path in paths:
                put(shared, path, jnp.array(STARTS[kind], dtype))
        return shared

    def advance_all(
        self, shared: Shared, extra: Mapping[str, Any], over_leaves: OverLeaves
    ) -> Shared:
        seen = super().advance_all(shared, extra, over_leaves)
        inner, (structure, kinds) = self.inner.resolve(seen), self._outline
        emitted, dtype = {}, scalar_dtype()
        for kind, paths in kinds.items():
            slots = structure.unflatten([reduce(getitem, p, shared) for p in paths])
            # Ones for the sum itself, and zeros for the sum minus one.
            given = jnp.array(STARTS[kind] + 1, dtype)
            emitted[kind], slots = inner.step(given, slots, seen, None)
            for (*path, name), x in zip(paths, jax.tree.leaves(slots), strict=True):
                reduce(getitem, path, seen)[name] = x
        total = emitted[SUM]
        if SHIFTED in emitted:
            late = emitted[SHIFTED]
            total = jax.lax.select(late > -0.5, plus(late, 1.0), total)
        if self._of_the_past:
            seen[NOTHING] = total == 0
        return {**seen, RESPONSE: total}

    @cached_property
    def _of_the_past(self) -> bool:
        """Return whether `inner` emits its state before the step, at first nothing."""
        return any(getattr(rule, "past", False) for _, rule in iter_rules("", self))


SUM, SHIFTED = "weight_sum", "weight_sum_minus_one"
"""The suffixes of the two scalars that the state keeps for each slot of `inner`."""

STARTS = {SUM: 0.0, SHIFTED: -1.0}
"""The first values of the scalars."""

RESPONSE = "response"
"""The weight sum of this step, for `step`."""

NOTHING = "nothing"
"""Whether the output of `inner` contains no update yet, as in the first step."""


def is_average(rule: Rule) -> bool:
    """Return whether `rule` consists of averages in series; see `Rule.averages`."""
    if isinstance(rule, Series):
        return all(is_average(part) for _, part in rule.rules)
    return rule.averages


class BiasCorrect(Response):
    def degree(self) -> int | None:
        return self.inner.degree()

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        u, slots = self.inner.step(g, slots, shared, param)
        if NOTHING not in shared:
            return times(u, jax.lax.integer_pow(shared[RESPONSE], -1)), slots
        # A moment without any update is ∞, so that a quotient over it is zero.
        none = shared[NOTHING]
        weight = jnp.where(none, 1, shared[RESPONSE])
        return jnp.where(none, jnp.inf, u / weight), slots


@transform
def bias_correct(tx: TransformLike) -> BiasCorrect:
    """Divide the output of `tx` by its weight sum.

    u = tx(g) / tx(1)

    A moving average that starts at zero is too small at first: after t steps its
    weights add up to 1 − bᵗ. The weight sum is the output of `tx` if all updates are
    one, so it is correct for any average: with a scheduled decay, of another average,
    or under a running maximum, as in AMSGrad.

    Args:
        tx: a transform made of elementwise rules that need no parameters.

    Returns:
        The transform; its state is that of `tx`, and two scalars for each slot, such as
        `mu`: `mu_weight_sum`, 1 − bᵗ for a moving average, and
        `mu_weight_sum_minus_one`, −bᵗ, which is precise when it is small.

    Raises:
        TransformError: `tx` is not elementwise, or needs the parameters.

    Reference:
        Kingma & Ba, "Adam", 2015, arXiv:1412.6980, section 3, for the moving average.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.bias_correct(adamx.scale_by_momentum(0.75))
        >>> updates, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
        >>> float(updates)
        4.0
    """
    return BiasCorrect(_elementwise("bias_correct", tx))


class ScaleByResponse(Response):
    power: Hyper

    def slots(self, param: Array) -> Slots:
        return {}

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
        return g * shared[RESPONSE] ** self.power, slots


@transform
def scale_by_response(tx: TransformLike, power: Finite = 1.0) -> ScaleByResponse:
    """Multiply by a power of the weight sum of `tx`; see `bias_correct`.

    u = tx(1)^p · g

    The gradients do not go through `tx`. Use it for a bias correction that is not
    applied to the average itself: the √(1−b2ᵗ) in the step size of Adam's ε̂ form is
    `scale_by_response(second_moment(b2), 0.5)`.

    Args:
        tx: a transform made of elementwise rules that need no parameters.
        power: p, a finite number or traced scalar.

    Returns:
        The transform; its state is that of `bias_correct`, without the slots of `tx`.

    Raises:
        TransformError: `tx` is not elementwise, or needs the parameters.

    Reference:
        Kingma & Ba, "Adam", 2015, arXiv:1412.6980, end of section 2.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_response(adamx.second_moment(0.75), 0.5)
        >>> float(tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))[0])
        2.0
    """
    return ScaleByResponse(_elementwise("scale_by_response", tx), power)


def _elementwise(piece: str, tx: TransformLike) -> Series:
    rule = as_rule(as_transform(tx).plan)
    if rule is None or locality(rule) != "element":
        raise TransformError(
            f"{piece} needs a transform that acts on each number on its own",
            piece=repr(tx),
            expected="rules of locality 'element'",
            got="a foreign pair, a split, or a rule that needs a whole array or tree",
        )
    if any(part.needs_params or part.needs_trees for _, part in iter_rules("", rule)):
        raise TransformError(f"{piece}: it has no parameters to give", piece=repr(tx))
    return rule
