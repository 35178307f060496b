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
from adamx.transforms.matrices.eigenbasis import in_eigenbasis
from adamx.transforms.matrices.norm_ball import scale_by_norm_ball
from adamx.transforms.moments.bias_correct import scale_by_response
from adamx.transforms.moments.second_moment import scale_by_second_moment, second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.wrappers.as_matrices import as_matrices, split_matrices


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
    """SOAP's direction for matrices, without sign, decay and learning rate.

    u = Q_L·(M' / (√V + ε))·Q_Rᵀ · √(1−b2ᵗ) / (1−b1ᵗ)

    Matrices are the last two axes of a leaf; what has fewer gets Adam's direction.

    Args:
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        shampoo_beta: decay of the factors, in [0, 1); b2 if None.
        eps: ε ≥ 0, beside the uncorrected root.
        precondition_frequency: as in `in_eigenbasis`.
        max_precond_dim: as in `in_eigenbasis`.
        normalize_grads: as in `soap`.
        correct_bias: as in `soap`.
        skip_first: as in `soap`.
        stacked: as in `in_eigenbasis`.

    Returns:
        The transform; its state is that of `in_eigenbasis`, with `mu` and `nu` in it.

    Raises:
        TransformError: an argument is unknown, or outside its interval.

    Reference:
        Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024,
        arXiv:2409.11321.

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
    precondition_1d: bool = False,
    normalize_grads: bool = False,
    correct_bias: bool = True,
    skip_first: bool = True,
    matrices: Labels = every_matrix,
    view: View | None = None,
    rest: TransformLike | None = None,
    stacked: Stacking | None = "loop",
) -> Transform:
    """Adam in the eigenbasis of Shampoo's factors; plain Adam where there is no matrix.

    G' = Q_Lᵀ·G·Q_R,  M ← b1·M + (1−b1)·G,  V ← b2·V + (1−b2)·G'²
    N = Q_L·(Q_Lᵀ·M·Q_R / (√V + ε))·Q_Rᵀ
    u = −η · (√(1−b2ᵗ)/(1−b1ᵗ) · N + λ·θ)
    L ← b·L + (1−b)·G·Gᵀ,  R ← b·R + (1−b)·Gᵀ·G
    each k-th step:  Q_L ← QR(L·Q_L),  Q_R ← QR(R·Q_R)

    The first gradients make the first basis, of eigenvectors of L and R, and, as in the
    authors' code, nothing else: there is an update from the second step on, and t
    counts from there. With `skip_first=False` there is one at once.

    What has three axes or more is seen as matrices, where the authors have a factor for
    each axis: how is for `view` to say.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1).
        b2: decay of the second moment, in [0, 1).
        shampoo_beta: b, the decay of the factors, in [0, 1); b2 if None.
        eps: ε ≥ 0, beside the uncorrected root.
        weight_decay: λ, decoupled, as in AdamW; there also in a first step.
        weight_decay_mask: which parameters decay, as for `masked`; all by default.
        precondition_frequency: k ≥ 1, an integer: how often the basis turns.
        max_precond_dim: a side that is longer keeps its own basis.
        precondition_1d: whether vectors have a factor too.
        normalize_grads: whether N is divided by the root of its mean square, matrix by
            matrix.
        correct_bias: whether there is √(1−b2ᵗ)/(1−b1ᵗ).
        skip_first: whether the first step makes no update.
        matrices: the leaves that get this, as for `masked`; those with
            two sides longer than 1 by default, and all with `precondition_1d`.
        view: as in `as_matrices`; `matrix_view` by default, `out_in_view` for kernels
            of Equinox and PyTorch.
        rest: what the other leaves get, learning rate and decay included; the same
            without factors if None.
        stacked: as in `in_eigenbasis`.

    Returns:
        The transform; its state is `{"split": {"matrices": …, "rest": …}}`, with `mu`
        and `nu` like the matrices, in the basis, and two square matrices for each side:
        at least float32. It needs the parameters.

    Raises:
        TransformError: an argument is unknown, or outside its interval.

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

    def direction(largest: int) -> Transform:
        return scale_by_soap(
            b1,
            b2,
            shampoo_beta,
            eps,
            precondition_frequency,
            largest,
            normalize_grads=normalize_grads,
            correct_bias=correct_bias,
            skip_first=skip_first,
            stacked=stacked,
        )

    chosen = direction(max_precond_dim)
    after = (
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    if precondition_1d and matrices is every_matrix:
        return chain(as_matrices(chosen, view), *after)
    return split_matrices(chosen, direction(0), after, matrices, view, rest)
