"""Two things are equal only if they compute the same."""

import copy
import functools
import pickle
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.core.transform import is_builder
from adamx.execution.programs import Programs
from adamx.hyperparameters.call import Call
from adamx.hyperparameters.hyper import declared
from adamx.hyperparameters.keys import is_library, key_of
from adamx.testing import examples, public_builders
from adamx.testing.compiled import programs_compiled

ONE = jnp.array(1.0)


def step(tx, g=ONE, **extra):
    """The first update of the gradient 1."""
    return float(tx.update(g, tx.init(g), g, **extra)[0])


def schedule_of(factor):
    @adamx.schedule
    def mine():
        return lambda count: factor

    return mine()


def transform_of(factor):
    @adamx.transform
    def mine():
        return adamx.scale(factor)

    return mine()


def transform_by_default(factor):
    @adamx.transform
    def mine(factor=factor):
        return adamx.scale(factor)

    return mine()


def schedule_by_keyword(factor):
    @adamx.schedule
    def mine(*, factor=factor):
        return lambda count: factor

    return mine()


class Factor:
    """A schedule with a state of its own."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, count):
        return self.factor

    def method(self, count):
        return self.factor


def rule_of(factor):
    class Mine(adamx.Rule):
        def step(self, g, slots, shared, param):
            return g * factor, slots

    return adamx.lift(Mine())


def closing_over_each_other(factor):
    def even(n):
        return factor if n == 0 else odd(n - 1)

    def odd(n):
        return even(n - 1)

    return adamx.scale(lambda count: even(2))


def recursive(factor):
    def down(n):
        return factor if n == 0 else down(n - 1)

    return adamx.scale(lambda count: down(3))


def times(factor, count):
    return factor


def quarter(count):
    return 0.25


MADE = {
    "schedule builder": lambda x: adamx.scale(schedule_of(x)),
    "transform builder": transform_of,
    "default": transform_by_default,
    "keyword default": lambda x: adamx.scale(schedule_by_keyword(x)),
    "schedule": lambda x: adamx.scale(lambda count: x),
    "partial": lambda x: adamx.scale(functools.partial(times, x)),
    "partial of a tree": lambda x: adamx.scale(jax.tree_util.Partial(times, x)),
    "callable object": lambda x: adamx.scale(Factor(x)),
    "bound method": lambda x: adamx.scale(Factor(x).method),
    "jitted function": lambda x: adamx.scale(jax.jit(lambda count: x)),
    "join": lambda x: adamx.fork(
        lambda a, b: x * a, a=adamx.identity(), b=adamx.clip(1)
    ),
    "source": lambda x: adamx.fork(
        lambda b: b, b=adamx.with_input(lambda updates: x * updates)
    ),
    "rule class": rule_of,
    "functions of each other": closing_over_each_other,
    "recursion": recursive,
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_other_numbers_inside_make_another_transform(make):
    one, two = make(0.1), make(0.5)
    assert one != two
    assert one == one
    np.testing.assert_allclose((step(one), step(two)), (0.1, 0.5), rtol=1e-6)


@pytest.mark.parametrize(
    "given",
    [
        lambda f: adamx.masked(adamx.scale(0.5), lambda tree: f),
        lambda f: adamx.partition({True: adamx.scale(0.5)}, lambda path, x: f),
        lambda f: adamx.monitor({"x": lambda updates: f}),
        lambda f: adamx.conditionally_transform(adamx.scale(0.5), lambda step: f),
        lambda f: adamx.muon(0.1, view=lambda path, x: f),
        lambda f: adamx.muon(0.1, matrices=lambda path, x: f),
        lambda f: adamx.freeze(lambda path, x: f),
        lambda f: adamx.adamw(0.1, mask=lambda path, x: f),
        lambda f: adamx.Transform(lambda p: (), lambda g, s, p=None: (g * f, s)),
        lambda f: adamx.inject_hyperparams(lambda rate: adamx.freeze(f))(0.1),
    ],
)
def test_functions_of_other_closures_differ(given):
    assert given(True) != given(False)


def test_a_schedule_in_a_static_argument_of_jit():
    jitted = jax.jit(lambda tx: tx.update(ONE, tx.init(ONE), ONE)[0], static_argnums=0)
    for rate in (0.1, 0.5):
        assert float(jitted(adamx.sgd(schedule_of(rate)))) == pytest.approx(-rate)
        state = adamx.sgd(schedule_of(rate)).init(ONE)
        assert float(adamx.find(state, "learning_rate")) == pytest.approx(rate)


CELL = "@adamx.transform\ndef mine():\n    return adamx.sgd({})\n"
OTHER = "@adamx.schedule\ndef mine():\n    return lambda count: {} * 0.5**count\n"


@pytest.mark.parametrize("cell", [CELL, OTHER])
def test_a_cell_that_is_edited_and_run_again(cell):
    names = {"adamx": adamx, "__name__": "__main__"}
    jitted = jax.jit(lambda tx: tx.update(ONE, tx.init(ONE), ONE)[0], static_argnums=0)
    made = []
    for rate in (0.1, 0.5):
        exec(cell.format(rate), names)
        made.append(names["mine"]())
        assert names["mine"]() == made[-1]
        assert hash(names["mine"]()) == hash(made[-1])
        tx = made[-1] if cell is CELL else adamx.sgd(made[-1])
        assert float(jitted(tx)) == pytest.approx(-rate)
    assert made[0] != made[1]


GLOBALS = """
rate, config, table = 0.1, type("Config", (), {})(), [0.1]
config.rate = 0.1
@adamx.schedule
def by_global(): return lambda count: rate
@adamx.schedule
def by_attribute(): return lambda count: config.rate
@adamx.schedule
def by_list(): return lambda count: table[0]
@adamx.transform
def built(): return adamx.scale(rate)
def plain(count): return rate
def called(count): return plain(count)
"""
READ = {
    "global": "by_global()",
    "attribute": "by_attribute()",
    "list": "by_list()",
    "builder": "built()",
    "function": "plain",
    "function of a function": "called",
}


@pytest.mark.parametrize("made", READ.values(), ids=READ)
def test_a_variable_that_is_changed_in_between(made):
    names = {"adamx": adamx, "__name__": "__main__"}
    exec(GLOBALS, names)

    def tx():
        found = eval(made, names)
        return found if isinstance(found, adamx.Transform) else adamx.scale(found)

    one = tx()
    assert tx() == one
    assert step(one) == pytest.approx(0.1)
    names["rate"] = names["config"].rate = names["table"][0] = 0.5
    two = tx()
    assert two != one
    assert step(two) == pytest.approx(0.5)


def test_a_cell_of_a_closure_that_is_changed_in_between():
    rate = 0.1

    def schedule(count):
        return rate

    one = adamx.scale(schedule)
    assert step(one) == pytest.approx(0.1)
    rate = 0.5
    assert adamx.scale(schedule) != one
    assert step(adamx.scale(schedule)) == pytest.approx(0.5)


def test_an_object_that_is_changed_in_between():
    factor = Factor(0.1)
    for given in (factor, factor.method):
        factor.factor = 0.1
        one = adamx.scale(given)
        assert adamx.scale(given) == one
        assert step(one) == pytest.approx(0.1)
        factor.factor = 0.5
        assert adamx.scale(given) != one
        assert step(adamx.scale(given)) == pytest.approx(0.5)


def test_a_function_may_count_its_calls():
    calls = 0

    def schedule(count):
        nonlocal calls
        calls += 1
        return 0.1

    one = adamx.scale(schedule)
    one.update(ONE, one.init(ONE))
    assert calls
    assert adamx.scale(schedule) == one


def test_numbers_are_equal_with_their_types():
    keys = [key_of(x) for x in (0, 0.0, -0.0, False, 1, 1.0, True, "1", None, "None")]
    assert len(set(keys)) == len(keys)
    assert key_of({"a": [1, 2.0]}) == key_of({"a": [1, 2.0]})
    assert key_of({1: "a"}) != key_of({True: "a"})


def test_what_a_library_reads_is_constant():
    assert is_library(jnp.sin)
    assert is_library(adamx.adam)
    assert is_library(functools.partial)
    assert not is_library(schedule_of)
    assert not is_library(adamx.transform(transform_of))
    assert not is_library(Factor)


@adamx.transform
def of_this_module(factor: adamx.Finite = 0.5):
    return adamx.scale(factor)


def test_copies_and_pickles():
    tx: Any = adamx.adamw(lambda count: 0.1)
    assert copy.deepcopy(tx) is tx
    rate = adamx.Schedule(quarter)
    assert copy.copy(rate) is rate
    assert adamx.Schedule(quarter) == rate
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(tx)
    mine = of_this_module(0.25)
    assert pickle.loads(pickle.dumps(mine)) == mine
    assert pickle.loads(pickle.dumps(rate)) == rate


READ_BACK = """
import pickle, sys, jax.numpy as jnp
one = jnp.array(1.0)
for tx in pickle.load(sys.stdin.buffer):
    print(float(tx.update(one, tx.init(one), one)[0]))
