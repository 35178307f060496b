"""Shampoo: gradients times the inverse roots of both their Kronecker factors.

Anil et al., with the filtered gradient of Shi et al., and the pieces of each line:

L ← b2·L + (1−b2)·G·Gᵀ                  kronecker_roots
R ← b2·R + (1−b2)·Gᵀ·G
M ← b1·M + (1−b1)·G                     scale_by_momentum
V ← b2·V + (1−b2)·G²                    second_moment
U = L^(−1/4)·M·R^(−1/4)                 Preconditioned, a join
N = U · ‖M / (√V + ε)‖ / ‖U‖
θ ← θ − η·(N + λ·θ)                     add_decayed_weights, scale_by_learning_rate
"""

from functools import partial
from typing import Annotated, Literal, TypeAlias

from adamx.core.chain import chain
from adamx.core.fork import forked
from adamx.core.rule import Rule
from adamx.core.transform import Transform, TransformLike, lift, transform
from adamx.core.tree_transform import TreeTransform
from adamx.hyperparameters.arguments import (
    NonNegativeInteger,
    OneOf,
    PositiveInteger,
    Stacking,
    refused,
)
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.linalg.inverse_root import RootMethod
from adamx.linalg.kinds import every_matrix
from adamx.linalg.matrix_view import View
from adamx.schedules.arguments import AtLeastZero
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.as_matrices import split_matrices
from adamx.transforms.matrices.kronecker_roots import (
    Preconditioned,
    Root,
    SquarableMatrix,
    kronecker_roots,
)
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import second_moment
from adamx.transforms.moments.sum_of_squares import sum_of_squares
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate

GRAFTS = ("adam", "rmsprop", "adagrad", "sgd")

Graft: TypeAlias = Annotated[
    Literal["adam", "rmsprop", "adagrad", "sgd"], OneOf(GRAFTS)
]


def _second_moment(graft: Graft | None, b2: Decay | None) -> Transform | None:
    """Return the second moment V that a graft divides by; None where it has none."""
    if graft == "adagrad":
        return sum_of_squares(0.0)
    if graft in ("sgd", None):
        return None
    if b2 is None:
        raise refused(
            "shampoo",
            f"b2=None sums all squares, but graft={graft!r} averages them",
            "graft='adagrad', 'sgd' or None, or a number for b2",
            f"graft={graft!r}, b2=None",
        )
    return bias_correct(second_moment(b2)) if graft == "adam" else second_moment(b2)


