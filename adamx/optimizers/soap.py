"""SOAP: Adam in the eigenbasis of Shampoo's factors.

Algorithm 3 of the paper, and the pieces that are its lines:

G' = Q_Lᵀ·G·Q_R                            in_eigenbasis
M ← b1·M + (1−b1)·G                        scale_by_momentum
V ← b2·V + (1−b2)·G'²                      second_moment
N' = M' / (√V + ε), with M' = Q_Lᵀ·M·Q_R   scale_by_second_moment
N = Q_L·N'·Q_Rᵀ                            in_eigenbasis
θ ← θ − η·N                                scale_by_learning_rate
L ← b·L + (1−b)·G·Gᵀ                       in_eigenbasis
R ← b·R + (1−b)·Gᵀ·G
each k-th step:
  Q_L ← QR(L·Q_L)
  Q_R ← QR(R·Q_R)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.arguments import (
    NonNegativeInteger,
    PositiveInteger,
    Stacking,
)
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.linalg.kinds import every_matrix
from adamx.linalg.matrix_view import View
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.as_matrices import split_matrices
from adamx.transforms.matrices.eigenbasis import in_eigenbasis
from adamx.transforms.matrices.norm_ball import scale_by_norm_ball
from adamx.transforms.moments.bias_correct import scale_by_response
from adamx.transforms.moments.second_moment import scale_by_second_moment, second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_soap(
    b1: Decay = 0.95,
    b2: Decay = 0.95,
    shampoo_beta: Decay | None = None,
    eps: NonNegative = 1e-8,
    precondition_frequency: PositiveInteger = 10,
    max_precond_dim: NonNegativeInteger = 10000,
    *,
    normalize_grads: bool = False,
    correct_bias: bool = True,
    skip_first: bool = True,
    stacked: Stacking | None = "loop",
) -> Transform:
    """Scale matrices as SOAP does, without sign, decay and learning rate.

    u = Q_L·N'·Q_Rᵀ · √(1−b2ᵗ) / (1−b1ᵗ), with N' = M' / (√V + ε)

    Matrices are the last two axes of a leaf; leaves with fewer axes get Adam's
    direction. `soap` has the reference.

    See `in_eigenbasis` for the other arguments.

    Args:
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        shampoo_beta: decay of the factors, in [0, 1); b2 if None.
        eps: ε ≥ 0, beside the uncorrected root.
        normalize_grads: whether each matrix N' is divided by its root mean square.
        correct_bias: whether to multiply by √(1−b2ᵗ) / (1−b1ᵗ).

    Returns:
        The transform; its state is that of `in_eigenbasis`, with `mu` and `nu` in it.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_soap(skip_first=False)
        >>> g = jnp.outer(jnp.array([3.0, 4.0]), jnp.array([0.0, 10.0]))
        >>> updates, _ = tx.update(g, tx.init(g))
        >>> bool(jnp.allclose(updates, jnp.array([[0.0, 0.6], [0.0, 0.8]])))
        True
    """
    momentum, moment = scale_by_momentum(b1), second_moment(b2)
    pieces = [scale_by_second_moment(moment, eps, numerator=momentum)]
    if normalize_grads:
        pieces.append(scale_by_norm_ball("rms", eps=0.0))
    if correct_bias:
        pieces += [scale_by_response(momentum, -1.0), scale_by_response(moment, 0.5)]
    return in_eigenbasis(
        chain(*pieces),
        b2 if shampoo_beta is None else shampoo_beta,
        precondition_frequency,
        max_precond_dim,
        skip_first=skip_first,
        stacked=stacked,
    )


@transform
def soap(
    learning_rate: Finite = 3e-3,
    b1: Decay = 0.95,
    b2: Decay = 0.95,
    shampoo_beta: Decay | None = None,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.01,
    weight_decay_mask: Labels | None = None,
    precondition_frequency: PositiveInteger = 10,
    max_precond_dim: NonNegativeInteger = 10000,
    *,
    matrices: Labels = every_matrix,
    view: View | None = None,
    rest: TransformLike | None = None,
) -> Transform:
    """Use Adam in the eigenbasis of Shampoo's factors; plain Adam for vectors.

    G' = Q_Lᵀ·G·Q_R,  M ← b1·M + (1−b1)·G,  V ← b2·V + (1−b2)·G'²
    N = Q_L·(Q_Lᵀ·M·Q_R / (√V + ε))·Q_Rᵀ
    u = −η · (√(1−b2ᵗ)/(1−b1ᵗ) · N + λ·θ)
    L ← b·L + (1−b)·G·Gᵀ,  R ← b·R + (1−b)·Gᵀ·G
    each k-th step:  Q_L ← QR(L·Q_L),  Q_R ← QR(R·Q_R)

    As in the authors' code, the first step makes the first basis, the eigenvectors of L
    and R, and no update; t counts from the second step. `scale_by_soap` has this and
    other choices as arguments. It is a piece to combine with decay and learning rate.

    The authors keep a factor for each axis of a leaf with three or more. Here such a
    leaf is seen as matrices, as `view` decides.

    Args:
        learning_rate: η.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        shampoo_beta: b, the decay of the factors, in [0, 1); b2 if None.
        eps: ε ≥ 0, beside the uncorrected root.
        weight_decay: λ, decoupled, as in AdamW; the first step decays too.
        weight_decay_mask: which parameters decay, as for `masked`; all by default.
        precondition_frequency: k ≥ 1, an integer: how often the basis turns.
        max_precond_dim: a side that is longer keeps its own basis.
        matrices: the leaves that have a basis, as for `masked`; by default those with
            two sides longer than 1. With True all leaves have one, vectors too, as with
            the authors' `precondition_1d`.
        view: as in `as_matrices`; `matrix_view` by default, `out_in_view` for kernels
            of Equinox and PyTorch.
        rest: the optimizer of all other leaves, with its own learning rate and decay;
            the same without factors if None.

    Returns:
        The transform; its state is `{"split": {"matrices": …, "rest": …}}`, with `mu`
        and `nu` like the matrices, in the basis, and two square matrices for each side:
        at least float32. It needs the parameters.

    Reference:
        Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024,
        arXiv:2409.11321.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.soap(0.1, weight_decay=0.0)
        >>> params = {"kernel": jnp.eye(2), "bias": jnp.zeros(2)}
        >>> grads = {"kernel": jnp.array([[1.0, 2.0], [3.0, 5.0]]), "bias": jnp.ones(2)}
        >>> state = tx.init(params)
        >>> updates, state = tx.update(grads, state, params)
        >>> bool(jnp.any(updates["bias"]))
        False
        >>> updates, state = tx.update(grads, state, params)
        >>> bool(jnp.allclose(updates["bias"], -0.1))
        True
    """
    adam = b1, b2, shampoo_beta, eps, precondition_frequency
    after = (
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    direction = scale_by_soap(*adam, max_precond_dim)
    plain = scale_by_soap(*adam, max_precond_dim=0)
    return split_matrices(direction, plain, after, matrices, view, rest)
