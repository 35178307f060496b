"""What a transform is, what its state holds, what a step did: all of it can be seen."""

import html.parser
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from adamx.testing import examples, public_builders
from adamx.tree.text import shortened
from adamx.wrappers.inject_hyperparams import set_hyperparams
from benchmarks.catalogue import bytes_per_parameter

PARAMS = {
    "encoder": {"w": jnp.ones((20, 30)), "b": jnp.zeros(30)},
    "head": {"w": jnp.ones((30, 5), jnp.bfloat16)},
}
NUMBERS = 20 * 30 + 30 + 30 * 5


def is_matrix(path, leaf):
    return leaf.ndim > 1


def rows(tx, params=PARAMS):
    return {row.path: row for row in adamx.describe(tx, params).rows}


def live_bytes(tree):
    return sum(x.nbytes for x in jax.tree.leaves(tree))


def test_the_table_of_adam():
    found = adamx.describe(adamx.adam(adamx.linear_schedule(0.1, 0.0, 9)), PARAMS)
    assert [(row.depth, row.piece) for row in found.rows] == [
        (0, "scale_by_second_moment"),
        (1, "moment"),
        (2, "bias_correct"),
        (3, "second_moment"),
        (1, "numerator"),
        (2, "bias_correct"),
        (3, "scale_by_momentum"),
        (1, "join"),
        (0, "scale_by_learning_rate"),
    ]
    nu = found.rows[3]
    assert nu.hyperparameters["decay"] == 0.999
    assert (nu.locality, nu.dtypes) == ("element", ("float32",))
    assert nu.arrays == ("nu", "nu_weight_sum", "nu_weight_sum_minus_one")
    assert nu.bytes == 4 * NUMBERS + 2 * 4
    assert nu.bytes_per_parameter == nu.bytes / NUMBERS
    assert nu.leaves == ("encoder/b", "encoder/w", "head/w")
    assert found.rows[-1].arrays == ("count", "learning_rate")
    assert found.rows[-1].dtypes == ("int32", "float32")
    lines = str(found).splitlines()
    assert len(lines) == 1 + 1 + 9 + 1 + 1
    assert "learning_rate=linear_schedule(0.1, 0.0, 9)" in lines[-3]
    assert lines[5].startswith("      second_moment ")
    assert lines[-1].startswith("total ")
    assert lines[-1].endswith("6,264           8.03")
    assert repr(found) == str(found)


def test_columns_are_aligned():
    lines = str(adamx.describe(adamx.adamw(0.1, mask=is_matrix), PARAMS)).splitlines()
    edges = [i for i, c in enumerate(lines[1]) if c == " "]
    for i in edges:
        assert {line[i : i + 1] for line in lines} <= {" ", ""}
    assert len({len(lines[0]), len(lines[1]), len(lines[-1])}) == 1


def test_the_table_in_a_notebook_has_the_same_cells():
    tx = adamx.partition(
        {"<a>": adamx.sgd(0.1, momentum=0.9), "b": adamx.sgd(1.0)},
        lambda path, leaf: "<a>" if "head" in path else "b",
    )
    cells = []

    class Reader(html.parser.HTMLParser):
        def handle_data(self, data):
            cells.append(data)

    found = adamx.describe(tx, PARAMS)
    Reader().feed(found._repr_html_())  # pyright: ignore
    assert "  <a>" in cells
    for line in str(found).splitlines():
        for word in line.split():
            assert set(word) == {"─"} or any(word in cell for cell in cells)
    assert len([c for c in cells if c.strip() == "trace"]) == 2


def test_a_mask_says_which_leaves_decay():
    found = rows(adamx.adamw(0.1, mask=is_matrix))
    assert found["masked/True/add_decayed_weights"].leaves == ("encoder/w", "head/w")
    assert found["masked"].leaves == ("encoder/b", "encoder/w", "head/w")
    shown = {
        line.split()[0]: line
        for line in str(
            adamx.describe(adamx.adamw(0.1, mask=is_matrix), PARAMS)
        ).splitlines()
    }
    assert "encoder/w, head/w" in shown["add_decayed_weights"]
    assert " all" in shown["scale_by_learning_rate"]


