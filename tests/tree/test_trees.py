"""Trees of users: models that can be called, variables in boxes, absent gradients."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.execution.slot_table import Parts, SlotTable
from adamx.hyperparameters.labels import labels_of
from adamx.testing.boxes import Variable, boxed
from adamx.tree.boxes import is_box, unbox
from adamx.tree.callables import is_function, wanted
from adamx.tree.paths import simple_paths, structure

PARAMS = {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}


class Net:
    """A model that is a tree and can be called, as Equinox's."""

    def __init__(self, w, b):
        self.w, self.b = w, b

    def __call__(self, x):
        return x @ self.w + self.b


jax.tree_util.register_pytree_with_keys(
    Net,
    lambda net: (
        tuple((jax.tree_util.GetAttrKey(k), getattr(net, k)) for k in ("w", "b")),
        None,
    ),
    lambda _, children: Net(*children),
)


class Unnamed:
    """A box of a class that was registered without keys."""

    def __init__(self, value):
        self.value = value


jax.tree_util.register_pytree_node(
    Unnamed, lambda x: ((x.value,), None), lambda _, children: Unnamed(*children)
)


class Layer:
    """A layer with a weight and no bias: a container of the user's."""

    def __init__(self, weight):
        self.weight = weight


jax.tree_util.register_pytree_with_keys(
    Layer,
    lambda x: (((jax.tree_util.GetAttrKey("weight"), x.weight),), None),
    lambda _, children: Layer(*children),
)

NET = Net(jnp.ones((2, 2)), jnp.ones(2))
INPUTS = jnp.ones((3, 2))


def loss(net):
    return jnp.mean((net(INPUTS) - 2.0) ** 2)


def step(tx, params: Any, updates: Any = None, state=None, **extra):
    updates = params if updates is None else updates
    state = tx.init(params) if state is None else state
    return tx.update(updates, state, params, **extra)


# --- Paths


@pytest.mark.parametrize("box", [Variable, Unnamed, lambda x: Variable(Unnamed(x))])
def test_the_key_of_a_box_is_no_part_of_a_path(box):
    tree = {"layer": {"kernel": box(1.0), "value": box(None)}, "list": [box(2.0)]}
    assert simple_paths(tree) == ["layer/kernel", "layer/value", "list/0"]
    assert unbox(tree) == {"layer": {"kernel": 1.0, "value": None}, "list": [2.0]}


@pytest.mark.parametrize("tree", [{"value": 1.0}, [1.0], (1.0,), Layer(1.0), 1.0, None])
def test_containers_of_the_user_are_no_boxes(tree):
    assert not is_box(tree)
    assert not is_box(Variable({"a": 1.0}))
    assert structure(unbox(tree)) == structure(tree)


def test_a_layer_with_one_leaf_stays_in_the_path():
    assert simple_paths({"a": Layer(Variable(1.0))}) == ["a/weight"]


WEIGHTS = {
    "a path": lambda path, leaf: path.endswith("kernel"),
    "a tree": {"kernel": True, "bias": False},
    "a tree of boxes": boxed({"kernel": True, "bias": False}),
    "a function of the tree": lambda tree: {"kernel": True, "bias": False},
}
BY_PATH = {
    "partition": lambda mask: adamx.partition(
        {True: adamx.adam(0.1), False: adamx.set_to_zero()}, mask
    ),
    "masked": lambda mask: adamx.masked(adamx.adam(0.1), mask),
    "freeze": lambda mask: adamx.chain(adamx.trace(0.5), adamx.freeze(mask)),
    "param_groups": lambda mask: adamx.param_groups(
        {"kernel": adamx.adam(0.1)}, rest=adamx.sgd(0.1)
    ),
    "matrices": lambda mask: adamx.muon(0.1, matrices=mask),
    "exclude": lambda mask: adamx.stored(
        adamx.adam(0.1), adamx.int8(), min_size=0, exclude=mask
    ),
    "weight_decay_mask": lambda mask: adamx.adamw(0.1, mask=mask),
    "is_weight": lambda mask: adamx.adamw(0.1, mask=adamx.is_weight),
    "view": lambda mask: adamx.as_matrices(
        adamx.trace(0.5),
        lambda path, shape: adamx.matrix_view({"kernel": "w"}.get(path, path), shape),
    ),
    "groups": lambda mask: adamx.monitor_norms(adamx.sgd(0.1), {"all": "kernel"}),
}


