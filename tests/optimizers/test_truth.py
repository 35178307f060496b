"""Every optimizer equals an independent implementation, and Adam the paper's loop."""

import importlib.metadata

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.testing import LAWS
from adamx.testing.laws.truth import double_precision, follower
from adamx.testing.single import builder_of
from tests.spec import live, references, subject
from tests.specs import RATE, SPECS

(TRUTH,) = (law for law in LAWS if law.name == "truth")


ROUNDED = {
    "pytorch_optimizer_kron": "the float32 noise of its golden data was drawn so",
    "sophia_h": "unoptimized, its float32 curvature is 1.7e-6 of a step away",
    "sophia_unusual": "as that of sophia_h",
}
"""What is compiled by default here, and why."""


def cases(specs):
    """The specs, each under its name."""
    optimized = pytest.mark.optimized
    return [
        pytest.param(s, id=s.name, marks=[optimized] * (s.name in ROUNDED))
        for s in specs
    ]


FIRST = {builder_of(spec.make()): spec.name for spec in reversed(SPECS)}.values()
"""For each builder the first of its specs."""

DEAR = ("psgd_kron_unusual", "shampoo_unusual", "soap_unusual")
"""Compiling them takes seconds."""

WITNESSES = ("lars_apart", "radam_paper", "sgd_dampening", "sgd_nesterov")
"""They alone notice one of the mutations in tests/mutants.py."""

FURTHER = [
    spec
    for spec in SPECS
    if spec.name in DEAR
    or not (spec.name in (*FIRST, *WITNESSES) or spec.name.endswith("_unusual"))
]
"""Other forms of an optimizer, and its twins in other libraries."""


@pytest.mark.parametrize("spec", cases(s for s in SPECS if s not in FURTHER))
def test_equals_oracle(spec):
    """In float32 the first form of each optimizer alone: others differ in numbers."""
    paths = references(spec)
    assert paths[0].path["matrix"].shape == (60, 3, 4)
    tried = subject(spec, *paths)
    if spec.name in FIRST:
        TRUTH.check(tried)
    else:
        double_precision(tried, follower(tried))


@pytest.mark.full
@pytest.mark.parametrize("spec", cases(s for s in SPECS if s.name not in FIRST))
def test_equals_oracle_in_both_precisions(spec):
    TRUTH.check(subject(spec, *references(spec)))


LIBRARIES = [spec for spec in SPECS if spec.library]


@pytest.mark.full
@pytest.mark.parametrize("spec", cases(LIBRARIES))
def test_equals_library_live(spec):
    try:
        importlib.metadata.version(spec.library)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{spec.library} is not installed; its golden data was compared")
    TRUTH.check(subject(spec, live(spec, 2)))


def numpy_adam(grads, b1=0.9, b2=0.999, eps=1e-8):
    """Algorithm 1 of Kingma & Ba, in float64; what is to be multiplied by -rate."""
    mu = nu = np.zeros(grads.shape[1:])
    for t, g in enumerate(grads.astype(np.float64), start=1):
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * g**2
        yield mu / (1 - b1**t) / (np.sqrt(nu / (1 - b2**t)) + eps)


def adam_directions(grads, dtype):
    tx = adamx.adam(RATE)

    def step(state, g):
        updates, state = tx.update(g, state)
        return state, updates

    start = tx.init(jnp.zeros(grads.shape[1:], dtype))
    return np.asarray(jax.lax.scan(step, start, jnp.asarray(grads))[1]) / -RATE


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e6])
def test_adam_equals_a_numpy_loop_over_3000_steps(scale):
    grads = np.random.default_rng(3).normal(size=(3000, 32)) * scale
    grads = grads.astype(np.float32)
    exact = np.stack([*numpy_adam(grads)])
    assert np.abs(adam_directions(grads, "float32") - exact).max() <= 1e-6


def test_adam_on_constant_gradients():
    """The hardest case for float32: each step is a whole learning rate long.

    ν is rounded in each step by at most 2⁻²⁴ of itself, uniformly: 2⁻²⁴/√3 on the
    average. A moving average adds up 1/(1−b²) ≈ 500 of these, the root halves the sum:
    σ = 3.9e-7, and 5σ = 1.9e-6 is not passed in 32 · 3,000 tries.
    """
    grads = np.random.default_rng(5).normal(size=(1, 32)).astype(np.float32)
    grads = np.broadcast_to(grads, (3000, 32))
    exact = np.stack([*numpy_adam(grads)])
    sigma = 2**-24 / 3**0.5 * (1 - 0.999**2) ** -0.5 / 2
    assert np.abs(adam_directions(grads, "float32") - exact).max() <= 5 * sigma


def test_adam_equals_a_numpy_loop_in_float64(x64):
    grads = np.random.default_rng(4).normal(size=(3000, 32))
    exact = np.stack([*numpy_adam(grads)])
    assert np.abs(adam_directions(grads, "float64") - exact).max() <= 1e-12


def test_bias_correction_stays_right_for_long():
    """After 10⁵ steps the response to one is one; a float32 power stops 3e-5 short."""
    tx = adamx.bias_correct(adamx.second_moment(0.999))

    def step(state, _):
        updates, state = tx.update(jnp.float32(1.0), state)
        return state, updates

    state, _ = jax.lax.scan(step, tx.init(jnp.float32(0)), length=100_000)
    nu = state["bias_correct"]["second_moment"]["nu"]
    updates, _ = tx.update(jnp.float32(1.0), state)
    # What is left is the stall of ν itself: nothing may be divided out any more.
    assert abs(float(updates) - float(nu)) <= 2**-23


def test_bias_correction_of_what_is_no_average():
    """The response of a trace to ones is the geometric sum, not 1 − bᵗ."""
    tx = adamx.bias_correct(adamx.trace(0.5))
    state = tx.init(jnp.float32(0))
    for _ in range(5):
        updates, state = tx.update(jnp.float32(3.0), state)
        assert float(updates) == pytest.approx(3.0, rel=1e-6)


def test_bias_correction_of_a_fork():
    """What a join makes of averages need not be one: here it answers 2·(1 − bᵗ)."""
    momentum = adamx.scale_by_momentum(0.5)
    tx = adamx.bias_correct(adamx.fork(lambda a, b: a + b, a=momentum, b=momentum))
    state = tx.init(jnp.float32(0))
    for _ in range(20):
        updates, state = tx.update(jnp.float32(3.0), state)
        assert float(updates) == pytest.approx(3.0, rel=1e-6)


def test_bias_correction_with_a_scheduled_decay(x64):
    decays = [0.5, 0.9, 0.99, 0.2]
    table = jnp.asarray(decays)
    tx = adamx.bias_correct(adamx.scale_by_momentum(lambda count: table[count]))
    state = tx.init(jnp.float64(0))
    mu, left = 0.0, 1.0
    for decay, g in zip(decays, [1.0, -3.0, 2.0, 5.0], strict=True):
        mu, left = decay * mu + (1 - decay) * g, decay * left
        updates, state = tx.update(jnp.float64(g), state)
        assert float(updates) == pytest.approx(mu / (1 - left), rel=1e-14)
