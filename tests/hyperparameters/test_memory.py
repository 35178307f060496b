"""Nothing that a user made outlives the user's last reference to it."""

import gc
import weakref
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import adamx
from adamx.execution.programs import Owned
from adamx.hyperparameters import static
from adamx.hyperparameters.keys import is_static, is_static_tree, key_of
from adamx.hyperparameters.static import remembered, split

P = jnp.ones(3)


def update(tx, **extra):
    tx.update(P, tx.init(P), P, **extra)


def of_mask(x):
    update(adamx.masked(adamx.trace(0.5), lambda path, p: x.ndim > 0))


def of_labels(x):
    parts: dict = {1: adamx.trace(0.5), 2: adamx.scale(0.5)}
    update(adamx.partition(parts, lambda tree: jax.tree.map(lambda _: x.ndim, tree)))


def of_freeze(x):
    update(adamx.chain(adamx.scale(0.5), adamx.freeze(lambda path, p: x.ndim > 1)))


def of_view(x):
    def view(path, p):
        return adamx.MatrixView((), tuple(range(x.ndim)), ())

    update(adamx.muon(0.1, view=view))


def of_matrices(x):
    update(adamx.muon(0.1, matrices=lambda path, p: x.ndim > 1))


def of_schedule(x):
    update(adamx.sgd(lambda count: x[count], momentum=0.9))


def of_schedule_builder(x):
    @adamx.schedule
    def mine():
        return lambda count: x[count]

    update(adamx.sgd(mine()))


def of_builder(x):
    @adamx.transform
    def mine(rate: adamx.Finite = 0.5):
        return adamx.sgd(x[0])

    update(mine())


def of_join(x):
    update(adamx.fork(lambda a: a * x[0], a=adamx.trace(0.5)))


def of_source(x):
    fed = adamx.with_input(lambda updates: updates * x[0])
    update(adamx.fork(lambda b: b, b=fed))


def of_measure(x):
    update(adamx.monitor({"x": lambda updates: x[0]}))


def of_condition(x):
    update(adamx.conditionally_mask(adamx.scale(0.5), lambda step: step < x[0]))


def of_injected(x):
    update(adamx.inject_hyperparams(lambda rate: adamx.scale(rate))(lambda count: x[0]))


def of_foreign(x):
    update(adamx.Transform(lambda p: (), lambda g, s, p=None: (g * x[0], s)))


def of_step(x):
    step = adamx.make_step(adamx.sgd(lambda count: x[count]))
    step(jnp.copy(P), step.init(P), P)


def of_parameters(x):
    @jax.tree_util.register_pytree_node_class
    class Model:
        def __init__(self, w, activation):
            self.w, self.activation = w, activation

        def tree_flatten(self):
            return (self.w,), self.activation

        @classmethod
        def tree_unflatten(cls, activation, children):
            (w,) = children
            return cls(w, activation)

    model: Any = Model(P, lambda y: y * x)
    tx = adamx.sgd(0.1)
    updates, _ = tx.update(model, tx.init(model), model)
    adamx.apply_updates(model, updates)


SEARCH = adamx.chain(adamx.sgd(1.0), adamx.scale_by_backtracking_linesearch(2))
SHARP = adamx.sam(adamx.sgd(0.1), adamx.sgd(0.05), opaque_mode=True)


def of_value_fn(x):
    def loss(p):
        return jnp.sum(p * x[0])

    extra = {"value": loss(P), "grad": P}
    SEARCH.update(P, SEARCH.init(P), P, **extra, value_fn=loss)


class Trainer:
    def __init__(self, x):
        self.x, self.search = x, SEARCH

    def loss(self, p):
        return jnp.sum(p * self.x[0])


def of_method(x):
    trainer = Trainer(x)
    extra = {"value": trainer.loss(P), "grad": P}
    SEARCH.update(P, SEARCH.init(P), P, **extra, value_fn=trainer.loss)


def of_grad_fn(x):
    SHARP.update(P, SHARP.init(P), P, grad_fn=lambda p, step: p * x[0])


MADE = {name[3:]: f for name, f in list(globals().items()) if name.startswith("of_")}