@pytest.mark.parametrize("name", BY_PATH)
@pytest.mark.parametrize("kind", WEIGHTS)
def test_a_decision_is_the_same_for_boxed_and_bare_parameters(name, kind):
    if kind != "a path" and name in ("param_groups", "is_weight", "view", "groups"):
        pytest.skip("it takes no mask")
    tx = BY_PATH[name](WEIGHTS[kind])
    bare = jax.eval_shape(tx.init, PARAMS)
    state = unbox(jax.eval_shape(tx.init, boxed(PARAMS)))
    assert jax.tree.structure(state) == jax.tree.structure(bare)
    _, after = jax.eval_shape(tx.update, PARAMS, state, PARAMS)
    assert jax.tree.structure(after) == jax.tree.structure(state)


# --- Functions and trees


def test_a_model_is_a_tree_where_it_is_like_the_parameters():
    mask = jax.tree.map(lambda x: x.ndim > 1, NET)
    assert not is_function(mask, NET)
    assert not is_function(NET, NET)
    assert is_function(NET, PARAMS)
    assert is_function(loss, NET)
    assert is_function(jax.tree_util.Partial(loss), NET)
    assert is_function(functools.partial(loss), {})
    assert not is_function(3.0, NET)


def test_a_mask_that_can_be_called():
    mask = jax.tree.map(lambda x: x.ndim > 1, NET)
    tx = adamx.masked(adamx.scale(2.0), mask)
    updates, _ = step(tx, NET)
    assert updates.w.tolist() == [[2.0, 2.0]] * 2
    assert updates.b.tolist() == [1.0, 1.0]
    frozen, _ = step(adamx.chain(adamx.sgd(1.0), adamx.freeze(mask)), NET)
    assert frozen.w.tolist() == [[0.0, 0.0]] * 2
    assert frozen.b.tolist() == [-1.0, -1.0]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tx: tx,
        lambda tx: adamx.chain(tx, adamx.freeze(lambda path, leaf: leaf.ndim == 1)),
        lambda tx: adamx.masked(tx, jax.tree.map(lambda x: x.ndim > 1, NET)),
        adamx.flatten,
    ],
    ids=["alone", "freeze", "masked", "flatten"],
)
def test_gradients_and_hessians_that_can_be_called(wrap):
    value, grad = jax.value_and_grad(loss)(NET)
    search = wrap(adamx.scale_by_backtracking_linesearch(4))
    updates, _ = jax.eval_shape(
        lambda: step(search, NET, grad, value=value, grad=grad, value_fn=loss)
    )
    assert jax.tree.structure(updates) == jax.tree.structure(NET)
    hessian = wrap(adamx.sophia(0.1))
    ones = jax.tree.map(jnp.ones_like, NET)
    updates, _ = jax.eval_shape(lambda: step(hessian, NET, grad, hessian=ones))
    assert jax.tree.structure(updates) == jax.tree.structure(NET)


def test_the_arguments_that_a_function_takes():
    names = ("w",)
    found = wanted(lambda path, leaf, /, *rest, names=names, **extra: 0)
    assert found == (2, ("names",), {"names"}, True)
    assert wanted(lambda *args: 0).required == 0
    assert wanted(lambda params, names=names: 0).required == 1
    assert wanted(functools.partial(lambda a, path, leaf: 0, 1)).required == 2
    assert wanted(jnp.ndim).required == 1
    assert wanted(lambda step, value, loss=0: 0, first=1).missing({}) == ["value"]
    assert wanted(lambda *steps, value: 0, first=1).names == ("value",)


@pytest.mark.parametrize(
    "mask",
    [
        lambda params, names=("kernel",): {k: k in names for k in params},
        lambda path, leaf, names=("kernel",): path in names,
        lambda *args: {"kernel": len(args) == 1, "bias": False},
    ],
)
def test_arguments_with_a_default_are_not_counted(mask):
    updates, _ = step(adamx.masked(adamx.scale(2.0), mask), PARAMS)
    assert float(updates["kernel"][0, 0]) == 2.0
    assert float(updates["bias"][0]) == 1.0


@pytest.mark.parametrize(
    "condition",
    [
        lambda step, **extra: extra["loss"] < 1,
        lambda step, loss, scale=1.0: loss * scale < 1,
        lambda *steps, loss: loss < 1,
    ],
)
def test_a_condition_gets_the_extra_arguments_it_takes(condition):
    tx = adamx.conditionally_mask(adamx.sgd(1.0), condition, forward_extra_args=True)
    for value, expected in ((0.5, -1.0), (2.0, 0.0)):
        updates, _ = step(tx, PARAMS, loss=jnp.float32(value))
        assert float(updates["bias"][0]) == expected
    if "loss" in wanted(condition).names:
        with pytest.raises(adamx.TransformError, match="'loss'"):
            step(tx, PARAMS)


