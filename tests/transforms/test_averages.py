"""What stands in a state beside the parameters, to be evaluated instead of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adamx
from adamx.testing import problem


def iterates(tx):
    """The parameters after each of 60 steps, and the average after the last."""
    start, grads = problem(0)
    params = {"w": jnp.asarray(start["matrix"])}
    state, path = tx.init(params), []
    for g in grads:
        updates, state = tx.update({"w": jnp.asarray(g["matrix"])}, state, params)
        params = adamx.apply_updates(params, updates)
        path.append(np.asarray(params["w"]))
    return np.stack(path), adamx.averaged_params(state, params)["w"]


@pytest.mark.parametrize("t0", [0, 10])
def test_asgd_averages_its_parameters(t0, x64):
    path, average = iterates(adamx.asgd(1e-2, t0=t0))
    np.testing.assert_allclose(average, path[t0 + 1 :].mean(0), rtol=1e-13)


def test_before_t0_the_average_is_the_parameters(x64):
    path, average = iterates(adamx.asgd(1e-2))
    np.testing.assert_allclose(average, path[-1], rtol=1e-13)


def test_asgd_averages_as_pytorch_does(x64):
    torch = pytest.importorskip("torch")
    start, grads = problem(0)
    before = torch.get_default_dtype()
    # Else its rates, and the shares of the mean, are float32.
    torch.set_default_dtype(torch.float64)
    try:
        tensor = torch.tensor(start["matrix"], requires_grad=True)
        optimizer = torch.optim.ASGD([tensor], lr=1e-2, lambd=0.3, t0=7)
        for g in grads:
            tensor.grad = torch.tensor(g["matrix"])
            optimizer.step()
        expected = optimizer.state[tensor]["ax"].numpy()
    finally:
        torch.set_default_dtype(before)
    _, average = iterates(adamx.asgd(1e-2, lambd=0.3, t0=7))
    np.testing.assert_allclose(average, expected, rtol=1e-13)


@pytest.mark.parametrize("start_step", [-1, 1.5, True])
def test_an_average_starts_at_a_step(start_step):
    with pytest.raises(
        adamx.TransformError, match=r"(?s)start_step .*an integer from 0"
    ):
        adamx.average_params(start_step=start_step)


@pytest.mark.parametrize("decay", [0.9, 0.9999])
@pytest.mark.parametrize("start_step", [0, 7])
def test_a_debiased_average_is_the_weighted_mean(decay, start_step, x64):
    tx = adamx.average_params(decay, start_step, debias=True)
    path, average = iterates(adamx.chain(adamx.sgd(1e-2, 0.9), tx))
    path = path[start_step:]
    weights = (1 - decay) * decay ** np.arange(len(path))[::-1]
    expected = np.tensordot(weights, path, 1) / (1 - decay ** len(path))
    np.testing.assert_allclose(average, expected, rtol=1e-12)


def test_a_debiased_average_with_a_decay_that_changes(x64):
    decays = np.array([0.5, 0.9, 0.99, 0.2])
    table = jnp.asarray(decays)
    tx = adamx.average_params(lambda count: table[count], debias=True)
    state, at, average, total = tx.init(jnp.float64(0)), 0.0, 0.0, 0.0
    for decay, g in zip(decays, [1.0, -3.0, 2.0, 5.0], strict=True):
        _, state = tx.update(jnp.float64(g), state, jnp.float64(at))
        at += g
        average = decay * average + (1 - decay) * at
        total = decay * total + (1 - decay)
        found = adamx.averaged_params(state, jnp.float64(at))
        assert float(found) == pytest.approx(average / total, rel=1e-13)


def test_a_debiased_average_is_right_early_and_late_in_float32():
    """A float32 sum of its weights stops 3e-4 short of 1; of b = 0.9999 1e5 steps."""
    tx = adamx.average_params(0.9999, debias=True)

    def step(state, _):
        return tx.update(jnp.float32(0), state, jnp.float32(3))[1], None

    state = tx.init(jnp.float32(7))
    early, _ = jax.lax.scan(step, state, length=3)
    assert float(adamx.averaged_params(early, jnp.float32(3))) == 3.0
    late, _ = jax.lax.scan(step, state, length=200_000)
    assert float(adamx.averaged_params(late, jnp.float32(3))) == 3.0
    weight = np.asarray(late["average_params"]["weight"], np.float64)
    assert 1 + weight[1] == pytest.approx(1 - 0.9999**200_000, rel=1e-7)


def test_without_a_decay_there_is_nothing_to_debias():
    for tx in (adamx.average_params(), adamx.average_params(debias=True)):
        path, average = iterates(adamx.chain(adamx.sgd(1e-2), tx))
        np.testing.assert_allclose(average, path.mean(0), rtol=1e-5)
        assert "weight" not in tx.init({"w": 1.0})["average_params"]
