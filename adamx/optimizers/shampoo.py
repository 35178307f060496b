"""Shampoo: gradients times the inverse roots of both their Kronecker factors.

Anil et al., with the filtered gradient of Shi et al., and the pieces of each line:

L ← b2·L + (1−b2)·G·Gᵀ                  kronecker_roots
R ← b2·R + (1−b2)·Gᵀ·G
M ← b1·M + (1−b1)·G                     scale_by_momentum
V ← b2·V + (1−b2)·G²                    second_moment
U = L^(−1/4)·M·R^(−1/4)                 Preconditioned, a join
N = U · ‖M / (√V + ε)‖ / ‖U‖
B ← m·B + N                             trace
θ ← θ − η·(B + λ·θ)                     add_decayed_weights, scale_by_learning_rate
"""

from typing import Annotated, Literal, TypeAlias

from adamx.core.chain import chain
from adamx.core.fork import forked
from adamx.core.node import Node
from adamx.core.rule import Rule
from adamx.core.transform import Transform, TransformLike, lift, transform
from adamx.hyperparameters.arguments import (
    NonNegativeInteger,
    OneOf,
    PositiveInteger,
    Stacking,
    refused,
)
from adamx.hyperparameters.hyper import Decay, Finite, HeavyBall, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.linalg.inverse_root import RootMethod
from adamx.linalg.kinds import every_matrix
from adamx.linalg.matrix_view import View
from adamx.schedules.arguments import AtLeastZero
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.kronecker_roots import (
    Preconditioned,
    Root,
    SquarableMatrix,
    kronecker_roots,
)
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.second_moment import second_moment
from adamx.transforms.moments.sum_of_squares import sum_of_squares
from adamx.transforms.momentum.momentum import scale_by_momentum, trace
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.wrappers.as_matrices import as_matrices, split_matrices

GRAFTS = ("adam", "rmsprop", "adagrad", "sgd")

