"""Optax's calls in the namespace take the steps that Optax takes."""

import functools
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adamx import optax as ours
from tests.tiers import full

theirs = pytest.importorskip("optax")

PARAMS = {"w": jnp.linspace(-1.0, 1.0, 12).reshape(3, 4), "b": jnp.array([0.5, -2.0])}
GRADS = [
    jax.tree.map(lambda p, k=k: jnp.sin(3 * p + k) + 0.1 * p, PARAMS) for k in range(5)
]
RATE = "o.linear_schedule(0.1, 0.01, 4)"
CALLS = [
    "o.adam(0.1)",
    "o.adam(0.1, 0.8, 0.95, 1e-6, 1e-9, jnp.bfloat16, nesterov=True)",
    "o.adam(0.1, mu_dtype='float16')",
    f"o.adam({RATE}, mu_dtype=jnp.float32)",
    "o.adamw(0.1, 0.9, 0.99, 1e-8, 0.0, jnp.bfloat16, 0.1, {'w': True, 'b': False})",
    "o.adamw(0.1, weight_decay=0.1, nesterov=True)",
    "o.nadam(0.1, mu_dtype=jnp.bfloat16)",
    "o.nadam(0.1, nesterov=False)",
    "o.nadamw(0.1, 0.9, 0.99, 1e-8, 0.0, None, 0.1)",
    "o.amsgrad(0.1)",
    "o.amsgrad(0.1, bias_correction_mu=False, bias_correction_nu=False)",
    "o.adan(0.1, weight_decay=0.1)",
    "o.adabelief(0.1)",
    "o.adabelief(0.1, nesterov=True)",
    "o.adadelta()",
    "o.adadelta(0.1, weight_decay=0.1)",
    "o.adafactor(0.1, 2, momentum=0.9, dtype_momentum=jnp.bfloat16)",
    "o.adafactor(0.1, factored=False)",
    "o.lion(0.1, 0.9, 0.99, jnp.bfloat16, 0.1)",
    "o.scale_by_lion(mode='smooth')",
    "o.sgd(0.1, 0.9, True, jnp.bfloat16)",
    "o.sgd(0.1, accumulator_dtype=jnp.bfloat16)",
    "o.signum(0.1, beta=0.8)",
    "o.optimistic_adam(0.1, mu_dtype=jnp.bfloat16)",
    "o.optimistic_adam_v2(0.1, alpha=0.5, beta=0.7)",
    "o.rprop(0.1)",
    "o.sm3(0.1)",
    "o.scale_by_sm3(0.9, 0.99)",
    "o.yogi(0.1)",
    "o.lamb(0.1)",
    "o.lars(0.1)",
    "o.novograd(0.1)",
    "o.radam(0.1)",
    "o.rmsprop(0.1, momentum=0.9)",
    "o.fromage(0.1)",
    "o.adamax(0.1)",
    "o.adamaxw(0.1, weight_decay=0.1)",
    "o.chain(o.scale_by_adam(mu_dtype=jnp.bfloat16), o.scale_by_learning_rate(0.1))",
    "o.chain(o.trace(0.9, False, jnp.bfloat16), o.scale_by_learning_rate(None))",
    "o.chain(o.scale_by_adan(), o.scale(-0.1))",
    "o.chain(o.ema(0.9, True, jnp.bfloat16), o.scale(-0.1))",
    "o.chain(o.scale_by_novograd(mu_dtype=jnp.bfloat16), o.scale(-0.1))",
    "o.chain(o.scale_by_adam(), o.scale_by_schedule(lambda count: -0.1 / (1 + count)))",
    "o.chain(o.clip_by_global_norm(0.5), o.add_decayed_weights(0.1), o.sgd(0.1))",
    "o.named_chain(('clip', o.clip(0.5)), ('sgd', o.sgd(0.1, 0.9)))",
    "o.multi_transform({'a': o.adam(0.1), 'b': o.sgd(0.5)}, {'w': 'a', 'b': 'b'})",
    "o.partition({'a': o.adam(0.1), 'b': o.set_to_zero()}, {'w': 'a', 'b': 'b'})",
    "o.masked(o.adam(0.1), {'w': True, 'b': False})",
    "o.masked(o.scale_by_adam(), lambda p: jax.tree.map(lambda x: x.ndim > 1, p))",
    "o.apply_if_finite(o.adam(0.1), 3)",
    "o.MultiSteps(o.adam(0.1), 2)",
    "o.MultiSteps(o.chain(o.clip(1.0), o.adam(0.1)), 2).gradient_transformation()",
    "o.MultiSteps(o.sgd(0.1), lambda step: 1 + step, use_grad_mean=False)",
    "o.MultiSteps(o.adam(0.1), 2, should_skip_update_fn=o.skip_not_finite)",
    "o.MultiSteps(o.sgd(0.1), 2, should_skip_update_fn=functools.partial("
    "o.skip_large_updates, max_squared_norm=4.0))",
    "o.inject_hyperparams(o.adam)(0.1)",
    f"o.inject_hyperparams(o.adamw, 'mu_dtype')({RATE}, mu_dtype=jnp.float32)",
    "o.conditionally_mask(o.sgd(0.1), lambda step: step % 2 == 0)",
    "o.conditionally_transform(o.sgd(0.1), lambda step: step % 2 == 0)",
    "o.stateless(lambda g, p: jax.tree.map(lambda g, p: g - 0.1 * p, g, p))",
    "o.stateless_with_tree_map(lambda g, p: g - 0.1 * p)",
    "o.GradientTransformation(o.adam(0.1).init, o.adam(0.1).update)",
    "o.lookahead(o.sgd(0.1), 2, 0.5)",
    "o.contrib.ademamix(0.1, mu_dtype=jnp.float32)",
    "o.contrib.adopt(0.1, nesterov=True)",
    "o.contrib.adopt(0.1, mu_dtype=jnp.bfloat16)",
    "o.contrib.prodigy(0.1, betas=(0.8, 0.99))",
    "o.contrib.dadapt_adamw(0.1, betas=(0.8, 0.99))",
    "o.contrib.dog(1.0)",
    "o.contrib.muon(0.1)",
    "o.contrib.muon(0.1, ns_steps=4, adam_learning_rate=0.01, weight_decay=0.1)",
    "o.contrib.muon(0.1, nesterov=False, consistent_rms=0.2)",
    "o.contrib.muon(0.1, adaptive=True)",
    "o.contrib.schedule_free_adamw(0.1)",
    "o.contrib.schedule_free_sgd(0.1, state_dtype=jnp.float32)",
]
QUICK = 3
"""One call of so many is tried in the quick tier."""


