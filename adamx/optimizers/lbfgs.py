"""L-BFGS: a quasi-Newton direction, and a search along it.

u = H·g                                        scale_by_lbfgs
θ ← θ − η·u, where η meets Wolfe's conditions  scale_by_zoom_linesearch
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.hyper import Finite
from adamx.transforms.line_search.lbfgs import scale_by_lbfgs
from adamx.transforms.line_search.zoom_linesearch import scale_by_zoom_linesearch
from adamx.transforms.scaling.scale import scale_by_learning_rate

ZOOM = scale_by_zoom_linesearch(20, initial_guess_strategy="one")


@transform
def lbfgs(
    learning_rate: Finite | None = None,
    memory_size: int = 10,
    scale_init_precond: bool = True,
    linesearch: TransformLike | None = ZOOM,
) -> Transform:
    """Multiply by an estimate of the inverse Hessian, and search along that direction.

    u = −η·H·g, H as in `scale_by_lbfgs`, η from a line search

    For losses and gradients of all data, not of batches. To compute no loss twice, use
    `value_and_grad_from_state`.

    See `scale_by_lbfgs` for the other arguments.

    Args:
        learning_rate: the step that the search counts as 1, or the whole step if there
            is no search; None for 1.
        linesearch: a line search, or None for steps of `learning_rate`.

    Returns:
        A transform that keeps the state of `scale_by_lbfgs` and that of the search. Its
        update needs the parameters and, with a line search, `value`, `grad` and
        `value_fn`.

    Reference:
        Liu & Nocedal, "On the limited memory BFGS method for large scale optimization",
        1989.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> rosenbrock = lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
        >>> tx, params = adamx.lbfgs(), jnp.array([-0.5, 1.5])
        >>> state = tx.init(params)
        >>> for _ in range(40):
        ...     value, grad = jax.value_and_grad(rosenbrock)(params)
        ...     updates, state = tx.update(
        ...         grad, state, params, value=value, grad=grad, value_fn=rosenbrock
        ...     )
        ...     params = adamx.apply_updates(params, updates)
        >>> bool(rosenbrock(params) < 1e-9)
        True
    """
    rate = 1.0 if learning_rate is None else learning_rate
    direction = chain(
        scale_by_lbfgs(memory_size, scale_init_precond), scale_by_learning_rate(rate)
    )
    return direction if linesearch is None else chain(direction, linesearch)
