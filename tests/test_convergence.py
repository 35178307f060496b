"""Every optimizer gets there: to the minimum, and to digits that are read."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.testing import public_builders
from benchmarks.laws import adamx_optimizers
from tests.problems import PROBLEMS, minimized

RATES = 10.0 ** jnp.arange(-4, 3.1, 0.5)
"""The one small grid, for all."""

_FOR_WHOLE_BATCHES = "signs that turn by chance shrink its steps to nothing"

OUT_OF_REACH = {
    ("radam", "quadratic"): "its first steps are as long as the gradients, and throw "
    "the parameters far at the rates that it needs later",
    ("rprop", "quadratic"): _FOR_WHOLE_BATCHES,
    ("rprop", "digits"): _FOR_WHOLE_BATCHES,
    ("sign_sgd", "beale"): "it knows four directions, and has no momentum to leave "
    "a flat valley with: 0.14 away at the best rate",
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", dict(adamx_optimizers()))
def test_reaches_the_minimum(name, problem):
    scores = minimized(public_builders()[name], PROBLEMS[problem], RATES)
    reached = bool(np.nanmin(scores) <= PROBLEMS[problem].target)
    assert reached == ((name, problem) not in OUT_OF_REACH), scores


def test_radam_gets_there_with_a_silent_start():
    problem = PROBLEMS["quadratic"]
    build = functools.partial(adamx.radam, silent_start=True)
    assert np.nanmin(minimized(build, problem, RATES)) <= problem.target
