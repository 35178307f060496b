"""What stands in a state beside the parameters, to be evaluated instead of them."""

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