def test_a_partition_says_who_has_which_leaves():
    parts: dict = {
        "fast": adamx.adam(0.1),
        "slow": adamx.sgd(0.1),
        "held": adamx.freeze(),
    }
    labels = {"encoder": {"w": "fast", "b": "held"}, "head": "slow"}
    found = rows(adamx.partition(parts, labels))
    nu = "partition/fast/scale_by_second_moment/moment/bias_correct/second_moment"
    assert found[nu].leaves == ("encoder/w",)
    assert found[nu].bytes == 4 * 600 + 2 * 4
    assert found["partition/slow"].leaves == ("head/w",)
    assert found["partition/held/freeze"].leaves == ("encoder/b",)
    assert found["partition"].locality == "element"


def test_frozen_leaves_are_with_freeze_alone():
    tx = adamx.chain(
        adamx.MultiSteps(adamx.sgd(0.1, momentum=0.9), 2),
        adamx.freeze({"encoder": False, "head": True}),
    )
    found = rows(tx)
    assert found["freeze"].leaves == ("head/w",)
    assert found["MultiSteps"].leaves == ("encoder/b", "encoder/w")
    assert found["MultiSteps/inner/trace"].bytes == 4 * 630
    whole = {"w": jnp.ones(3), "n": jnp.arange(3), "k": jax.random.key(0)}
    tx = adamx.chain(adamx.adam(0.1), adamx.freeze({"w": False, "n": True, "k": True}))
    assert rows(tx, whole)["freeze"].leaves == ("k", "n")


def test_multi_steps_and_what_is_in_it():
    found = rows(adamx.MultiSteps(adamx.sgd(0.1, momentum=0.9), 4))
    outer, trace = found["MultiSteps"], found["MultiSteps/inner/trace"]
    assert outer.hyperparameters == {"every_k": 4, "mean": True}
    assert outer.arrays == ("acc_grads", "gradient_step", "mini_step")
    assert outer.bytes == 4 * NUMBERS + 8
    assert (outer.locality, trace.locality) == ("tree", "element")
    assert trace.hyperparameters == {"decay": 0.9, "nesterov": False}


def test_injected_hyperparameters_are_shown_as_they_are():
    schedule = adamx.linear_schedule(0.1, 0.0, 9)
    tx = adamx.inject_hyperparams(adamx.adam)(schedule, b1=0.8)
    outer = rows(tx)["inject_hyperparams"]
    assert outer.hyperparameters["learning_rate"] == schedule
    assert outer.arrays == ("count", "hyperparams", "scheduled")
    text = str(adamx.describe(tx, PARAMS))
    assert "b1=0.8, b2=0.999, eps=1e-08" in text  # and not 0.800000012


def test_branches_of_a_fork():
    def add(a, b):
        return a + b

    found = rows(adamx.fork(add, a=adamx.trace(0.9), b=adamx.scale(2.0)))
    assert [*found] == ["fork", "fork/a", "fork/a/trace", "fork/b", "fork/b/scale"]
    clipped = adamx.chain(adamx.clip_by_global_norm(1.0), adamx.trace(0.9))
    found = rows(adamx.fork(add, a=clipped, b=adamx.scale(2.0)))
    assert found["fork/a/clip_by_global_norm"].locality == "tree"
    assert found["fork"].locality == "tree"
    assert found["fork/a/trace"].bytes == 4 * NUMBERS


def test_foreign_transforms_are_one_row():
    tx = adamx.chain(adamx.clip(1.0), optax.adam(0.1))
    clip, foreign = adamx.describe(tx, PARAMS).rows
    assert foreign.piece == "chain"
    assert foreign.arrays == ("count", "mu", "nu")
    assert foreign.bytes == live_bytes(tx.init(PARAMS))
    assert (clip.locality, foreign.locality) == ("element", None)
    (alone,) = adamx.describe(optax.sgd(0.1, momentum=0.9), PARAMS).rows
    assert alone.arrays == ("trace",)


