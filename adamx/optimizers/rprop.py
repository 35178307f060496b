"""Rprop: only the sign of the gradient counts, and whether it has turned.

s ← η⁺·s where the sign stays, η⁻·s where it turns    scale_by_rprop
θ ← θ − sign(g)·s, and not at all where it turns
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import NonNegative
from adamx.transforms.scaling.rprop import scale_by_rprop
from adamx.transforms.scaling.scale import scale


@transform
def rprop(
    learning_rate: NonNegative,
    eta_minus: NonNegative = 0.5,
    eta_plus: NonNegative = 1.2,
    min_step_size: NonNegative = 1e-6,
    max_step_size: NonNegative = 50.0,
) -> Transform:
    """Step by signs, with a step size for each number that grows until the sign turns.

    s ← min(η⁺·s, s_max) where g·g₋₁ > 0,  max(η⁻·s, s_min) where g·g₋₁ < 0
    u = −sign(g)·s, and 0 where g·g₋₁ < 0

    For gradients of all the data: with batches signs turn randomly. As in PyTorch,
    where the sign turns there is no step, and the next one counts as not turned. What
    Optax 0.2.8 emits is the step of the call before, at first zero.

    See `scale_by_rprop` for the other arguments.

    Reference:
        Riedmiller & Braun, "A Direct Adaptive Method for Faster Backpropagation
        Learning: The RPROP Algorithm", 1993.

    Example:
        >>> import adamx
        >>> tx = adamx.rprop(0.1)
        >>> updates, state = tx.update(3.0, tx.init(1.0))
        >>> updates, state = tx.update(2.0, state)
        >>> round(float(updates), 6)
        -0.12
    """
    sizes = eta_minus, eta_plus, min_step_size, max_step_size
    return chain(scale_by_rprop(learning_rate, *sizes), scale(-1.0))
