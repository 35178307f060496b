"""Every optimizer gets there: to the minimum, and to digits that are read."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.testing import public_builders
from benchmarks.laws import adamx_optimizers
from tests.problems import PROBLEMS, minimized

pytestmark = [pytest.mark.optimized, pytest.mark.full]

RATES = 10.0 ** jnp.arange(-4, 3.1, 0.5)
"""The one small grid, for all."""

_FOR_WHOLE_BATCHES = "signs that turn by chance shrink its steps to nothing"

READ = {
    f"schedule_free_{name}": adamx.schedule_free_eval_params
    for name in ("sgd", "adamw", "radam")
}
"""What is evaluated elsewhere than where it is trained, and needs no falling rate."""

_LAGS = (
    "the mean of all steps still has the far start in it: 0.6 to 1.1 away; with a "
    "falling rate what is trained gets there"
)

_CAUTIOUS = "with α = 100 its bets are too small for so few steps"

OUT_OF_REACH = {
    **{(name, "beale"): _LAGS for name in READ},
    **{("cocob", name): _CAUTIOUS for name in ("rosenbrock", "beale", "quadratic")},
    ("acprop", "digits"): "with its default ε a step on an input that was never active "
    "has no bound; with ε = 1e-4 it reads the digits",
    ("optimistic_gradient_descent", "quadratic"): "its stable rates end at a third of "
    "gradient descent's, too small for the flat directions in these steps",
    ("radam", "quadratic"): "its first steps are as long as the gradients, and throw "
    "the parameters far at the rates that it needs later",
    ("rprop", "quadratic"): _FOR_WHOLE_BATCHES,
    ("rprop", "digits"): _FOR_WHOLE_BATCHES,
    ("sign_sgd", "beale"): "it knows four directions, and has no momentum to leave "
    "a flat valley with: 0.14 away at the best rate",
}


RUNS = [(name, problem) for name in dict(adamx_optimizers()) for problem in PROBLEMS]


@pytest.mark.parametrize(("name", "problem"), RUNS)
def test_reaches_the_minimum(name, problem):
    scores = minimized(
        public_builders()[name], PROBLEMS[problem], RATES, READ.get(name)
    )
    reached = bool(np.nanmin(scores) <= PROBLEMS[problem].target)
    assert reached == ((name, problem) not in OUT_OF_REACH), scores


def test_radam_gets_there_with_a_silent_start():
    problem = PROBLEMS["quadratic"]
    build = functools.partial(adamx.radam, silent_start=True)
    assert np.nanmin(minimized(build, problem, RATES)) <= problem.target


def test_acprop_gets_there_with_a_larger_eps():
    build = functools.partial(adamx.acprop, eps=1e-4)
    assert np.nanmin(minimized(build, PROBLEMS["digits"], RATES)) <= 0.05


# With 10 on "beale", rounding decides in which valley the path ends: of eight starts,
# 1e-6 apart, half get there. With 30 all do.
@pytest.mark.parametrize(("problem", "alpha"), [("rosenbrock", 10.0), ("beale", 30.0)])
def test_cocob_gets_there_with_larger_bets(problem, alpha):
    build = functools.partial(adamx.cocob, alpha=alpha)
    # A constant rate is nothing to it: one is as good as all.
    score = minimized(build, PROBLEMS[problem], jnp.ones(1))
    assert score <= PROBLEMS[problem].target


@pytest.mark.parametrize("base", [adamx.sgd, adamx.adam])
def test_mechanize_finds_the_rate_of_its_base(base):
    problem = PROBLEMS["digits"]
    # Falling from 1, which no one has tuned.
    score = minimized(lambda rate: adamx.mechanize(base(rate)), problem, jnp.ones(1))
    assert score <= problem.target


@pytest.mark.parametrize("name", READ)
def test_schedule_free_training_gets_there_with_a_falling_rate(name):
    scores = minimized(public_builders()[name], PROBLEMS["beale"], RATES)
    assert np.nanmin(scores) <= PROBLEMS["beale"].target
