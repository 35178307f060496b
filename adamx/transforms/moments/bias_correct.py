"""Bias correction: by the answer to a constant one, whatever the average is."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from adamx.core.fork import as_rule
from adamx.core.rule import Identity, Live, Rule, Series, locality, walk
from adamx.core.transform import TransformLike, as_transform, transform
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import Finite
from adamx.numerics.dtypes import scalar_dtype
from adamx.types import Array, Hyper, Scalar, Shared, Slots


class Response(Rule):
    """Follows what `inner` would emit by now had every update been one.

    Two copies of one element of `inner` are kept, as two numbers for each of its
    slots. The first starts at 0 and is fed ones; it is exact early on, but in
    float32 it stops up to 2⁻²⁵/(1−b) short of 1. The second is the same shifted by
    one: it starts at −1 and is fed zeros, so that later on it holds the small distance
    to 1 to full precision. The shift is right where `is_average`.
    """

    inner: Series

    def parts(self) -> tuple[tuple[str, Rule], ...]:
        return self.inner.parts()

    def start(self) -> Shared:
        rows = jax.tree.leaves(self.inner.slots(_numbers(0.0, 0.0)))
        response = [_numbers(0.0, -1.0) for _ in rows]
        return {"response": response, **self.inner.start()}

    def respond(self, shared: Shared, extra: Mapping[str, Any]) -> tuple[Live, Scalar]:
        """`inner` as it acts in this step, and its response, from the last `shared`."""
        rest = {name: x for name, x in shared.items() if name != "response"}
        live = self.inner.tick(rest, extra)
        slots = jax.tree.structure(self.inner.slots(_numbers(0.0)))
        slots = slots.unflatten(shared["response"])
        emitted, new = live.rule.step(_numbers(1.0, 0.0), slots, live.view, None)
        kept = jax.tree.leaves(new)
        early, late = jax.lax.split(emitted * live.gain, (1, 1))
        if is_average(self.inner):
            early = jax.lax.select(late > -0.5, 1 + late, early)
        response = jax.lax.squeeze(early, [0])
        return live._replace(shared={"response": kept, **live.shared}), response


def is_average(rule: Rule) -> bool:
    """Whether `rule` is averages in series and nothing else; see `Rule.averages`."""
    if isinstance(rule, Series):
        return all(is_average(part) for _, part in rule.rules)
    return rule.averages


def _numbers(*values: float) -> Array:
    return jnp.array(values, scalar_dtype())


class BiasCorrect(Response):
    def degree(self) -> int | None:
        return self.inner.degree()

    def slots(self, param: Array) -> Slots:
        return self.inner.slots(param)

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> Live:
        live, response = self.respond(shared, extra)
        return live._replace(gain=live.gain / response)


@transform
def bias_correct(tx: TransformLike) -> BiasCorrect:
    """Divide what `tx` emits by its response to a constant one.

    u = tx(g) / tx(1)

    A moving average that starts at zero is too small at first: after t steps its
    weights add up to 1 − bᵗ. That sum is what it answers to a constant one, so that is
    what to divide by, for any average: with a scheduled decay, of an average, or under
    a running maximum, as in AMSGrad.

    Args:
        tx: a transform made of elementwise rules that need no parameters.

    Returns:
        The transform; its state is that of `tx` and `response`, two numbers for each
        of its slots.

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

    def start(self) -> Shared:
        scheduled = Rule.start(self)
        return super().start() | ({"power": scheduled} if scheduled else {})

    def tick(self, shared: Shared, extra: Mapping[str, Any]) -> Live:
        mine = Rule.tick(self, shared.get("power", {}), extra)
        assert isinstance(mine.rule, ScaleByResponse)
        rest = {name: x for name, x in shared.items() if name != "power"}
        live, response = mine.rule.respond(rest, extra)
        next_ = live.shared | ({"power": mine.shared} if mine.shared else {})
        return Live(Identity(), response**mine.rule.power, next_, {})


@transform
def scale_by_response(tx: TransformLike, power: Finite = 1.0) -> ScaleByResponse:
    """Multiply by a power of the response of `tx` to a constant one.

    u = tx(1)^p · g

    The gradients themselves do not go through `tx`. It spells bias corrections that
    stand elsewhere than on the average: the √(1−b2ᵗ) in the step size of Adam's ε̂
    form is `scale_by_response(second_moment(b2), 0.5)`.

    Args:
        tx: a transform made of elementwise rules that need no parameters.
        power: p, a finite number or traced scalar.

    Returns:
        The transform; its state is `response`, two numbers for each slot of `tx`.

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
    if any(part.needs_params or part.needs_trees for _, part in walk("", rule)):
        raise TransformError(f"{piece}: it has no parameters to give", piece=repr(tx))
    return rule
