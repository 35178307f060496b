"""Hyperball: any optimizer on a sphere, with steps of one length.

w = θ + η·R·u/‖u‖,  θ ← R·w/‖w‖     hold_norm, with the optimizer's update u
"""

from adamx.core.chain import chain
from adamx.core.partition import masked
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.hyper import Finite
from adamx.hyperparameters.labels import Labels
from adamx.linalg.kinds import is_hidden_matrix, through
from adamx.linalg.matrix_view import View
from adamx.transforms.constraints.hold_norm import hold_norm
from adamx.transforms.matrices.as_matrices import as_matrices


@transform
def hyperball(
    inner: TransformLike,
    learning_rate: Finite,
    mask: Labels = is_hidden_matrix,
    *,
    view: View | None = None,
) -> Transform:
    """Keep the norm of each matrix, and step in the direction of another optimizer.

    w = θ + η·R·u/‖u‖,  u ↦ R·w/‖w‖ − θ, where u is the update of `inner` and R the
    initial ‖θ‖

    It replaces weight decay, which also holds norms in the long run. The length of u
    has no effect on the masked leaves, so the learning rate of `inner` has none either.

    Args:
        inner: an optimizer; `muon` or `adam` in the paper.
        learning_rate: η, about the angle of a step.
        mask: the leaves that keep their norm, as for `masked`. All others get the
            update of `inner`.
        view: as in `as_matrices`; each matrix of a stack has a norm of its own.

    Returns:
        The transform; its state is that of `inner`, and `norm` for each matrix. It
        needs the parameters.

    Reference:
        Wen et al., "Fantastic Pretraining Optimizers and Where to Find Them II:
        Hyperball Optimization", 2026, arXiv:2606.16899.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.hyperball(adamx.sgd(123.0), 1.0)
        >>> params = {"kernel": jnp.array([[2.0, 0.0], [0.0, 0.0]])}
        >>> grads = {"kernel": jnp.array([[0.0, -1.0], [0.0, 0.0]])}
        >>> u, _ = tx.update(grads, tx.init(params), params)
        >>> [round(float(x), 4) for x in (params["kernel"] + u["kernel"])[0]]
        [1.4142, 1.4142]
    """
    held = as_matrices(hold_norm(learning_rate), view)
    return chain(inner, masked(held, through(view, mask)))