@pytest.mark.parametrize("use", MADE.values(), ids=MADE)
def test_what_a_function_holds_is_gone_with_it(use):
    x = jnp.full(1000, 0.5)
    gone = weakref.ref(x)
    use(x)
    del x
    gc.collect()
    assert gone() is None


def test_a_number_is_gone_with_what_it_was_given_to():
    x = jnp.full((), 0.5)
    gone = weakref.ref(x)
    update(adamx.sgd(adamx.cosine_decay_schedule(x, 10)))
    update(adamx.inject_hyperparams(adamx.sgd)(x))
    update(adamx.sgd(x, momentum=x))
    update(adamx.schedule_free_sgd(x, warmup_steps=3))
    del x
    gc.collect()
    assert gone() is None


def test_no_cycle_waits_for_the_garbage_collector():
    x = jnp.full(1000, 0.5)
    gone = weakref.ref(x)
    gc.disable()
    try:
        of_schedule(x)
        of_value_fn(x)
        del x
        assert gone() is None
    finally:
        gc.enable()


TRACED = {
    "number": lambda x: adamx.adamw(x, weight_decay=x, b1=x / 2),
    "schedule": lambda x: adamx.adamw(lambda count: x * count),
    "warm-up": lambda x: adamx.schedule_free_sgd(x, warmup_steps=3),
    "injected": lambda x: adamx.inject_hyperparams(adamx.adam)(x),
    "join": lambda x: adamx.fork(lambda a: a * x, a=adamx.trace(0.5)),
    "mask": lambda x: adamx.masked(adamx.scale(0.5), lambda path, p: x.ndim < 1),
    "stored": lambda x: adamx.stored(adamx.adam(x), adamx.int8()),
    "wrapped": lambda x: adamx.MultiSteps(adamx.sgd(x, momentum=0.9), 2),
}


@pytest.mark.parametrize("make", TRACED.values(), ids=TRACED)
def test_no_tracer_outlives_its_trace(make):
    def first(rate, g):
        tx = make(rate)
        return tx.update(g, tx.init(g), g)

    with jax.check_tracer_leaks():
        jax.eval_shape(first, jnp.array(0.1), P)


def test_a_tracer_does_not_outlive_a_trace_under_vmap_and_grad():
    def loss(rate):
        tx = adamx.sgd(lambda count: rate, momentum=0.9)
        return jnp.sum(tx.update(P, tx.init(P), P)[0])

    with jax.check_tracer_leaks():
        jax.jit(jax.vmap(jax.grad(loss)))(jnp.array([0.1, 0.2]))


def test_only_static_data_lives_on():
    x = jnp.ones(3)
    lasting = [1, "a", jnp.sin, adamx.adam(0.1), adamx.is_weight, max, {"a": (1, 2)}]
    assert all(is_static(key_of(value)) for value in lasting)
    owned = [
        lambda: 1,
        x,
        {"a": x},
        adamx.constant_schedule(x[0]),
        adamx.sgd(lambda count: 0.1),
        Trainer(x),
        Trainer(x).loss,
    ]
    assert not any(is_static(key_of(value)) for value in owned)
    assert is_static_tree(jax.tree.structure({"a": (1, [2])}))
    partial = jax.tree_util.Partial(lambda: x)
    assert not is_static_tree(jax.tree.structure({"a": partial}))


def test_equal_parts_are_one_as_long_as_they_live():
    def mine():
        return 0.5

    arrays, one = split({"a": mine, "b": P})
    assert arrays == [P] or arrays[0] is P
    assert split({"a": mine, "b": P})[1] is one
    made = []

    @remembered
    def make(parts, number):
        made.append(number)
        return number

    assert (make(one, 1), make(one, 1), make(one, 2)) == (1, 1, 2)
    assert made == [1, 2]
    gone = weakref.ref(one)
    del one
    assert gone() is None
    lasting = weakref.ref(split({"a": 1.0})[1])
    assert lasting() is split({"a": 1.0})[1]
    assert lasting() in static._LASTING


def test_dicts_die_with_their_owners():
    owned, one = Owned(), Trainer(0)
    owned.of(one)["a"] = 1
    assert owned.of(one) == {"a": 1}
    assert owned.of(Trainer(0)) == {}
    assert len(owned._of) == 1
    del one
    assert owned._of == {}
    assert owned.of(3) == {}  # of a number nothing can be known
