"""States from another chain, from Optax and from PyTorch go on where they stood."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx

RATE = 1e-2
SCHEDULE = adamx.cosine_decay_schedule(RATE, 40)


def start() -> dict[str, Any]:
    return {
        "layer": {"w": jnp.linspace(-1.0, 1.0, 6).reshape(2, 3), "b": jnp.ones(3)},
        "scale": jnp.array(0.5),
    }


def gradients(params: Any, step: int) -> Any:
    keys = jax.random.split(jax.random.key(step), len(jax.tree.leaves(params)))
    keys = jax.tree.unflatten(jax.tree.structure(params), list(keys))
    return jax.tree.map(
        lambda p, k: jax.random.normal(k, p.shape, p.dtype), params, keys
    )


def walk(tx: Any, params: Any, state: Any, steps: range) -> tuple[Any, Any]:
    """The parameters and the state after these steps, of gradients by their number."""
    update = jax.jit(tx.update)
    for step in steps:
        updates, state = update(gradients(params, step), state, params)
        params = jax.tree.map(jnp.add, params, updates)
    return params, state


def away(a: Any, b: Any) -> float:
    """The largest difference, in steps of RATE."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return max(float(jnp.max(jnp.abs(x - y))) for x, y in pairs) / RATE


# From Optax.

PAIRS = {
    "adam": (adamx.adam(RATE), optax.adam(RATE)),
    "scheduled": (adamx.adam(SCHEDULE), optax.adam(SCHEDULE)),
    "nadam": (adamx.nadam(RATE), optax.nadam(RATE)),
    "clipped adamw": (
        adamx.chain(adamx.clip_by_global_norm(1.0), adamx.adamw(RATE, b2=0.9)),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(RATE, b2=0.9)),
    ),
    "masked decay": tuple(
        lib.adamw(RATE, mask=lambda p: jax.tree.map(lambda x: x.ndim > 1, p))
        for lib in (adamx, optax)
    ),
    "plain": (adamx.sgd(RATE), optax.sgd(RATE)),
    "momentum": (adamx.sgd(RATE, momentum=0.9), optax.sgd(RATE, momentum=0.9)),
    "scheduled momentum": (adamx.sgd(SCHEDULE, 0.9), optax.sgd(SCHEDULE, 0.9)),
    "rms": (adamx.rmsprop(RATE), optax.rmsprop(RATE)),
    # The numbers in the state are those that count, here as there.
    "injected": (
        adamx.inject_hyperparams(adamx.adam)(0.5, b1=0.5),
        optax.inject_hyperparams(optax.adam)(RATE, b1=0.8),
    ),
    "injected schedule": tuple(
        lib.inject_hyperparams(lib.adamw)(SCHEDULE) for lib in (adamx, optax)
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_training_goes_on_from_an_optax_state(name, x64):
    ours, theirs = PAIRS[name]
    params = jax.tree.map(lambda p: p.astype(jnp.float64), start())
    params, state = walk(theirs, params, theirs.init(params), range(7))
    mine = adamx.from_optax(state, ours, params)
    jax.tree.map(
        lambda a, b: pytest.fail(f"{a} {b}") if a != b else None,
        jax.tree.map(jnp.result_type, mine),
        jax.tree.map(jnp.result_type, ours.init(params)),
    )
    expected, _ = walk(theirs, params, state, range(7, 30))
    got, _ = walk(ours, params, mine, range(7, 30))
    # What Optax injects is float32 with x64 too, and so is its 1 − b2ᵗ: an error of
    # 2⁻²⁴/(1 − 0.999ᵗ) in a square root, twice, summed over t from 8 to 30: 8e-5.
    assert away(got, expected) < (1e-4 if "injected" in name else 1e-12)


def test_the_state_from_optax_is_as_if_the_steps_had_been_taken_here(x64):
    tx = adamx.adam(SCHEDULE)
    params = jax.tree.map(lambda p: p.astype(jnp.float64), start())
    theirs = optax.scale_by_adam()
    state = theirs.init(params)
    own = tx.init(params)
    for step in range(9):
        grads = gradients(params, step)
        state, own = theirs.update(grads, state)[1], tx.update(grads, own, params)[1]
    mine = adamx.from_optax(state, tx, params)
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(own), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_the_response_of_a_scheduled_decay_is_that_of_its_steps(x64):
    tx = adamx.scale_by_adam(b1=lambda count: 0.9 - 0.5 / (count + 1.0))
    params = {"w": jnp.ones(2)}
    own = tx.init(params)
    for step in range(5):
        own = tx.update(gradients(params, step), own)[1]
    moments = {k: adamx_slot(own, k) for k in ("mu", "nu")}
    kept = optax.ScaleByAdamState(jnp.array(5), moments["mu"], moments["nu"])  # pyright: ignore
    mine = adamx.from_optax(kept, tx, params)
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(own), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-15)


