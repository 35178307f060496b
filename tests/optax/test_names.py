"""Which names `adamx.optax` has, with Optax and without it."""

import inspect
import pickle
import subprocess
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import adamx
from adamx import optax as ours
from tests.places import ROOT

theirs = pytest.importorskip("optax")

MODULES = ["", ".contrib", ".schedules", ".transforms"]
"""Namespaces in which adamx has names of its own."""

LENT = {
    "assignment",
    "experimental",
    "losses",
    "microbatching",
    "perturbations",
    "projections",
    "second_order",
    "tree",
    "tree_utils",
}


def names(module: Any) -> set[str]:
    return {name for name in dir(module) if not name.startswith("_")}


def pair(module: str) -> tuple[Any, Any]:
    return import_module(f"adamx.optax{module}"), import_module(f"optax{module}")


@pytest.mark.parametrize("module", MODULES)
def test_every_name_of_optax_is_there(module):
    own, other = pair(module)
    assert names(other) <= names(own)
    for name in names(other):
        assert getattr(own, name) is not None, name


@pytest.mark.parametrize("module", sorted(LENT))
def test_what_is_no_optimizer_is_optax_own(module):
    own, other = pair(f".{module}")
    assert isinstance(getattr(ours, module), ModuleType)
    assert names(other) <= names(own)
    for name in names(other):
        assert getattr(own, name) is getattr(other, name)


def functions() -> list[Any]:
    found = []
    for module in MODULES:
        own, other = pair(module)
        for name in sorted(names(other)):
            thing = getattr(own, name)
            ours_too = inspect.isfunction(thing) and "adamx" in thing.__module__
            if ours_too and thing.__module__ != "optax":
                found.append(pytest.param(thing, getattr(other, name), id=name))
    return found


OTHER_DEFAULTS = {"decay_offset", "step_offset", "linesearch", "clip_value_fn", "dtype"}
"""Arguments whose defaults are written otherwise, such as 0.0 for 0."""


@pytest.mark.parametrize(("own", "other"), functions())
def test_arguments_are_those_of_optax(own, other):
    """Each call of Optax's function is one of ours, and means the same."""
    expected = inspect.signature(other).parameters
    got = inspect.signature(own).parameters
    kinds = inspect.Parameter
    positional = [
        p.name for p in expected.values() if p.kind is kinds.POSITIONAL_OR_KEYWORD
    ]
    first = [p.name for p in got.values() if p.kind is kinds.POSITIONAL_OR_KEYWORD]
    assert first[: len(positional)] == positional
    for name, parameter in expected.items():
        if parameter.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD):
            continue
        mine = got[name]
        same = mine.default == parameter.default or name in OTHER_DEFAULTS
        assert same or callable(parameter.default), (name, mine, parameter)


WITHOUT = """
import sys
sys.modules["optax"] = None
import jax.numpy as jnp
from adamx import optax

params = {"w": jnp.ones(3)}
rate = optax.warmup_cosine_decay_schedule(0.0, 1.0, 2, 10)
tx = optax.chain(
    optax.clip_by_global_norm(1.0),
    optax.inject_hyperparams(optax.adamw)(rate, weight_decay=0.1),
)
tx = optax.MultiSteps(tx, 2, should_skip_update_fn=optax.skip_not_finite)
updates, state = tx.update(params, tx.init(params), params)
params = optax.apply_updates(params, updates)
optax.incremental_update(params, params, 0.1)
assert isinstance(tx, optax.GradientTransformation)
optax.GradientTransformation(tx.init, tx.update)
for name in ("l2_loss", "lookahead", "losses.l2_loss", "contrib.sophia"):
    try:
        eval(f"optax.{name}")
    except ImportError as error:
        print(error)
try:
    optax.adabelief(0.1, nesterov=True)
except ImportError as error:
    print(error)
"""


def test_without_optax_all_is_there_that_is_ours():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    hint = "needs optax, which is not installed; pip install optax"
    assert done.stdout.splitlines() == [
        f"adamx.optax.{name} {hint}"
        for name in ("l2_loss", "lookahead", "losses.l2_loss", "contrib.sophia")
    ] + [f"adamx.optax.adabelief {hint}"]


def test_the_namespace_loads_optax_only_when_asked_for_it():
    code = (
        "import sys; from adamx import optax; optax.adam(0.1); optax.EmptyState\n"
        "assert 'optax' not in sys.modules\n"
        "optax.l2_loss; assert 'optax' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_pairs_of_a_user_keep_their_functions_and_states():
    def init(params: Any) -> Any:
        return ours.EmptyState()

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        return jax.tree.map(lambda g: -g, updates), state

    tx = ours.GradientTransformation(init, update)
    assert tx.init is init
    assert tx.init({"w": jnp.ones(2)}) == ()
    whole = ours.chain(tx, ours.adam(0.1))
    assert whole.init({"w": jnp.ones(2)})[0] == ()
    assert not isinstance(tx, ours.GradientTransformationExtraArgs)
    wide = ours.with_extra_args_support(tx)
    assert wide.update(jnp.ones(2), (), value=1.0)[0].tolist() == [-1.0, -1.0]
    for other in (wide, ours.adam(0.1), theirs.adam(0.1)):
        assert isinstance(other, ours.GradientTransformationExtraArgs)
        assert isinstance(other, ours.GradientTransformation)
    assert isinstance(wide, theirs.GradientTransformationExtraArgs)
    assert not isinstance(3, ours.GradientTransformation)


@pytest.mark.parametrize(
    "tx",
    [
        ours.adamw(0.1, mu_dtype=jnp.bfloat16),
        ours.chain(ours.clip(1.0), ours.adam(0.1)),
        ours.contrib.muon(0.1),
        ours.MultiSteps(ours.adam(0.1), 2),
    ],
)
def test_transforms_are_values(tx):
    again = pickle.loads(pickle.dumps(tx))
    assert again == tx
    assert hash(again) == hash(tx)
    params = {"w": jnp.ones((2, 3))}
    assert jax.tree.structure(again.init(params)) == jax.tree.structure(tx.init(params))


def test_a_chain_with_another_layout_is_another_transform():
    pieces = adamx.clip(1.0), adamx.trace(0.9)
    assert adamx.chain(*pieces) != ours.chain(*pieces)