def test_rows_are_data():
    found = adamx.describe(adamx.adam(0.1), PARAMS)
    columns = found.rows[0]._fields
    assert "bytes_per_parameter" in columns
    table = np.array([tuple(map(str, row)) for row in found.rows])
    assert table.shape == (len(found.rows), len(columns))


def first(builder):
    return next(examples(builder))


@pytest.mark.parametrize("name", public_builders())
def test_bytes_are_those_of_the_live_arrays(name):
    tx = first(public_builders()[name])
    params = {"w": jnp.ones((3, 4)), "layer": {"b": jnp.ones(5, jnp.float16)}}
    found = adamx.describe(tx, params)
    state = tx.init(params)
    assert found.total.bytes == live_bytes(state)
    assert sum(row.bytes for row in found.rows) == found.total.bytes
    assert sum(adamx.state_bytes(state).values()) == found.total.bytes
    for row in found.rows:
        if row.arrays:
            mine = adamx.find(state, f"/{row.path}")
            assert set(row.arrays) <= set(mine)
            if set(row.arrays) == set(mine):
                assert row.bytes == live_bytes(mine)


def test_nothing_is_allocated():
    """A terabyte of parameters, abstract and traced."""
    leaf = jax.ShapeDtypeStruct((2**19, 2**19), jnp.float32)
    tx = adamx.chain(adamx.freeze({"w": False, "x": True}), adamx.adamw(0.1))
    found = adamx.describe(tx, {"w": leaf, "x": leaf})
    assert found.total.bytes == 2**41 + 16
    seen = []

    def traced(params):
        seen.append(adamx.describe(tx, params))
        return params

    jax.eval_shape(traced, {"w": leaf, "x": leaf})
    assert str(seen[0]) == str(found)


def test_what_cannot_be_described_is_refused():
    with pytest.raises(adamx.TransformError, match="call it: adam"):
        adamx.describe(adamx.adam, PARAMS)
    with pytest.raises(adamx.TransformError, match=r"(?s)not an array.*b\n.*'x'"):
        adamx.describe(adamx.adam(0.1), {"a": 1.0, "b": "x"})
    with pytest.raises(adamx.TransformError, match="int32 cannot be optimized"):
        adamx.describe(adamx.adam(0.1), jnp.arange(3))


def test_odd_parameters_can_be_described():
    assert adamx.describe(adamx.adam(0.1), {}).total.bytes_per_parameter == 0
    for params in (1.0, {"a": None, "b": 2.0}, {"c": jnp.ones((2, 0))}):
        state = adamx.adam(0.1).init(params)
        assert adamx.describe(adamx.adam(0.1), params).total.bytes == live_bytes(state)
    assert adamx.describe(adamx.identity(), 1.0).rows[0].bytes == 0


def test_names_are_cut_where_they_are_too_many():
    assert shortened(["a", "b"], 4) == "a, b"
    assert shortened(["aaa", "bbb", "ccc"], 8) == "aaa, bbb, … (3)"
    assert shortened(["a" * 99, "b"], 8) == f"{'a' * 99}, … (2)"


def test_bytes_per_parameter_of_the_catalogue():
    assert bytes_per_parameter(adamx.adam(0.1)) == pytest.approx(8, abs=1e-4)
    keyed = adamx.add_noise(0.1, 0.5, 1)
    state = keyed.init(jnp.ones(3))
    assert sum(adamx.state_bytes(state).values()) == live_bytes(state)
    assert adamx.state_bytes(jnp.ones(3)) == {"": 12}


# find