def adamx_slot(state: Any, name: str) -> Any:
    if name in state:
        return state[name]
    inner = (v for v in state.values() if isinstance(v, dict))
    found = (adamx_slot(v, name) for v in inner)
    return next((x for x in found if x is not None), None)


def test_parts_of_an_optax_adam_go_to_the_parts_of_a_partition():
    tx = adamx.partition(
        {"decayed": adamx.adamw(RATE, weight_decay=0.1), "plain": adamx.adam(RATE)},
        lambda path, leaf: "decayed" if leaf.ndim > 1 else "plain",
    )
    params = start()
    theirs = optax.adam(RATE)
    _, state = walk(theirs, params, theirs.init(params), range(3))
    mine = adamx.from_optax(state, tx, params)["partition"]
    np.testing.assert_array_equal(
        adamx_slot(mine["decayed"], "mu")["layer"]["w"], state[0].mu["layer"]["w"]
    )
    np.testing.assert_array_equal(
        adamx_slot(mine["plain"], "nu")["scale"], state[0].nu["scale"]
    )


def test_masked_leaves_of_optax_are_left_out():
    mask = {"layer": {"w": True, "b": False}, "scale": True}
    theirs = optax.masked(optax.adam(RATE), mask)
    ours = adamx.masked(adamx.adam(RATE), mask)
    params = start()
    _, state = walk(theirs, params, theirs.init(params), range(3))
    mine = adamx.from_optax(state, ours, params)
    assert adamx_slot(mine, "mu")["layer"]["b"] is None
    assert jax.tree.structure(mine) == jax.tree.structure(ours.init(params))


def kept(**changes: Any) -> Any:
    params = start()
    fields = {"count": jnp.array(3), "mu": params, "nu": params} | changes
    return optax.ScaleByAdamState(**fields)


WRONG_FROM_OPTAX = {
    "no state at all": (lambda: {"mu": 1}, adamx.adam(RATE), "not known here"),
    "an unknown piece": (
        lambda: optax.adabelief(RATE).init(start()),
        adamx.adam(RATE),
        "a ScaleByBeliefState",
    ),
    "accumulation": (
        lambda: optax.MultiSteps(optax.adam(RATE), 2).init(start()),
        adamx.adam(RATE),
        "bring over its inner_opt_state, and wrap it with adamx.migrate",
    ),
    "two optimizers": (
        lambda: (kept(), kept()),
        adamx.adam(RATE),
        "more than one 'mu'",
    ),
    "a slot of ours is left": (kept, adamx.amsgrad(RATE), "nothing to fill .*nu_max"),
    "a moment of theirs is left": (kept, adamx.sgd(RATE), "no place for a moment"),
    "a wrapper around": (kept, adamx.MultiSteps(adamx.adam(RATE), 2), "adamx.migrate"),
    "other parameters": (lambda: kept(mu={}), adamx.adam(RATE), "where: .*layer"),
    "another shape": (
        lambda: kept(nu=start() | {"scale": jnp.ones(2)}),
        adamx.adam(RATE),
        r"where: .*scale(.|\n)*expected: float32\[\](.|\n)*got: .*float32\[2\]",
    ),
    "counts differ": (
        lambda: (kept(), optax.ScaleByScheduleState(jnp.array(4))),
        adamx.adam(SCHEDULE),
        r"\[0\] \(ScaleByAdamState\): 3, \[1\] \(ScaleByScheduleState\): 4",
    ),
    "no count": (
        lambda: optax.TraceState(start()),
        adamx.sgd(SCHEDULE, 0.9),
        "count=…",
    ),
    "a count below zero": (
        lambda: kept(count=jnp.array(-1)),
        adamx.adam(RATE),
        "count is out of range",
    ),
    "a moment of another kind": (
        lambda: optax.ScaleByRmsState(start()),
        adamx.scale_by_second_moment(adamx.yogi_moment(0.9)),
        "nothing to fill the slot 'nu' with(.|\n)*yogi_moment",
    ),
    "two slots for one moment": (
        kept,
        adamx.fork(lambda a, b: a + b, a=adamx.adam(RATE), b=adamx.adam(RATE)),
        "two slots would be filled with one 'nu'",
    ),
    "a foreign pair with a slot": (
        lambda: optax.TraceState(start()),
        adamx.Transform(lambda p: p, lambda u, s, p: (u, s)),
        "nothing to fill the slot",
    ),
    "scalars of past gradients": (
        kept,
        adamx.chain(adamx.skip_large_updates(adamx.adam(RATE), 1.0)),
        "depends on all past gradients",
    ),
}


