"""L-BFGS beside SciPy: evaluations of the loss on three problems, in float64.

Minimizes Rosenbrock's function of 2 and of 10 parameters, and a logistic regression of
31 (breast-cancer data), by `adamx.lbfgs` and by SciPy's L-BFGS-B. Both keep 10 pairs
and begin at the same point. An evaluation computes the loss and its gradient. Both end
when no entry of the gradient is larger than --tolerance.

Prints iterations, evaluations, the last loss and the largest entry of the last
gradient, and draws the loss over evaluations. Ends with status 1 if adamx misses the
tolerance.

Both begin with the same steps, to rounding, and part after a dozen, because the line
searches differ. The evaluations are about as many. At --tolerance 1e-10 the losses of
the regression differ by rounding errors alone: SciPy ends with a gradient of 4e-10,
while adamx goes on by the slopes.

SciPy has bounds, and rules when to end; the loop below ends adamx. In adamx parameters
may be any tree, and a step is a JAX program, for `jit`, `vmap` and accelerators. SciPy
copies parameters and gradients between JAX and NumPy in each evaluation.

    python examples/lbfgs_beside_scipy.py
    python examples/lbfgs_beside_scipy.py --tolerance 1e-10
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from common import binary_cross_entropy, extra, parser, picture, positive

import adamx

with extra():
    from scipy.optimize import OptimizeResult, minimize
    from sklearn.datasets import load_breast_cancer

NAMES = "adamx.lbfgs", "SciPy L-BFGS-B"
MAX_STEPS = 1000
Loss = Callable[[jax.Array], jax.Array]


class Run(NamedTuple):
    """The loss at the start and after each iteration, with the evaluations so far."""

    evaluations: list[int]
    losses: list[float]
    gradient: float  # its largest entry at the end
    message: str = ""


def rosenbrock(x: jax.Array) -> jax.Array:
    """Return the sum of the valleys between neighbouring parameters."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def logistic_regression() -> Loss:
    """Return the cross-entropy on the breast-cancer data, with a penalty."""
    x, y = map(np.asarray, load_breast_cancer(return_X_y=True))
    x, y = jnp.asarray((x - x.mean(axis=0)) / x.std(axis=0)), jnp.asarray(y)

    def loss(params: jax.Array) -> jax.Array:
        weights, bias = params[:-1], params[-1]
        fit = binary_cross_entropy(x @ weights + bias, y)
        return fit + 1e-4 * jnp.sum(weights**2)

    return loss


def by_adamx(loss: Loss, start: np.ndarray, tolerance: float) -> Run:
    """Minimize with `adamx.lbfgs`."""
    tx = adamx.lbfgs(memory_size=10)
    # The line search ends with a loss and a gradient: the next step begins with them.
    value_and_grad = adamx.value_and_grad_from_state(loss)

    @jax.jit
    def step(params: jax.Array, state: Any) -> tuple[jax.Array, Any]:
        value, grad = value_and_grad(params, state=state)
        updates, state = tx.update(
            grad, state, params, value=value, grad=grad, value_fn=loss
        )
        return adamx.apply_updates(params, updates), state

    params, largest = jnp.asarray(start), np.inf
    state = tx.init(params)
    run = Run([1], [float(loss(params))], largest)
    while largest > tolerance and len(run.losses) <= MAX_STEPS:
        params, state = step(params, state)
        search = state["scale_by_zoom_linesearch"]
        run.evaluations.append(
            run.evaluations[-1] + int(search["num_linesearch_steps"])
        )
        run.losses.append(float(search["value"]))
        largest = float(jnp.abs(search["grad"]).max())
    return run._replace(gradient=largest)


def by_scipy(loss: Loss, start: np.ndarray, tolerance: float) -> Run:
    """Minimize with SciPy's L-BFGS-B."""
    value_and_grad = jax.jit(jax.value_and_grad(loss))
    calls = 0

    def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal calls
        calls += 1
        value, grad = value_and_grad(x)
        return float(value), np.asarray(grad)

    def after_iteration(intermediate_result: OptimizeResult) -> None:
        run.evaluations.append(calls)
        run.losses.append(intermediate_result.fun)

    run = Run([1], [float(loss(jnp.asarray(start)))], np.inf)
    # ftol=0: do not stop because the loss falls slowly, as adamx does not either.
    options = {"maxcor": 10, "gtol": tolerance, "ftol": 0.0, "maxiter": MAX_STEPS}
    found = minimize(
        evaluate,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=after_iteration,
        options=options,
    )
    gradient = float(np.abs(found.jac).max())
    return run._replace(gradient=gradient, message=found.message)


def plot(runs: dict[str, tuple[Run, Run]], path: Path) -> None:
    """Draw how far each loss is above the lowest one, against evaluations."""
    with picture(path, panels=len(runs)) as panels:
        for axes, (problem, pair) in zip(panels, runs.items(), strict=True):
            lowest = min(min(run.losses) for run in pair)
            for run, name, dash in zip(pair, NAMES, ("-", "--"), strict=True):
                above = np.maximum(np.array(run.losses) - lowest, 1e-16)
                axes.semilogy(run.evaluations, above, dash, label=name)
            axes.set_title(problem)
            axes.set_ylim(bottom=1e-12)  # below, it depends on which loss is the lowest
            axes.set_xlabel("evaluations of loss and gradient")
        panels[0].set_ylabel("loss above the minimum")
        panels[0].legend()


def main(argv: Sequence[str] | None = None) -> int:
    """Minimize each problem twice, print a table, save the picture."""
    options = parser(__doc__)
    options.add_argument(
        "--tolerance", type=positive, default=1e-8, help="largest entry of a gradient"
    )
    args = options.parse_args(argv)
    jax.config.update("jax_enable_x64", True)
    problems = {
        "Rosenbrock, 2": (rosenbrock, np.array([-1.2, 1.0])),
        "Rosenbrock, 10": (rosenbrock, np.tile([-1.2, 1.0], 5)),
        "logistic regression": (logistic_regression(), np.zeros(31)),
    }
    runs: dict[str, tuple[Run, Run]] = {}
    print(f"{'':40}iterations  evaluations  loss           gradient")
    for problem, (loss, start) in problems.items():
        runs[problem] = pair = (
            by_adamx(loss, start, args.tolerance),
            by_scipy(loss, start, args.tolerance),
        )
        for name, run in zip(NAMES, pair, strict=True):
            print(
                f"{problem:24}{name:16}{len(run.losses) - 1:10}  "
                f"{run.evaluations[-1]:11}  {run.losses[-1]:<14.6g} {run.gradient:.1e}"
            )
            if run.gradient > args.tolerance:
                print(f"  misses the tolerance. {run.message}")
    plot(runs, args.output / "lbfgs_beside_scipy.png")
    return int(any(ours.gradient > args.tolerance for ours, _ in runs.values()))


if __name__ == "__main__":
    sys.exit(main())