def test_a_source_of_a_fork_may_have_defaults_and_take_all():
    def away(updates, mean, power=1.0):
        return (updates - mean) ** power

    for source in (away, lambda **given: given["updates"] - given["mean"]):
        tx = adamx.fork(
            lambda away: away,
            mean=adamx.scale_by_momentum(0.75),
            away=adamx.with_input(source),
        )
        assert float(tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))[0]) == 3.0


# --- Masks and labels of arrays


@pytest.mark.parametrize("kind", [jnp.array, np.array, np.bool_])
def test_masks_of_arrays_are_made_static(kind):
    mask = {"kernel": kind(True), "bias": kind(False)}
    for given in (mask, lambda tree: mask, lambda path, leaf: mask[path]):
        updates, _ = step(adamx.masked(adamx.scale(2.0), given), PARAMS)
        assert float(updates["kernel"][0, 0]) == 2.0
        assert float(updates["bias"][0]) == 1.0
    updates, _ = step(adamx.chain(adamx.sgd(0.1), adamx.freeze(kind(True))), PARAMS)
    assert float(updates["bias"][0]) == 0.0


def test_labels_of_arrays_are_made_static():
    parts: dict[Any, Any] = {0: adamx.scale(2.0), 1: adamx.set_to_zero()}
    for labels in (
        {"kernel": np.int64(0), "bias": jnp.array(1)},
        lambda path, leaf: jnp.array(int(path == "bias")),
        lambda tree: jax.tree.map(lambda x: jnp.array(x.ndim == 1), tree),
    ):
        updates, _ = step(adamx.partition(parts, labels), PARAMS)
        assert float(updates["kernel"][0, 0]) == 2.0
        assert float(updates["bias"][0]) == 0.0


def test_arrays_of_labels_are_refused_with_their_place():
    def traced(x):
        return adamx.masked(adamx.scale(2.0), {"kernel": x, "bias": False}).init(PARAMS)

    for call in (
        lambda: adamx.masked(adamx.identity(), {"a": jnp.ones(2, bool)}),
        lambda: adamx.adamw(0.1, mask={"a": np.ones(2, bool)}),
        lambda: jax.jit(lambda x: traced(x))(True),
    ):
        with pytest.raises(adamx.TransformError) as error:
            call()
        assert "where:    ['" in str(error.value)
        assert "static" in str(error.value)


def test_a_mask_must_be_of_bools():
    tx = adamx.chain(adamx.sgd(0.1), adamx.freeze(lambda path, leaf: path))
    with pytest.raises(adamx.TransformError, match=r"\['bias'\](.|\n)*'bias'"):
        tx.init(PARAMS)


def test_labels_of_another_tree_say_where():
    tree = {f"h{i}": {"w": 1.0, "b": 1.0} for i in range(50)}
    mask = {**tree, "h7": {"w": True}}
    with pytest.raises(adamx.TransformError) as error:
        labels_of(mask, tree, "masked")
    assert "['h7']['b']" in str(error.value)
    assert len(str(error.value)) < 400


# --- Several arrays for a leaf


def test_a_slot_with_containers_is_several_trees():
    tree = {"a": 0.0, "b": 0.0, "c": None}
    treedef = structure(tree)
    slots = [{"row": 1.0, "col": (2.0, 3.0)}, 4.0, None]
    rows = [None if slot is None else Parts.of(slot) for slot in slots]
    table = SlotTable.of(treedef, rows, [()])
    expected = {
        "array": {"a": None, "b": 4.0, "c": None},
        "col": {
            "0": {"a": 2.0, "b": None, "c": None},
            "1": {"a": 3.0, "b": None, "c": None},
        },
        "row": {"a": 1.0, "b": None, "c": None},
    }
    assert table.tree() == expected
    leaves = [0.0, 0.0, None]
    again = SlotTable.read(treedef, leaves, {(): expected}, differs)
    row, col, absent = again.columns([("row",), ("col", "1"), ("no",)])
    assert (row[0], col[0], absent) == (1.0, 3.0, [])
    assert again.columns([()])[0][1] == 4.0
    assert again.tree() == expected


def differs(path, tree):
    pytest.fail(f"{path}: {tree}")


@pytest.mark.parametrize(
    "tree",
    [
        0.0,
        {"row": 0.0, "col": 0.0},
        {"array": {"array": 0.0}, "row": [0.0]},
        {},
        [None],
    ],
    ids=str,
)
def test_the_names_of_a_slot_are_not_taken_for_those_of_the_parameters(tree):
    leaves, treedef = jax.tree.flatten(tree, is_leaf=lambda x: x is None)
    kinds = [1.0, {"row": 2.0, "col": 3.0}, {"array": 4.0}, None]
    slots = [None if x is None else kinds[i % 4] for i, x in enumerate(leaves)]
    for row in (slots, slots[::-1], [x and 1.0 for x in slots]):
        parts = [None if x is None else Parts.of(x) for x in row]
        kept = SlotTable.of(treedef, parts, [()]).tree()
        again = SlotTable.read(treedef, leaves, {(): kept}, differs)
        assert again.tree() == kept