@pytest.mark.parametrize("name", WRONG_FROM_OPTAX)
def test_what_cannot_come_from_optax_is_refused(name):
    state, tx, message = WRONG_FROM_OPTAX[name]
    with pytest.raises(adamx.TransformError, match=message):
        adamx.from_optax(state(), tx, start())


def test_a_count_that_the_optax_state_lacks_can_be_given():
    tx = adamx.sgd(SCHEDULE, 0.9)
    mine = adamx.from_optax(optax.TraceState(start()), tx, start(), count=4)
    assert int(mine["scale_by_learning_rate"]["count"]) == 4


# From PyTorch.


def torch_case(name: str) -> Any:
    torch = pytest.importorskip("torch")
    decay = {"weight_decay": 0.1}
    coupled = adamx.add_decayed_weights(0.1)
    return {
        "adam": (torch.optim.Adam, {}, adamx.adam(RATE)),
        "adamw": (torch.optim.AdamW, decay, adamx.adamw(RATE, weight_decay=0.1)),
        "coupled": (torch.optim.Adam, decay, adamx.chain(coupled, adamx.adam(RATE))),
        "amsgrad": (torch.optim.Adam, {"amsgrad": True}, adamx.amsgrad(RATE)),
        "sgd": (torch.optim.SGD, {}, adamx.sgd(RATE)),
        "momentum": (torch.optim.SGD, {"momentum": 0.9}, adamx.sgd(RATE, 0.9)),
        "nesterov": (
            torch.optim.SGD,
            {"momentum": 0.9, "nesterov": True},
            adamx.sgd(RATE, 0.9, nesterov=True),
        ),
    }[name]


NAMES = ["scale", "layer/b", "layer/w"]
"""Another order than that of the leaves."""


def turned(path: str, array: np.ndarray) -> np.ndarray:
    return array.T if path == "layer/w" else array


def torch_walk(optimizer: Any, ours: Any, steps: range) -> None:
    torch = pytest.importorskip("torch")
    tensors = dict(zip(NAMES, optimizer.param_groups[0]["params"], strict=True))
    for step in steps:
        grads = gradients(ours, step)
        flat = {"scale": grads["scale"], "layer/b": grads["layer"]["b"]}
        flat["layer/w"] = grads["layer"]["w"].T
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(np.asarray(flat[name]))
        optimizer.step()


@pytest.mark.parametrize(
    "name", ["adam", "adamw", "coupled", "amsgrad", "sgd", "momentum", "nesterov"]
)
def test_training_goes_on_from_a_torch_state(name, x64):
    torch = pytest.importorskip("torch")
    kind, options, ours = torch_case(name)
    params = jax.tree.map(lambda p: p.astype(jnp.float64), start())
    first = [params["scale"], params["layer"]["b"], params["layer"]["w"].T]
    tensors = [torch.tensor(np.asarray(p), requires_grad=True) for p in first]
    optimizer = kind(tensors, lr=RATE, **options)

    def here() -> Any:
        scale, b, w = (jnp.asarray(t.detach().numpy().copy()) for t in tensors)
        return {"layer": {"w": w.T, "b": b}, "scale": scale}

    torch_walk(optimizer, params, range(7))
    state = adamx.from_torch(
        optimizer.state_dict(), ours, here(), NAMES, transform=turned
    )
    got, _ = walk(ours, here(), state, range(7, 30))
    torch_walk(optimizer, params, range(7, 30))
    assert away(got, here()) < 1e-12


def torch_state(**changes: Any) -> Any:
    one = {"step": 3.0, "exp_avg": np.ones(2), "exp_avg_sq": np.ones(2)}
    state = {0: one, 1: dict(one)}
    state[1] |= changes
    return {"state": state, "param_groups": [{"params": [0, 1]}]}