def test_states_are_read_by_name():
    tx = adamx.adam(adamx.linear_schedule(0.5, 0.0, 10))
    grads = {"w": jnp.array([1.0, 2.0]), "b": jnp.array(3.0)}
    _, state = tx.update(grads, tx.init(grads))
    np.testing.assert_allclose(adamx.find(state, "mu")["w"], [0.1, 0.2], rtol=1e-6)
    assert float(adamx.find(state, "nu/b")) == pytest.approx(0.009)
    assert int(adamx.find(state, "count")) == 1
    assert float(adamx.find(state, "learning_rate")) == 0.5
    assert adamx.find(state, "scale_by_learning_rate").keys() == {
        "count",
        "learning_rate",
    }


def test_a_name_that_is_not_there():
    state = adamx.adam(0.1).init(PARAMS)
    with pytest.raises(adamx.TransformError) as error:
        adamx.find(state, "scale_by_momentun")
    text = str(error.value)
    assert "there is no 'scale_by_momentun' in the state" in text
    assert "scale_by_second_moment" in text
    assert "did you mean 'scale_by_momentum'?" in text
    with pytest.raises(adamx.TransformError, match="inject_hyperparams"):
        adamx.find(state, "learning_rate")
    with pytest.raises(adamx.TransformError, match="no names"):
        adamx.find({}, "mu")
    assert adamx.find_all(state, "momentum") == {}


def test_a_name_that_is_there_twice():
    def add(a, b):
        return a + b

    tx = adamx.fork(add, a=adamx.trace(0.9), b=adamx.trace(0.5))
    state = tx.init({"w": jnp.ones(3)})
    with pytest.raises(adamx.TransformError) as error:
        adamx.find(state, "trace/trace")
    assert "there are 2" in str(error.value)
    assert "fork/a/trace/trace, fork/b/trace/trace" in str(error.value)
    assert adamx.find(state, "a/trace/trace")["w"].shape == (3,)
    # What is found is not looked into: the first `trace` is the piece.
    assert [*adamx.find_all(state, "trace")] == ["fork/a/trace", "fork/b/trace"]
    nested = {"count": 1, "inner": {"count": 2}}
    assert adamx.find(nested, "/count") == 1
    assert adamx.find(nested, "inner/count") == 2
    assert adamx.find_all(nested, "count") == {"count": 1, "inner/count": 2}
    # The end of a name is no name.
    assert adamx.find_all({"discount": 1}, "count") == {}


def test_parameters_may_have_the_names_of_pieces():
    params = {"mu": jnp.ones(3), "logvar": jnp.ones(3), "a/b": jnp.ones(2)}
    state = adamx.adam(0.1).init(params)
    with pytest.raises(adamx.TransformError, match="second_moment/nu/mu"):
        adamx.find(state, "mu")
    assert adamx.find(state, "scale_by_momentum/mu").keys() == params.keys()
    assert adamx.find(state, "nu/a/b").shape == (2,)


def test_foreign_states_are_read_by_their_fields():
    tx = adamx.chain(adamx.clip(1.0), optax.adam(0.1))
    state = tx.init(PARAMS)
    assert adamx.find(state, "mu").keys() == PARAMS.keys()
    assert int(adamx.find(state, "count")) == 0
    bare = optax.inject_hyperparams(optax.sgd)(0.25, momentum=0.5).init(PARAMS)
    assert float(adamx.find(bare, "learning_rate")) == 0.25
    assert [*adamx.find_all(bare, "trace")] == ["inner_state/0/trace"]


def test_find_and_set_hyperparams_agree_about_names():
    schedule = adamx.linear_schedule(0.1, 0.0, 9)
    tx = adamx.inject_hyperparams(adamx.adamw)(schedule, weight_decay=0.5)
    state = tx.init({"w": jnp.ones(3)})
    for name, value in state["inject_hyperparams"]["hyperparams"].items():
        assert adamx.find(state, name) is value
        changed = set_hyperparams(state, **{name: 0.125})
        assert float(adamx.find(changed, name)) == 0.125
    assert float(adamx.find(state, "learning_rate")) == pytest.approx(0.1)
    with pytest.raises(adamx.TransformError, match="follows a schedule"):
        set_hyperparams(state, learning_rate=0.5)