def test_a_rule_with_tuples_of_its_own_keeps_trees():
    class Two(adamx.Rule):
        def slots(self, param):
            zero = jnp.zeros_like(param)
            return {"past": (zero, zero) if param.ndim else zero}

        def step(self, g, slots, shared, param):
            if not g.ndim:
                return g, {"past": g}
            last, before = slots["past"]
            return before, {"past": (g, last)}

    params = {"w": jnp.ones(2), "s": jnp.array(1.0)}
    tx = adamx.lift(Two())
    state = tx.init(params)
    assert sorted(adamx.find(state, "past")) == ["0", "1", "array"]
    for expected in (0.0, 0.0, 1.0):
        updates, state = tx.update(params, state)
        assert updates["w"].tolist() == [expected] * 2
    assert float(adamx.find(state, "past/array/s")) == 1.0


def test_the_state_of_other_codecs_is_refused_with_its_place():
    params = {"w": jnp.ones((64, 64)), "b": jnp.ones(3)}
    plain, coded = adamx.trace(0.9), adamx.stored(adamx.trace(0.9), adamx.int8())
    state = {"stored": plain.init(params)}
    with pytest.raises(adamx.TransformError, match=r"\['w'\](.|\n)*int8\[64,64\]"):
        coded.update(params, state, params)
    state = coded.init(params)["stored"]
    with pytest.raises(adamx.TransformError, match=r"\['w'\](.|\n)*int8\[64,64\]"):
        plain.update(params, state, params)


# --- Absent gradients


def test_accumulated_gradients_survive_a_call_without_one():
    tx = adamx.MultiSteps(adamx.sgd(1.0), 2, use_grad_mean=False)
    state = tx.init(PARAMS)
    _, state = tx.update(PARAMS, state, PARAMS)
    updates, state = tx.update({**PARAMS, "bias": None}, state, PARAMS)
    assert updates["bias"] is None
    assert float(updates["kernel"][0, 0]) == -2.0
    assert adamx.find(state, "acc_grads")["bias"].tolist() == [1.0] * 3
    assert adamx.find(state, "acc_grads")["kernel"].tolist() == [[0.0] * 3] * 2


def test_a_vector_of_all_leaves_moves_where_there_are_gradients():
    tx = adamx.flatten(adamx.adam(0.1))
    state = tx.init(PARAMS)
    updates, after = tx.update({**PARAMS, "bias": None}, state, PARAMS)
    alone = {"kernel": PARAMS["kernel"]}
    expected, _ = tx.update(alone, tx.init(alone), alone)
    assert updates["bias"] is None
    np.testing.assert_array_equal(updates["kernel"], expected["kernel"])
    mu = adamx.find(after, "mu")
    assert mu[:3].tolist() == [0.0] * 3
    assert float(mu[3]) != 0.0


def test_a_line_search_goes_along_the_gradients_that_there_are():
    params = {"w": jnp.array([3.0]), "b": jnp.array([1.0]), "n": jnp.arange(2)}

    def loss(p):
        return jnp.sum((p["w"] - p["b"]) ** 2)

    value, grads = loss(params), {"w": jnp.array([4.0]), "b": None, "n": None}
    tx = adamx.chain(adamx.sgd(1.0), adamx.scale_by_backtracking_linesearch(8))
    state = tx.init({**params, "n": None})
    updates, _ = tx.update(grads, state, params, value=value, grad=grads, value_fn=loss)
    assert updates["b"] is None
    after = adamx.apply_updates(params, updates)
    assert float(loss(after)) < float(value)


def test_a_measurement_of_an_absent_gradient_stays_as_it_was():
    tx = adamx.snapshot("seen", lambda updates: updates)
    _, state = tx.update(PARAMS, tx.init(PARAMS), PARAMS)
    _, state = tx.update({**PARAMS, "bias": None}, state, PARAMS)
    assert adamx.find(state, "seen")["bias"].tolist() == [1.0] * 3


def test_a_frozen_leaf_without_a_gradient_has_no_update():
    tx = adamx.chain(adamx.adam(0.1), adamx.freeze({"kernel": False, "bias": True}))
    updates, _ = step(tx, PARAMS, {**PARAMS, "bias": None})
    assert updates["bias"] is None