Graft: TypeAlias = Annotated[
    Literal["adam", "rmsprop", "adagrad", "sgd"], OneOf(GRAFTS)
]


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
    correct_bias: bool = True,
    stacked: Stacking | None = "loop",
) -> Rule | Node:
    """Shampoo's direction for matrices, without momentum, decay, sign and rate.

    u = U · ‖N‖/‖U‖,  U = L^(−1/4)·M·R^(−1/4),  N = M / (√V + ε) of Adam

    Matrices are the last two axes of a leaf; what has fewer gets N.

    Args:
        b1: as in `shampoo`.
        b2: as in `shampoo`.
        eps: as in `shampoo`.
        matrix_eps: as in `shampoo`.
        graft: as in `shampoo`.
        precondition_frequency: as in `shampoo`.
        block_size: as in `shampoo`.
        max_precond_dim: as in `shampoo`.
        exponent_override: as in `shampoo`.
        root_method: as in `shampoo`.
        initial_accumulator_value: as in `shampoo`.
        correct_bias: as in `shampoo`.
        stacked: as in `in_eigenbasis`.

    Returns:
        The transform; its state is `numerator` and `moment`, those of Adam, and
        `roots`, with `factors` and `roots`, each a tree `left` and `right` of square
        matrices.

    Raises:
        TransformError: an argument is unknown, or outside its interval; or sums are
            asked for with a graft that averages.

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
    if b2 is None and graft in ("adam", "rmsprop"):
        raise refused(
            "shampoo",
            f"with b2=None all squares are added up, and {graft!r} averages them",
            "graft='adagrad', 'sgd' or None, or a number for b2",
            f"graft={graft!r}",
        )

    def corrected(average: Transform) -> Transform:
        return bias_correct(average) if correct_bias else average

    seen = lift(SquarableMatrix(), "squarable")
    branches = {
        "numerator": chain() if b1 is None else corrected(scale_by_momentum(b1))
    }
    if graft == "adagrad":
        branches["moment"] = sum_of_squares(0.0)
    elif graft == "adam" and b2 is not None:
        branches["moment"] = corrected(second_moment(b2))
    elif graft == "rmsprop" and b2 is not None:
        branches["moment"] = second_moment(b2)
    branches["roots"] = kronecker_roots(
        b2,
        matrix_eps,
        precondition_frequency,
        block_size,
        max_precond_dim,
        exponent_override=exponent_override,
        root_method=root_method,
        initial_accumulator_value=initial_accumulator_value,
        correct_bias=correct_bias,
        stacked=stacked,
    )
    # The norm of a step of SGD is that of the gradient, however large.
    for name in branches:
        if name == "roots" or graft != "sgd":
            branches[name] = chain(seen, branches[name])
    join = Preconditioned(eps, block_size, max_precond_dim, graft is not None)
    return forked("scale_by_shampoo", join, branches)


@transform
def shampoo(
    learning_rate: Finite = 1e-3,
    b1: Decay | None = 0.9,
    b2: Decay | None = 0.99,
    eps: NonNegative = 1e-8,
    matrix_eps: NonNegative = 1e-6,
    weight_decay: Finite = 0.0,
    weight_decay_mask: Labels | None = None,
    graft: Graft | None = "adam",
    precondition_frequency: PositiveInteger = 10,
    block_size: PositiveInteger = 1024,
    max_precond_dim: NonNegativeInteger = 10000,
    *,
    exponent_override: Root | None = None,
    root_method: RootMethod = "eigh",
    initial_accumulator_value: AtLeastZero = 0.0,
    momentum: HeavyBall | None = None,
    nesterov: bool = False,
    correct_bias: bool = True,
    precondition_1d: bool = False,
    matrices: Labels = every_matrix,
    view: View | None = None,
    rest: TransformLike | None = None,
    stacked: Stacking | None = "loop",
) -> Transform:
    """Gradients times inverse roots of both Kronecker factors, as long as Adam's step.

    L ← b2·L + (1−b2)·G·Gᵀ,  R ← b2·R + (1−b2)·Gᵀ·G,  M and V as Adam
    U = L^(−1/4)·M·R^(−1/4),  N = M / (√V + ε)
    B ← m·B + U·‖N‖/‖U‖
    u = −η · (B + λ·θ)

    That is the direction of Shampoo with the norm, matrix by matrix, of another step:
    its learning rates, schedules and decays are those of Adam. Averages are corrected
    for their start as Adam's. Roots are made anew in each of the first k steps, as they
    change most then, and in each k-th from there on.

    `shampoo(η, b1=None, b2=None, matrix_eps=0.0, graft=None, precondition_frequency=1,
    initial_accumulator_value=1e-4, precondition_1d=True)` is the original, of sums,
    whose steps get shorter as Adagrad's do.

    What has three axes or more is seen as matrices, where the authors have a factor for
    each axis: how is for `view` to say.

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        b1: decay of the first moment, in [0, 1); None for the gradient as it is.
        b2: decay of the factors and of the second moment, in [0, 1); None for sums.
        eps: ε ≥ 0 of the step whose norm is taken.
        matrix_eps: what is added to the eigenvalues of a factor A, over ‖A‖, ≥ 0.
        weight_decay: λ, decoupled, as in AdamW.
        weight_decay_mask: which parameters decay, as for `masked`; all by default.
        graft: whose norm a step has, and what leaves without factors get: "adam";
            "rmsprop", whose V is not corrected; "adagrad", whose V is the sum; "sgd",
            with M alone; or None for U as it is.
        precondition_frequency: k ≥ 1, an integer: how often there are new roots.
        block_size: a longer side is split, into as few blocks as can be, all of one
            length, with factors for each block.
        max_precond_dim: a side that is longer has no factor.
        exponent_override: p of the roots A^(−1/p), an integer ≥ 2; if None twice the
            number of sides that have a factor, 4 or 2. A side of length one has none.
        root_method: "eigh", by eigenvalues; or "newton", the coupled iteration, which
            is products of matrices alone, for accelerators.
        initial_accumulator_value: the multiple of the identity that factors begin as.
        momentum: m in [0, 1], the heavy ball's, of steps; None for none.
        nesterov: whether that looks ahead.
        correct_bias: whether moments and factors are divided by 1−b1ᵗ and 1−b2ᵗ.
        precondition_1d: whether vectors have a factor too.
        matrices: the leaves that get this, as for `masked`; those with
            two sides longer than 1 by default, and all with `precondition_1d`.
        view: as in `as_matrices`; `matrix_view` by default, `out_in_view` for kernels
            of Equinox and PyTorch.
        rest: what the other leaves get, learning rate and decay included; the same
            without factors if None.
        stacked: as in `in_eigenbasis`.

    Returns:
        The transform; its state is `{"split": {"matrices": …, "rest": …}}`, with `mu`
        and `nu` like the matrices and two square matrices for each side of each block:
        at least float32. It needs the parameters.

    Raises:
        TransformError: an argument is unknown, or outside its interval; or sums are
            asked for with a graft that averages.

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

    def direction(largest: int) -> Transform:
        return scale_by_shampoo(
            b1,
            b2,
            eps,
            matrix_eps,
            graft,
            precondition_frequency,
            block_size,
            largest,
            exponent_override=exponent_override,
            root_method=root_method,
            initial_accumulator_value=initial_accumulator_value,
            correct_bias=correct_bias,
            stacked=stacked,
        )

    chosen = direction(max_precond_dim)
    after = (
        chain() if momentum is None else trace(momentum, nesterov),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    if precondition_1d and matrices is every_matrix:
        return chain(as_matrices(chosen, view), *after)
    return split_matrices(chosen, direction(0), after, matrices, view, rest)