# monitor_norms


def three():
    params = {"a": {"w": jnp.array([6.0, 8.0])}, "b": jnp.array([0.0])}
    grads = {"a": {"w": jnp.array([3.0, 4.0])}, "b": jnp.array([12.0])}
    return params, grads


GROUPS = {
    "patterns": {"first": "a/*", "second": "b"},
    "labels": lambda path, leaf: "first" if path.startswith("a/") else "second",
    "tree": lambda params: {"a": {"w": "first"}, "b": "second"},
}


@pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)
def test_norms_by_group(groups):
    params, grads = three()
    tx = adamx.monitor_norms(adamx.sgd(0.5), groups)
    state = tx.init(params)
    assert adamx.monitored(state)["grad_norm"] == {"first": 0.0, "second": 0.0}
    updates, state = tx.update(grads, state, params)
    plain, _ = adamx.sgd(0.5).update(grads, {}, params)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, updates, plain))
    assert adamx.monitored(state) == {
        "grad_norm": {"first": 5.0, "second": 12.0},
        "update_norm": {"first": 2.5, "second": 6.0},
        "param_norm": {"first": 10.0, "second": 0.0},
        "update_to_weight": {"first": 0.25, "second": 0.0},
    }
    assert float(adamx.find(state, "grad_norm/first")) == 5.0


def test_everything_is_one_group():
    params, grads = three()
    tx = adamx.monitor_norms(adamx.sgd(0.5))
    _, state = tx.update(grads, tx.init(params), params)
    assert adamx.monitored(state)["grad_norm"] == {"all": 13.0}
    assert adamx.monitored(state)["update_to_weight"] == {"all": pytest.approx(0.65)}


def test_groups_may_overlap_and_leave_leaves_out():
    params, grads = three()
    tx = adamx.monitor_norms(adamx.sgd(0.5), {"w": "*/w", "all": "*"})
    _, state = tx.update(grads, tx.init(params), params)
    assert adamx.monitored(state)["grad_norm"] == {"all": 13.0, "w": 5.0}
    tx = adamx.monitor_norms(adamx.sgd(0.5), lambda p, x: "w" if "w" in p else None)
    _, state = tx.update(grads, tx.init(params), params)
    assert adamx.monitored(state)["grad_norm"] == {"w": 5.0}


def test_a_pattern_of_no_parameter_is_refused():
    params, _ = three()
    with pytest.raises(adamx.TransformError, match=r"(?s)'c'.*'c/\*'.*a/w, b"):
        adamx.monitor_norms(adamx.sgd(0.5), {"c": "c/*"}).init(params)


def test_off_is_free():
    params, grads = three()
    plain = adamx.adamw(0.1)
    off = adamx.monitor_norms(plain, {"first": "a/*"}, on=False)
    state = plain.init(params)
    assert jax.tree.structure(off.init(params)) == jax.tree.structure(state)

    def program(tx, state=state):
        return str(jax.make_jaxpr(tx.update)(grads, state, params))

    assert program(off) == program(plain)
    nothing = adamx.monitor_norms(adamx.identity(), on=False)
    assert nothing.init(params) == {}
    jaxpr = jax.make_jaxpr(lambda g: nothing.update(g, {}, params))(grads)
    same = jax.make_jaxpr(lambda g: adamx.identity().update(g, {}, params))(grads)
    assert str(jaxpr) == str(same)
    on = adamx.monitor_norms(plain)
    # Or comparing them would say nothing.
    assert program(on, on.init(params)) != program(plain)


@pytest.mark.parametrize(("size", "dtype"), [(1e20, "float32"), (3e4, "float16")])
def test_norms_do_not_overflow(size, dtype):
    params = {"w": jnp.full(10_000, size, dtype)}
    tx = adamx.monitor_norms(adamx.scale(-1.0))
    _, state = tx.update(params, tx.init(params), params)
    found = adamx.monitored(state)
    assert found["grad_norm"]["all"] == pytest.approx(100 * float(params["w"][0]))
    assert found["update_to_weight"]["all"] == pytest.approx(1.0)