"""


def test_cloudpickle_stores_functions_by_value():
    cloudpickle = pytest.importorskip("cloudpickle")
    written = cloudpickle.dumps(
        [
            adamx.sgd(lambda count: 0.25),
            adamx.scale(schedule_of(0.25)),
            transform_of(0.5),
            adamx.inject_hyperparams(adamx.sgd)(lambda count: 0.5),
        ]
    )
    again = cloudpickle.loads(written)
    assert [step(tx) for tx in again] == [-0.25, 0.25, 0.5, -0.5]
    assert isinstance(again[2].call, Call)
    assert is_builder(again[2].call.builder)


def test_deepcopy_of_a_clients_optimizer():
    nnx = pytest.importorskip("flax.nnx")
    model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    trained = nnx.Optimizer(model, adamx.adamw(lambda count: 0.1), wrt=nnx.Param)
    assert copy.deepcopy(trained).tx == trained.tx


@pytest.mark.full
def test_cloudpickle_brings_functions_to_another_process():
    cloudpickle = pytest.importorskip("cloudpickle")
    written = cloudpickle.dumps([adamx.sgd(lambda count: 0.25), transform_of(0.5)])
    code = [sys.executable, "-c", READ_BACK]
    printed = subprocess.run(code, input=written, stdout=subprocess.PIPE, check=True)
    assert printed.stdout.split() == [b"-0.25", b"0.5"]


def test_a_new_learning_rate_compiles_nothing():
    start = {"w": jnp.ones((2, 3)), "b": jnp.ones(3)}
    state = adamx.adamw(1e-3).init(start)
    adamx.adamw(1e-3).update(start, state, start)
    adamx.apply_updates(start, start)
    with programs_compiled() as found:
        for i in range(3):
            tx = adamx.adamw(1e-3 * (i + 2), weight_decay=0.1 * (i + 1))
            tx.init(start)
            updates, state = tx.update(start, state, start)
            start = adamx.apply_updates(start, updates)
    assert found == []


def test_a_rate_gives_the_bits_of_a_constant():
    start = {"w": jnp.linspace(-1, 1, 7)}
    for rate in (1e-3, 0.1, 1 / 3):
        tx = adamx.chain(adamx.clip_by_global_norm(rate), adamx.adamw(rate))
        state = tx.init(start)
        eager, _ = tx.update(start, state, start)
        traced, _ = jax.jit(tx.update)(start, state, start)
        np.testing.assert_array_equal(eager["w"], traced["w"])


def test_a_rate_is_a_float64_with_x64(x64):
    start = jnp.ones(3, jnp.float64)
    for rate in (1 / 3, 0.1):
        updates, _ = adamx.sgd(rate).update(start, adamx.sgd(rate).init(start), start)
        assert updates.tolist() == [-rate] * 3


CLOSED = ("asgd", "schedule_free_radam")
"""Their rates are in schedules that are made of several numbers."""


def test_every_learning_rate_is_an_argument():
    shared = []
    for name, builder in public_builders().items():
        tx: Any = next(examples(builder))
        rated = "learning_rate" in declared(builder)[0].parameters
        assert isinstance(tx.call, Call)
        if not rated or tx.call.builder is not builder or name in CLOSED:
            continue
        bound = tx.call.bound
        given = bound.arguments | {"learning_rate": 0.037}
        now = type(bound)(bound.signature, given)
        other = builder(*now.args, **now.kwargs)
        assert other != tx
        assert other._programs.static is tx._programs.static, name
        shared.append(name)
    assert len(shared) > 65


def total(tree, x, extra):
    return {name: x + v(x) * tree for name, v in extra.items()}


def test_a_function_among_the_arguments_is_compiled_once_for_what_it_reads():
    programs, traces, batch = Programs(total, 2.0), 0, jnp.array(1.0)

    def loss(x):
        nonlocal traces
        traces += 1
        return x * batch

    for _ in range(3):
        assert programs(ONE, extra={"f": loss})["f"] == 3
    assert traces == 1
    batch = jnp.array(3.0)
    for _ in range(3):
        assert programs(ONE, extra={"f": loss})["f"] == 7
    assert traces == 2


def test_a_partial_brings_its_arrays_along():
    programs, traces = Programs(total, 2.0), 0

    def loss(batch, x, power=1):
        nonlocal traces
        traces += 1
        return x * batch**power

    for partial in (functools.partial, jax.tree_util.Partial):
        for i in range(3):
            given = partial(loss, jnp.array(float(i)))
            assert programs(ONE, extra={"f": given})["f"] == 1 + 2 * i
    assert traces == 2
    squared = functools.partial(loss, jnp.array(3.0), power=2)
    assert programs(ONE, extra={"f": squared})["f"] == 19


def test_methods_are_compiled_once_for_their_object():
    programs = Programs(total, 2.0)
    one, two = Factor(3.0), Factor(5.0)
    for _ in range(2):
        assert programs(ONE, extra={"f": one.method})["f"] == 7
        assert programs(ONE, extra={"f": two.method})["f"] == 11
    with programs_compiled() as found:
        programs(ONE, extra={"f": one.method})
    assert found == []
    one.factor = 7.0
    assert programs(ONE, extra={"f": one.method})["f"] == 15
