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
from adamx.schedules.arguments import Positive
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.norm_ball import scale_by_norm_ball
from adamx.transforms.matrices.whiten import MemorySaving, Probability, whiten
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.wrappers.as_matrices import as_matrices


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
    precond_init_scale: Positive = 1.0,
    max_update_rms: NonNegative | None = 1.1,
    normalize_grads: bool = False,
    view: View | None = None,
    key: KeyLike = 0,
) -> Transform:
    """Momentum, multiplied by what makes its numbers uncorrelated and of size one.

    u = −η · (P·μ̂ · min(1, c / rms(P·μ̂)) + λ·θ), with P = QᴴQ ≈ E[μ̂μ̂ᴴ]^(−1/2)

    Q = Q₁ ⊗ Q₂ ⊗ … has a factor for each axis of a leaf: a triangle or a diagonal.
    In steps that are due, with a = Q·μ̂, b = Q⁻ᴴ·v and normal numbers v:
        Qᵢ ← Qᵢ − ρ · triu(aᵢaᵢᴴ − bᵢbᵢᴴ) / ‖aᵢaᵢᴴ + bᵢbᵢᴴ‖ · Qᵢ

    aᵢ is a as a matrix with axis i as its rows; more of it is in the docstring of
    `adamx.transforms.matrices.whiten.whiten`. Learning rates are those of Adam, or a
    little less.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the momentum, in [0, 1).
        weight_decay: λ, multiplied by the learning rate.
        weight_decay_mask: which parameters decay, as for `masked`; all by default.
        preconditioner_update_probability: p in [0, 1], the share of steps in which Q is
            learnt, one after each 1/p; by default 1 for 500 steps, and then falling to
            0.03 until 4,000.
        max_size_triangular: factors of longer axes are diagonals.
        min_ndim_triangular: factors of arrays of fewer axes are diagonals; axes of
            length 1 do not count.
        memory_save_mode: "all_diag" for diagonals alone, "one_diag" for one along the
            longest axis, "smart_one_diag" for that where it is longer than all others.
        precond_lr: ρ ≥ 0, a number, traced scalar or schedule.
        precond_init_scale: the first Q, times the identity, > 0.
        max_update_rms: c ≥ 0, a bound for the root mean square of a leaf; or None.
        normalize_grads: whether the gradient of each leaf is divided by its norm first.
        view: how a leaf is seen as matrices, as in `as_matrices`, which then have two
            factors each; by default leaves are as they are, with one for each axis.
        key: a random key, or an integer to make one of.

    Returns:
        The transform; its state is `mu`, like the parameters, `q`, a tree of factors
        for each axis, at least float32, and a few scalars.

    Raises:
        TransformError: an argument is unknown, or outside its interval.

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
        precond_init_scale=precond_init_scale,
        max_update_rms=max_update_rms,
        matrices=view is not None,
        key=key,
    )
    return chain(
        *([scale_by_norm_ball("leaf", eps=1e-6)] if normalize_grads else []),
        bias_correct(scale_by_momentum(b1)),
        whitening if view is None else as_matrices(whitening, view),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