@transform
def scale_by_shampoo(
    b1: Decay | None = 0.9,
    b2: Decay | None = 0.99,
    eps: NonNegative = 1e-8,
    matrix_eps: NonNegative = 1e-6,
    graft: Graft | None = "adam",
    precondition_frequency: PositiveInteger = 10,
    block_size: PositiveInteger = 1024,
    max_precond_dim: NonNegativeInteger = 10000,
    *,
    exponent_override: Root | None = None,
    root_method: RootMethod = "eigh",
    initial_accumulator_value: AtLeastZero = 0.0,
    stacked: Stacking | None = "loop",
) -> Rule | TreeTransform:
    """Multiply by inverse roots of both Kronecker factors, with the norm of a graft.

    U = L^(−1/p)·M·R^(−1/p),  N = M / (√V + ε),  u = U · ‖N‖/‖U‖

    This is `shampoo` without momentum of steps, decay, sign and learning rate, and with
    all its choices. Matrices are the last two axes of a leaf. A leaf with fewer axes
    gets N. The original is

        chain(as_matrices(scale_by_shampoo(None, None, matrix_eps=0.0, graft=None,
              precondition_frequency=1, initial_accumulator_value=1e-4)),
              scale_by_learning_rate(η))

    It sums squares, and its steps get shorter as Adagrad's do. For momentum of steps,
    put `trace` between the two.

    Args:
        b1: decay of M, in [0, 1); None for the gradient itself.
        b2: decay of the factors and of V, in [0, 1); None for sums.
        eps: ε ≥ 0 of the graft.
        matrix_eps: as in `shampoo`.
        graft: as in `shampoo`.
        precondition_frequency: as in `shampoo`.
        block_size: as in `shampoo`.
        max_precond_dim: a side that is longer has no factor.
        exponent_override: p, an integer ≥ 2; if None twice the number of sides that
            have a factor, 4 or 2. A side of length one has none.
        root_method: "eigh", by eigenvalues; or "newton", the coupled iteration, which
            needs matrix products alone, for accelerators.
        initial_accumulator_value: the multiple of the identity that factors start from.
            If it is above zero, averages are not divided by 1 − b2ᵗ.
        stacked: as in `in_eigenbasis`.

    Returns:
        The transform; its state is `numerator` and `moment`, those of Adam, and
        `roots`, with `factors` and `roots`, each a tree `left` and `right` of square
        matrices.

    Raises:
        TransformError: b2 is None, and the graft averages.

    Reference:
        Gupta, Koren & Singer, "Shampoo: Preconditioned Stochastic Tensor Optimization",
        2018, arXiv:1802.09568; Agarwal et al., "Disentangling Adaptive Gradient Methods
        from Learning Rates", 2020, arXiv:2002.11803, for grafting.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_shampoo(graft=None)
        >>> g = jnp.diag(jnp.array([3.0, 4.0]))
        >>> updates, _ = tx.update(g, tx.init(g))
        >>> jnp.round(updates, 3).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    moment, bounded = _second_moment(graft, b2), lift(SquarableMatrix(), "squarable")
    numerator = chain() if b1 is None else bias_correct(scale_by_momentum(b1))
    roots = kronecker_roots(
        b2,
        matrix_eps,
        precondition_frequency,
        block_size,
        max_precond_dim,
        exponent_override=exponent_override,
        root_method=root_method,
        initial_accumulator_value=initial_accumulator_value,
        stacked=stacked,
    )
    # The norm of a step of SGD is that of the gradient, however large.
    if graft != "sgd":
        numerator = chain(bounded, numerator)
    branches = {"numerator": numerator}
    if moment is not None:
        branches["moment"] = chain(bounded, moment)
    branches["roots"] = chain(bounded, roots)
    join = Preconditioned(eps, block_size, max_precond_dim, graft is not None)
    return forked("scale_by_shampoo", join, branches)


@transform
def shampoo(
    learning_rate: Finite = 1e-3,
    b1: Decay | None = 0.9,
    b2: Decay | None = 0.99,
    matrix_eps: NonNegative = 1e-6,
    weight_decay: Finite = 0.0,
    weight_decay_mask: Labels | None = None,
    graft: Graft | None = "adam",
    precondition_frequency: PositiveInteger = 10,
    block_size: PositiveInteger = 1024,
    *,
    matrices: Labels = every_matrix,
    view: View | None = None,
    rest: TransformLike | None = None,
) -> Transform:
    """Multiply by inverse roots of both Kronecker factors, at the norm of Adam's step.

    L ← b2·L + (1−b2)·G·Gᵀ,  R ← b2·R + (1−b2)·Gᵀ·G,  M and V as in Adam
    U = L^(−1/4)·M·R^(−1/4),  N = M / (√V + ε)
    u = −η · (U·‖N‖/‖U‖ + λ·θ)

    The direction is Shampoo's. The norm of each matrix is that of another step, its
    graft, so that learning rates, schedules and decays found for Adam can stay.
    Averages are bias-corrected as in Adam. Roots are recomputed in each of the first k
    steps, as they change most then, and later in each k-th step.

    `scale_by_shampoo` has more choices as arguments. It is a piece to combine with
    momentum, decay and learning rate; the original Shampoo is in its docstring.

    The authors keep a factor for each axis of a leaf with three or more. Here such a
    leaf is seen as matrices, as `view` decides.

    Args:
        learning_rate: η.
        b1: decay of the first moment M, in [0, 1); None for the gradient itself.
        b2: decay of the factors and of the second moment V, in [0, 1); None for sums.
        matrix_eps: the number ≥ 0 that is added to the eigenvalues of a factor A, over
            ‖A‖.
        weight_decay: λ, decoupled, as in AdamW.
        weight_decay_mask: which parameters decay, as for `masked`; all by default.
        graft: whose norm a step has, and the step of leaves without factors: "adam";
            "rmsprop", whose V is not corrected; "adagrad", whose V is the sum; "sgd",
            with M alone; or None for U itself.
        precondition_frequency: k ≥ 1, an integer: how often roots are recomputed.
        block_size: a longer side is split into as few equal blocks as possible, with
            factors for each block.
        matrices: the leaves that have factors, as for `masked`; by default those with
            two sides longer than 1. With True all leaves have some, vectors too.
        view: as in `as_matrices`; `matrix_view` by default, `out_in_view` for kernels
            of Equinox and PyTorch.
        rest: the optimizer of all other leaves, with its own learning rate and decay;
            the same without factors if None.

    Returns:
        The transform; its state is `{"split": {"matrices": …, "rest": …}}`, with `mu`
        and `nu` like the matrices and two square matrices for each side of each block:
        at least float32. It needs the parameters.

    Raises:
        TransformError: b2 is None, and the graft averages.

    Reference:
        Gupta, Koren & Singer, "Shampoo: Preconditioned Stochastic Tensor Optimization",
        2018, arXiv:1802.09568; Anil et al., "Scalable Second Order Optimization for
        Deep Learning", 2020, arXiv:2002.09018; Shi et al., "A Distributed Data-Parallel
        PyTorch Implementation of the Distributed Shampoo Optimizer", 2023,
        arXiv:2309.06497.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.shampoo(0.1)
        >>> params = {"kernel": jnp.eye(2), "bias": jnp.zeros(2)}
        >>> grads = {"kernel": jnp.diag(jnp.array([9.0, 4.0])), "bias": jnp.ones(2)}
        >>> updates, state = tx.update(grads, tx.init(params), params)
        >>> bool(jnp.allclose(updates["kernel"], -0.1 * jnp.eye(2), atol=1e-6))
        True
        >>> bool(jnp.allclose(updates["bias"], -0.1))
        True
    """
    direction = partial(
        scale_by_shampoo,
        b1,
        b2,
        matrix_eps=matrix_eps,
        graft=graft,
        precondition_frequency=precondition_frequency,
        block_size=block_size,
    )
    after = (
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    plain = direction(max_precond_dim=0)
    return split_matrices(direction(), plain, after, matrices, view, rest)