def test_each_moment_of_torch_goes_to_the_slot_of_its_name():
    """Without PyTorch, which the extra `test` does not install."""
    sizes = {"exp_avg": 1.0, "exp_avg_sq": 2.0, "max_exp_avg_sq": 3.0}
    one = {"step": 3.0, **{k: np.full(2, x) for k, x in sizes.items()}}
    state = {"state": {0: one}, "param_groups": [{"params": [0]}]}
    params = {"a": jnp.ones(2)}
    found = adamx.from_torch(state, adamx.amsgrad(RATE), params, ["a"])
    slots = {name: adamx.find(found, name)["a"] for name in ("mu", "nu", "nu_max")}
    assert {name: x.tolist() for name, x in slots.items()} == {
        "mu": [1, 1],
        "nu": [2, 2],
        "nu_max": [3, 3],
    }


WRONG_FROM_TORCH = {
    "no state dict": (lambda: {"model": 1}, {}, "no state dict of a PyTorch optimizer"),
    "one name too few": (torch_state, {"names": ["a"]}, "got: .*1 names"),
    "a name twice": (torch_state, {"names": ["a", "a"]}, "twice: a"),
    "a name of nothing": (torch_state, {"names": ["a", "c"]}, "not in params: c"),
    "unknown": (
        lambda: torch_state(exp_inf=1.0),
        {},
        "'exp_inf' is not known(.|\n)* b",
    ),
    "steps differ": (lambda: torch_state(step=4.0), {}, "a: 3, b: 4"),
    "a shape": (
        lambda: torch_state(exp_avg=np.ones((2, 1))),
        {},
        r"'mu'(.|\n)*\['b'\](.|\n)*float32\[2\](.|\n)*float64\[2,1\]",
    ),
    "a leaf without a moment": (
        lambda: torch_state(exp_avg=None),
        {},
        r"'mu'(.|\n)*\['b'\](.|\n)*nothing",
    ),
}


@pytest.mark.parametrize("name", WRONG_FROM_TORCH)
def test_what_cannot_come_from_torch_is_refused(name):
    state, options, message = WRONG_FROM_TORCH[name]
    params = {"a": jnp.ones(2), "b": jnp.ones(2)}
    options = {"names": ["a", "b"]} | options
    with pytest.raises(adamx.TransformError, match=message):
        adamx.from_torch(state(), adamx.adam(RATE), params, **options)


def test_torch_tensors_of_bfloat16_come_over():
    torch = pytest.importorskip("torch")
    tensor = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    optimizer = torch.optim.Adam([tensor])
    tensor.grad = torch.ones_like(tensor)
    optimizer.step()
    params = {"w": jnp.ones(2, jnp.bfloat16)}
    state = adamx.from_torch(optimizer.state_dict(), adamx.adam(1e-3), params, ["w"])
    np.testing.assert_allclose(adamx_slot(state, "mu")["w"], 0.1, rtol=1e-2)


# From another chain.


def walked(tx: adamx.Transform, steps: int = 5) -> Any:
    return walk(tx, start(), tx.init(start()), range(steps))[1]


ADAM = adamx.adam(RATE)

