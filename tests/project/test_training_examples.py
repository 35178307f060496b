"""The longer examples: GPT, LoRA, PPO, a population, and L-BFGS beside SciPy."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from tests.project.test_examples import assert_picture
from tests.project.test_examples import example as example


def run(example, capsys, folder, name, *flags):
    """Run an example; return what it printed. It must end well, with a picture."""
    assert example(name).main([*flags, "--output", str(folder)]) == 0
    assert_picture(folder / f"{name}.png")
    return capsys.readouterr().out


@pytest.mark.full
def test_the_gpt_goes_on_from_a_checkpoint_with_equal_bits(example, tmp_path, capsys):
    out = run(example, capsys, tmp_path, "gpt", "--steps=10")
    losses = re.findall(r"^step +(\d+) .* AdamW ([\d.]+)  Muon ([\d.]+)$", out, re.M)

    assert [step for step, *_ in losses] == ["10"]
    assert all(float(x) < 3.2 for _, *pair in losses for x in pair)
    assert "saved after batch 21 of 40, loaded: equal bits" in out


@pytest.mark.full
def test_lora_trains_few_parameters(example, tmp_path, capsys):
    out = run(example, capsys, tmp_path, "lora", "--steps=100", "--rank=2")
    rows = re.findall(r"^(.*?)  +([\d,]+) +([\d,]+)  ([\d.]+)$", out, re.M)
    found = {
        name: (int(parameters.replace(",", "")), int(size.replace(",", "")))
        for name, parameters, size, _ in rows
    }

    # Layers 64 → 128 → 128 → 10; A and B have 2 rows or columns each.
    whole, last = 64 * 128 + 128 * 128 + 128 * 10 + 128 + 128 + 10, 128 * 10 + 10
    low = 2 * (64 + 128 + 128 + 128 + 128 + 10)
    assert {name: parameters for name, (parameters, _) in found.items()} == {
        "all parameters": whole,
        "last layer": last,
        "LoRA": low,
        "LoRA+": low,
    }
    for parameters, size in found.values():
        assert 8 * parameters < size <= 8 * parameters + 32


@pytest.mark.full
def test_ppo_learns(example, tmp_path, capsys):
    out = run(example, capsys, tmp_path, "ppo", "--seeds=2", "--updates=30")
    returns = [float(x) for x in re.findall(r"mean return +([\d.]+)", out)]

    assert returns[0] < 30
    assert returns[-1] > 150


def test_the_cart_moves_by_the_equations_of_motion(example):
    """They are solved here as a linear system; the pole is a rod, 1 long."""
    module = example("ppo")
    key, observed = jax.random.key(0), jax.random.normal(jax.random.key(1), (16, 4))
    observed = observed * jnp.array([1.0, 1.0, 0.1, 1.0])
    action = jnp.arange(16) % 2
    carts = module.Carts(observed, jnp.zeros(16), jnp.zeros(16))
    after, done = module.push(carts, action, key)

    for row, a, new, ended in zip(observed, action, after.observed, done, strict=True):
        x, speed, angle, spin = map(float, row)
        pull = 0.1 * 0.5 * np.cos(angle)
        masses = [[1.0 + 0.1, pull], [pull, 4 / 3 * 0.1 * 0.5**2]]
        force = (10 if a else -10) + 0.1 * 0.5 * spin**2 * np.sin(angle)
        shift, turn = np.linalg.solve(masses, [force, 0.1 * 9.8 * 0.5 * np.sin(angle)])
        moved = row + 0.02 * jnp.array([speed, shift, spin, turn])
        fallen = abs(x + 0.02 * speed) > 2.4 or abs(angle + 0.02 * spin) > np.pi / 15
        assert ended == fallen
        expected = np.zeros(4) if fallen else moved
        np.testing.assert_allclose(new, expected, atol=0.05 if fallen else 1e-5)
    assert 0 < done.sum() < 16


@pytest.mark.full
def test_a_population_is_tuned(example, tmp_path, capsys):
    flags = "--members=8", "--rounds=12"
    out = run(example, capsys, tmp_path, "population", *flags)
    rates = re.findall(r"^ *\d+  ([\d.]+) … +([\d.]+) ", out, re.M)
    ratios = [float(high) / float(low) for low, high in rates]

    assert ratios[0] == 1e5
    assert ratios[-1] < 30


def test_the_worst_quarter_is_replaced_by_the_best(example):
    module = example("population")
    params = jnp.arange(8.0)
    state = jax.vmap(module.tx.init)(params)
    state = adamx.set_hyperparams(state, learning_rate=params + 1)
    losses = jnp.array([3.0, 1.0, jnp.inf, 4.0, 5.0, 0.0, 2.0, 9.0])
    params, state = module.exploit_and_explore(params, state, losses, jax.random.key(0))

    # Of the best, 5 and 1, one takes the place of 2 and one that of 7.
    assert params.tolist()[:2] + params.tolist()[3:7] == [0, 1, 3, 4, 5, 6]
    assert {params[2].item(), params[7].item()} == {1, 5}
    ratios = module.rates_of(state) / (params + 1)
    assert ratios.tolist()[:2] + ratios.tolist()[3:7] == [1] * 6
    for ratio in ratios[2], ratios[7]:
        assert min(abs(ratio - 0.8), abs(ratio - 1.25)) < 1e-6


@pytest.fixture
def float64():
    """Enable float64, and disable it after the example, which enables it too."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.mark.full
@pytest.mark.usefixtures("float64")
def test_lbfgs_needs_about_the_evaluations_of_scipy(example, tmp_path, capsys):
    out = run(example, capsys, tmp_path, "lbfgs_beside_scipy")
    rows = re.findall(
        r"^(.*?)  +(adamx|SciPy)[. ]\S+ +(\d+) +(\d+)  (\S+) +(\S+)$", out, re.M
    )
    assert len(rows) == 6
    for ours, theirs in zip(rows[::2], rows[1::2], strict=True):
        assert ours[0] == theirs[0]
        assert abs(int(ours[3]) - int(theirs[3])) <= 0.1 * int(theirs[3])
        assert abs(float(ours[4]) - float(theirs[4])) < 1e-9
        assert float(ours[5]) <= 1e-8


@pytest.mark.full
@pytest.mark.usefixtures("float64")
def test_the_evaluations_of_lbfgs_are_counted(example):
    module, calls = example("lbfgs_beside_scipy"), []

    def counted(x):
        value = module.rosenbrock(x)
        jax.debug.callback(calls.append, value, ordered=True)
        return value

    found = module.by_adamx(counted, np.array([-1.2, 1.0]), 1e-8)
    jax.effects_barrier()
    # The first loss is computed once more, for the start of the curve.
    assert len(calls) == found.evaluations[-1] + 1


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("gpt", "--steps=9"),
        ("lora", "--rank=0"),
        ("ppo", "--seeds=none"),
        ("population", "--members=3"),
        ("lbfgs_beside_scipy", "--tolerance=0"),
    ],
)
def test_a_bad_flag_is_one_line(example, capsys, name, flag):
    with pytest.raises(SystemExit) as stop:
        example(name).main([flag])
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
    assert flag.partition("=")[0] in err


def test_a_missing_package_is_one_line(example, capsys):
    with pytest.raises(SystemExit) as stop, example("common").extra():
        import nowhere  # noqa: F401 # pyright: ignore
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
    assert "nowhere" in err
    assert 'pip install ".[examples]"' in err