def made(call: str, namespace: Any) -> Any:
    names = {"o": namespace, "jnp": jnp, "jax": jax, "functools": functools}
    return eval(call, names)


def path(o: Any, call: str) -> list[Any]:
    """Return the parameters after each step."""
    tx, params = made(call, o), PARAMS
    if "lookahead" in call:
        params = theirs.LookaheadParams.init_synced(params)
    state = tx.init(params)
    update = jax.jit(tx.update)
    found = []
    for grads in GRADS:
        updates, state = update(grads, state, params)
        params = o.apply_updates(params, updates)
        found.append(params)
    return found


@pytest.mark.parametrize(
    "call", [call if i % QUICK == 0 else full(call) for i, call in enumerate(CALLS)]
)
def test_steps_are_those_of_optax(call):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*optimistic_adam", DeprecationWarning)
        expected = path(theirs, call)
    got = path(ours, call)
    # Optax corrects the bias in float32, which is off by 1e-5 of a step.
    near = 5e-5
    if "float16" in call:
        # It rounds a moment of 16 bits twice a step, and adamx once.
        near = 3 * len(GRADS) * (2.0**-9 if "bfloat16" in call else 2.0**-12)
    for ours_now, theirs_now in zip(got, expected, strict=True):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=near, atol=near),
            ours_now,
            theirs_now,
        )


SIXTEEN = [
    "o.adafactor(0.1, momentum=0.9, dtype_momentum={})",
    "o.amsgrad(0.1, mu_dtype={})",
    "o.contrib.adopt(0.1, mu_dtype={})",
    "o.contrib.muon(0.1, mu_dtype={})",
    "o.contrib.scale_by_muon(mu_dtype={})",
    "o.ema(0.9, accumulator_dtype={})",
    "o.lion(0.1, mu_dtype={})",
    "o.nadamw(0.1, mu_dtype={})",
    "o.optimistic_adam(0.1, mu_dtype={})",
    "o.optimistic_adam_v2(0.1, mu_dtype={})",
    "o.scale_by_adam(mu_dtype={})",
    "o.scale_by_amsgrad(mu_dtype={})",
    "o.scale_by_lion(mu_dtype={})",
    "o.scale_by_novograd(mu_dtype={})",
    "o.sgd(0.1, 0.9, accumulator_dtype={})",
    "o.signum(0.1, accumulator_dtype={})",
    "o.trace(0.9, accumulator_dtype={})",
]


@pytest.mark.parametrize("call", SIXTEEN)
def test_a_dtype_is_that_of_one_moment(call):
    matrix = {"w": jnp.ones((2, 3))}

    def count(dtype: str) -> dict[str, int]:
        """Return how many trees like the parameters the state has, by dtype."""
        state = jax.eval_shape(made(call.format(dtype), ours).init, matrix)
        sizes = [x.dtype.name for x in jax.tree.leaves(state) if x.size == 6]
        return {name: sizes.count(name) for name in sizes}

    single = count("None")
    assert [*single] == ["float32"]
    assert count("jnp.float32") == count("float") == single
    for dtype in ("bfloat16", "float16"):
        mixed = count(repr(dtype))
        assert mixed == count(f"jnp.{dtype}")
        assert mixed.pop(dtype) == 1
        assert mixed.get("float32", 0) == single["float32"] - 1