WRAPPED = {
    "a clip in front": adamx.chain(adamx.clip_by_global_norm(1.0), ADAM),
    "accumulation": adamx.MultiSteps(ADAM, 2),
    "injection": adamx.inject_hyperparams(adamx.adam)(RATE),
    "both": adamx.MultiSteps(adamx.inject_hyperparams(adamx.adam)(RATE), 2),
    "a schedule": adamx.adam(SCHEDULE),
    "lookahead": adamx.lookahead(ADAM, 5, 0.5),
    "a wrapper with numbers of its own": adamx.dynamic_loss_scale(ADAM),
    "a partition": adamx.partition(
        {"a": ADAM, "b": adamx.adamw(RATE)},
        lambda path, leaf: "a" if leaf.ndim else "b",
    ),
    "a narrower fork": adamx.fork(lambda a: a, a=ADAM),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_all_of_adam_is_carried_into_what_is_put_around_it(name):
    old = walked(ADAM)
    tx = WRAPPED[name]
    state, report = adamx.migrate(old, tx, start())
    assert not any((report.dropped, report.mismatched))
    assert not any((report.ambiguous, report.held_back))
    assert len(set(report.carried.values())) == 2 * 3 + 4
    for piece in ("mu", "nu", "nu_weight_sum"):
        assert any(piece in path.split("/") for path in report.carried), piece
    assert jax.tree.structure(state) == jax.tree.structure(tx.init(start()))

    # And back again, the parts of a partition having taken the same steps.
    again, report = adamx.migrate(state, ADAM, start())
    assert len(report.carried) == 2 * 3 + 4
    assert not any((report.new, report.ambiguous, report.held_back))
    for a, b in itertools.zip_longest(jax.tree.leaves(again), jax.tree.leaves(old)):
        np.testing.assert_array_equal(a, b)


def test_a_state_of_the_same_chain_is_carried_whole():
    tx = adamx.chain(adamx.clip_by_global_norm(1.0), adamx.noisy_sgd(RATE, key=1))
    old = walked(tx)
    state, report = adamx.migrate(old, tx, start())
    assert report.complete()
    a, b = (walk(tx, start(), s, range(3))[0] for s in (state, old))
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_new_head_is_fresh_and_the_rest_is_carried():
    old = walked(ADAM)
    params = start() | {"scale": jnp.ones((4,))}
    state, report = adamx.migrate(old, ADAM, params)
    path = "scale_by_second_moment/moment/bias_correct/second_moment/nu/scale"
    assert report.mismatched[path] == ("float32[4]", "float32[]")
    assert len(report.mismatched) == 2
    assert adamx_slot(state, "nu")["scale"].tolist() == [0.0] * 4
    np.testing.assert_array_equal(
        adamx_slot(state, "mu")["layer"]["w"], adamx_slot(old, "mu")["layer"]["w"]
    )
    assert f"{path}  expected float32[4], got float32[]" in str(report)


def test_a_new_head_in_a_part_of_its_own_has_its_own_bias_correction():
    tx = adamx.partition(
        {"body": ADAM, "head": ADAM},
        lambda path, leaf: "head" if path == "scale" else "body",
    )
    params = start() | {"scale": jnp.ones((4,))}
    state, report = adamx.migrate(walked(ADAM), tx, params)
    assert len(report.carried) == 2 * 2 + 4
    fresh = tx.init(params)["partition"]["head"]
    for a, b in zip(
        jax.tree.leaves(state["partition"]["head"]), jax.tree.leaves(fresh), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    updates, _ = tx.update(params, state, params)
    np.testing.assert_allclose(updates["scale"], -RATE, rtol=1e-5)


def test_dtypes_are_those_of_the_new_state(x64):
    params = jax.tree.map(lambda p: p.astype(jnp.float64), start())
    old = walk(ADAM, params, ADAM.init(params), range(3))[1]
    narrow = jax.tree.map(lambda p: p.astype(jnp.float32), params)
    state, report = adamx.migrate(old, ADAM, narrow)
    assert report.complete()
    assert adamx_slot(state, "mu")["scale"].dtype == jnp.float32
    np.testing.assert_array_equal(
        adamx_slot(state, "mu")["scale"],
        adamx_slot(old, "mu")["scale"].astype(jnp.float32),
    )


def test_what_could_come_from_two_places_is_not_carried():
    two = adamx.fork(lambda a, b: a + b, a=adamx.trace(0.9), b=adamx.trace(0.5))
    state, report = adamx.migrate(walked(two), adamx.trace(0.9), start())
    assert report.ambiguous["trace/trace/scale"] == (
        "fork/a/trace/trace/scale",
        "fork/b/trace/trace/scale",
    )
    assert not any(map(jnp.any, jax.tree.leaves(state)))
    # Nor is what two places could want.
    state, report = adamx.migrate(walked(adamx.trace(0.9)), two, start())
    assert set(report.ambiguous.values()) >= {("trace/trace/scale",)}
    assert not report.carried


def test_a_moment_is_carried_with_its_bias_correction():
    # The maximum has a weight sum of its own, beside that of the average.
    state, report = adamx.migrate(walked(ADAM), adamx.amsgrad(RATE), start())
    moment = "scale_by_second_moment/moment/bias_correct"
    assert not any((report.mismatched, report.held_back, report.dropped))
    assert f"{moment}/second_moment/nu_weight_sum" in report.carried
    assert f"{moment}/running_max/nu_max_weight_sum" in report.new
    # The maximum of averages that grow is the last one.
    grads = jax.tree.map(lambda x: 9 * jnp.ones_like(x), start())
    updates, _ = adamx.amsgrad(RATE).update(grads, state, start())
    expected, _ = ADAM.update(grads, walked(ADAM), start())
    assert away(updates, expected) < 1e-6


def test_a_moment_is_held_back_without_its_bias_correction():
    """Divided by a fresh weight sum, three steps of momentum would be far too long."""
    momentum = adamx.scale_by_momentum(0.9)
    tx = adamx.bias_correct(momentum)
    state, report = adamx.migrate(walked(momentum), tx, start())
    assert not report.carried
    assert len(report.held_back) == len(jax.tree.leaves(start()))
    for a, b in zip(
        jax.tree.leaves(state), jax.tree.leaves(tx.init(start())), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_a_bias_correction_is_held_back_without_its_moments():
    old = walked(ADAM)
    params = {"other": jnp.ones(2)}
    state, report = adamx.migrate(old, ADAM, params)
    assert not report.carried
    assert len(report.held_back) == 4
    for a, b in zip(
        jax.tree.leaves(state), jax.tree.leaves(ADAM.init(params)), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_a_decay_that_is_scheduled_now_does_not_hold_its_moment_back():
    tx = adamx.trace(lambda count: 0.9 - 0.1 / (1 + count))
    _, report = adamx.migrate(walked(adamx.trace(0.9)), tx, start())
    assert set(report.new) == {"trace/count", "trace/decay"}
    assert len(report.carried) == 3
    assert not report.held_back


def test_a_state_carried_to_two_places_can_be_donated():
    tx = WRAPPED["a partition"]
    state, _ = adamx.migrate(walked(ADAM), tx, start())
    jax.jit(tx.update, donate_argnums=1)(start(), state, start())


def test_what_is_carried_is_where_the_parameters_are():
    mesh = jax.make_mesh((8,), ("x",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    whole = {"w": jnp.arange(16.0)}
    old = ADAM.update(whole, ADAM.init(whole), whole)[1]
    saved = jax.tree.map(np.asarray, old)
    params = jax.device_put(whole, sharding)
    state, report = adamx.migrate(saved, ADAM, params)
    assert report.complete()
    assert adamx_slot(state, "mu")["w"].sharding == sharding
    ADAM.update(params, state, params)


def test_a_foreign_state_is_carried_whole():
    tx = adamx.chain(optax.scale_by_adam(), adamx.scale(-RATE))
    state, report = adamx.migrate(walked(tx), adamx.MultiSteps(tx, 2), start())
    assert list(report.carried) == ["MultiSteps/inner/scale_by_adam"]
    assert int(state["MultiSteps"]["inner"]["scale_by_adam"].count) == 5


def test_what_was_dropped_is_said():
    _, report = adamx.migrate(walked(adamx.trace(0.9)), adamx.sgd(RATE), start())
    assert sorted(report.dropped) == [
        f"trace/trace/{p}" for p in ("layer/b", "layer/w", "scale")
    ]
    assert str(report).startswith("dropped:   3\n  trace/trace/layer/")
    assert not report.complete()


def test_one_array_as_parameters_can_be_migrated():
    params = jnp.ones(3)
    old = ADAM.init(params)
    _, old = ADAM.update(params, old, params)
    _, report = adamx.migrate(old, adamx.MultiSteps(ADAM, 2), params)
    assert len(report.carried) == 6


@pytest.mark.parametrize(
    "tx",
    [
        adamx.chain(ADAM, adamx.scale_by_polyak()),
        adamx.dpsgd(RATE, 1.0, 0.5, 0, momentum=0.9),
    ],
    ids=["more arguments", "gradients of each example"],
)
def test_a_transform_with_needs_of_its_own_takes_over_too(tx):
    state = tx.init(start())
    _, report = adamx.migrate(state, adamx.apply_if_finite(tx, 3), start())
    assert len(report.carried) == len(jax.tree.leaves(state))


def test_an_optax_state_is_sent_to_from_optax():
    with pytest.raises(adamx.TransformError, match=r"adamx\.from_optax"):
        adamx.migrate(optax.adam(RATE).init(start()), ADAM, start())


def test_optax_within_multi_steps_comes_over_in_two_steps(x64):
    params = jax.tree.map(lambda p: p.astype(jnp.float64), start())
    wide = {"accumulator_dtype": jnp.float64}
    theirs = optax.MultiSteps(optax.adam(RATE), 2, **wide)  # pyright: ignore
    ours = adamx.MultiSteps(ADAM, 2)
    params, old = walk(theirs, params, theirs.init(params), range(6))
    inner = adamx.from_optax(old.inner_opt_state, ADAM, params)
    state, _ = adamx.migrate(inner, ours, params)
    expected, _ = walk(theirs, params, old, range(6, 16))
    got, _ = walk(ours, params, state, range(6, 16))
    assert away(got, expected) < 1e-12