def test_what_is_no_number_shows_and_what_is_too_large_is_the_largest():
    top = float(jnp.finfo(jnp.float32).max)
    tx = adamx.monitor_norms(adamx.identity())
    params = {"w": jnp.full(100, 1e-40)}
    for value, expected in ((top, top), (math.inf, math.inf), (math.nan, math.nan)):
        grads = {"w": jnp.full(100, value)}
        _, state = tx.update(grads, tx.init(params), params)
        np.testing.assert_equal(adamx.monitored(state)["grad_norm"]["all"], expected)


def test_the_ratio_of_norms_that_are_no_numbers():
    tx = adamx.monitor_norms(adamx.scale(0.5))
    huge = {"w": jnp.full(10_000, 3e38)}
    _, state = tx.update(huge, tx.init(huge), huge)
    assert adamx.monitored(state)["update_to_weight"]["all"] == pytest.approx(0.5)


@pytest.mark.parametrize("place", ["before", "inside", "part"])
def test_frozen_leaves_take_no_part(place):
    params, grads = three()
    freeze = adamx.freeze({"a": False, "b": True})
    if place == "before":
        tx = adamx.chain(freeze, adamx.monitor_norms(adamx.sgd(0.5)))
    elif place == "inside":
        tx = adamx.monitor_norms(adamx.chain(adamx.sgd(0.5), freeze))
    else:
        parts: dict = {"a": adamx.sgd(0.5), "b": adamx.freeze()}
        tx = adamx.monitor_norms(adamx.partition(parts, {"a": "a", "b": "b"}))
    updates, state = tx.update(grads, tx.init(params), params)
    assert float(updates["b"][0]) == 0.0
    assert adamx.monitored(state)["grad_norm"] == {"all": 5.0}


def test_a_monitor_works_in_scan_and_vmap():
    params, grads = three()
    tx = adamx.monitor_norms(adamx.sgd(0.5, momentum=0.5), {"first": "a/*"})

    def step(carry, factor):
        params, state = carry
        scaled = jax.tree.map(lambda g: g * factor, grads)
        updates, state = tx.update(scaled, state, params)
        return (adamx.apply_updates(params, updates), state), state

    factors = jnp.array([1.0, 0.5, 2.0])
    _, history = jax.jit(lambda c: jax.lax.scan(step, c, factors))(
        (params, tx.init(params))
    )
    assert adamx.monitored(history)["grad_norm"]["first"] == [5.0, 2.5, 10.0]
    assert adamx.monitored(history)["update_norm"]["first"] == [2.5, 2.5, 6.25]

    many = jax.vmap(lambda factor: step((params, tx.init(params)), factor)[1])(factors)
    assert adamx.monitored(many)["grad_norm"]["first"] == [5.0, 2.5, 10.0]


def test_several_monitors_are_read_one_by_one():
    params, grads = three()
    watched = adamx.monitor_norms(adamx.sgd(0.5))
    tx = adamx.partition({1: watched, 2: watched}, {"a": 1, "b": 2})
    _, state = tx.update(grads, tx.init(params), params)
    with pytest.raises(adamx.TransformError, match="partition/1/monitor_norms"):
        adamx.monitored(state)
    assert adamx.monitored(state["partition"]["2"])["grad_norm"] == {"all": 12.0}
    with pytest.raises(adamx.TransformError, match="there is no 'monitor_norms'"):
        adamx.monitored(adamx.adam(0.1).init(params))


def test_a_monitor_needs_the_parameters():
    params, grads = three()
    tx = adamx.monitor_norms(adamx.sgd(0.5))
    with pytest.raises(adamx.TransformError, match="needs the parameters"):
        tx.update(grads, tx.init(params))
