"""RAdam: Adam that begins as momentum, until its second moment can be relied on.

μ̂, ν̂ as in Adam                              bias_correct
θ ← θ − η·r · μ̂ / (√ν̂ + ε) where ρ ≥ 5       scale_by_rectified_moment
θ ← θ − η·μ̂ before
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.rectified import scale_by_rectified_moment
from adamx.transforms.moments.second_moment import second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.momentum.nesterov import nesterov_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_radam(
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    threshold: NonNegative = 5.0,
    *,
    nesterov: bool = False,
    eps_hat: bool = False,
    silent_start: bool = False,
) -> Transform:
    """Divide as Adam does, as soon as the second moment is certain enough.

    u = r · μ̂ / (√(ν̂ + ε_root) + ε) where ρ ≥ `threshold`, otherwise u = μ̂, with the
    ρ and r of `radam`

    See `adam` for the other arguments.

    Args:
        threshold: the least length ρ of the average to divide with; never ρ ≤ 4.
        nesterov: whether the momentum looks ahead, as in NAdam.
        silent_start: whether to emit 0 instead of μ̂ while ρ is too small.

    Returns:
        A transform that keeps `mu` and `nu`.

    Example:
        >>> import adamx
        >>> tx = adamx.scale_by_radam()
        >>> updates, state = tx.update(4.0, tx.init(0.0))
        >>> round(float(updates), 6)
        4.0
    """
    plain = bias_correct(scale_by_momentum(b1))
    return scale_by_rectified_moment(
        bias_correct(second_moment(b2)),
        b2,
        eps,
        eps_root,
        threshold,
        numerator=nesterov_momentum(b1) if nesterov else plain,
        eps_hat=eps_hat,
        silent_start=silent_start,
    )


@transform
def radam(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    threshold: NonNegative = 5.0,
    *,
    nesterov: bool = False,
    eps_hat: bool = False,
    silent_start: bool = False,
    weight_decay: Finite | None = None,
    mask: Labels | None = None,
) -> Transform:
    """Warm Adam up as the variance of its step demands.

    ρ∞ = 2/(1−b2) − 1,  ρ = ρ∞ − 2·t·b2ᵗ/(1−b2ᵗ),
    r = √((ρ−4)·(ρ−2)·ρ∞ / ((ρ∞−4)·(ρ∞−2)·ρ))
    u = −η·r · μ̂ / (√(ν̂ + ε_root) + ε) where ρ ≥ `threshold`, otherwise u = −η·μ̂

    The paper divides where ρ > 4, its authors' code, PyTorch and Optax where ρ ≥ 5:
    from step 6 on with the default b2. PyTorch's ε stands beside the uncorrected root:
    `eps_hat`.

    The first steps are as long as the gradients, so large gradients make large steps.
    With `silent_start` there are none, as in pytorch_optimizer by default.

    See `adam` and `scale_by_radam` for the other arguments.

    Args:
        learning_rate: η.
        silent_start: whether only the decay acts while ρ is too small.
        weight_decay: λ of a decoupled decay, u − η·λ·θ, as PyTorch's
            `decoupled_weight_decay`; None for none, and then no parameters are needed.
            PyTorch's default form is `add_decayed_weights` in a chain before.
        mask: which parameters decay; all by default.

    Reference:
        Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020,
        arXiv:1908.03265.

    Example:
        >>> import adamx
        >>> tx = adamx.radam(0.1)
        >>> updates, state = tx.update(3.0, tx.init(1.0))
        >>> round(float(updates), 6)
        -0.3
    """
    moments = b1, b2, eps, eps_root, threshold
    forms = {"nesterov": nesterov, "eps_hat": eps_hat, "silent_start": silent_start}
    return chain(
        scale_by_radam(*moments, **forms),
        chain() if weight_decay is None else add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
