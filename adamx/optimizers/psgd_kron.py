"""PSGD with Kronecker factors: momentum whitened by triangles that are learnt.

μ̂ = the momentum, without its start        bias_correct, scale_by_momentum
u = P·μ̂, of a bounded size                  whiten
θ ← θ − η · (u + λ·θ)                      add_decayed_weights
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.arguments import NonNegativeInteger
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.linalg.matrix_view import View
from adamx.numerics.random import KeyLike
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.as_matrices import as_matrices
from adamx.transforms.matrices.whiten import MemorySaving, Probability, whiten
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def psgd_kron(
    learning_rate: Finite,
    b1: Decay = 0.9,
    weight_decay: Finite = 0.0,
    weight_decay_mask: Labels | None = None,
    preconditioner_update_probability: Probability | None = None,
    max_size_triangular: NonNegativeInteger = 8192,
    min_ndim_triangular: NonNegativeInteger = 2,
    memory_save_mode: MemorySaving | None = None,
    *,
    precond_lr: NonNegative = 0.1,
    max_update_rms: NonNegative | None = 1.1,
    view: View | None = None,
    key: KeyLike = 0,
) -> Transform:
    """Multiply the momentum by factors that make its numbers uncorrelated, of size one.

    u = −η · (P·μ̂ · min(1, c / rms(P·μ̂)) + λ·θ), with P = QᴴQ ≈ E[μ̂μ̂ᴴ]^(−1/2)

    Q = Q₁ ⊗ Q₂ ⊗ … has a factor for each axis of a leaf: a triangle or a diagonal. In
    its refresh steps Q learns, as `whiten` shows. Learning rates are those of Adam, or
    a little smaller. To normalize the gradient of each leaf first, as the authors'
    `normalize_grads`, write

        chain(scale_by_norm_ball("leaf", eps=1e-6), psgd_kron(η))

    Args:
        learning_rate: η.
        b1: decay of the momentum, in [0, 1).
        weight_decay: λ, multiplied by the learning rate.
        weight_decay_mask: which parameters decay, as for `masked`; all by default.
        preconditioner_update_probability: as in `whiten`.
        max_size_triangular: as in `whiten`.
        min_ndim_triangular: as in `whiten`.
        memory_save_mode: as in `whiten`.
        precond_lr: as in `whiten`.
        max_update_rms: c, as in `whiten`.
        view: how a leaf is seen as matrices, as in `as_matrices`, which then have two
            factors each; by default a leaf has one for each of its axes.
        key: a random key, or an integer to make one of.

    Returns:
        The transform; its state is `mu`, like the parameters, `q`, a tree of factors
        for each axis, at least float32, and a few scalars.

    Reference:
        Li, "Black Box Lie Group Preconditioners for SGD", 2022, arXiv:2211.04422; Li,
        "Preconditioned Stochastic Gradient Descent", 2015, arXiv:1512.04202. Arguments
        are named after evanatyourservice's `kron`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> params = {"w": jnp.ones((2, 3)), "b": jnp.zeros(3)}
        >>> tx = adamx.psgd_kron(1e-3)
        >>> updates, state = tx.update(params, tx.init(params), params)
        >>> [q["w"].shape for q in adamx.find(state, "q").values()]
        [(2, 2), (3, 3)]
    """
    whitening = whiten(
        precond_lr,
        preconditioner_update_probability,
        max_size_triangular=max_size_triangular,
        min_ndim_triangular=min_ndim_triangular,
        memory_save_mode=memory_save_mode,
        max_update_rms=max_update_rms,
        matrices=view is not None,
        key=key,
    )
    return chain(
        bias_correct(scale_by_momentum(b1)),
        whitening if view is None else as_matrices(whitening, view),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
