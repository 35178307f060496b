"""DoG: gradient descent whose rate is the distance so far over the gradients so far.

r ← max(r, ‖θ − θ₀‖)                 scale_by_dog
θ ← θ − η · g · r / √(Σ ‖g‖² + ε)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.distance.dog import scale_by_dog
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def dog(
    learning_rate: Finite = 1.0,
    init_step: tuple[str, float] = ("heuristic", 1e-6),
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Descend with the rate distance over gradients.

    r ← max(r, ‖θ − θ₀‖)
    u = −η · (g + λ·θ) · r / √(Σ ‖g + λ·θ‖² + ε), with norms over all leaves

    The authors evaluate an average of the parameters: put `average_params` behind it.
    Their code adds ε to the first ‖g‖² alone, which is the same.

    See `scale_by_dog` and `adamw` for the other arguments.

    Args:
        learning_rate: η, usually 1.
        weight_decay: λ: λ·θ is added to the gradient first (L2).

    Reference:
        Ivgi, Hinder & Carmon, "DoG is SGD's Best Friend: A Parameter-Free Dynamic Step
        Size Schedule", 2023, arXiv:2302.12022.

    Example:
        >>> import adamx
        >>> tx = adamx.dog(init_step=("distance", 0.5))
        >>> params, state = 1.0, tx.init(1.0)
        >>> for _ in range(2):
        ...     updates, state = tx.update(8.0, state, params)
        ...     params = adamx.apply_updates(params, updates)
        >>> round(float(updates), 6)  # −8 · 0.5 / √(8² + 8²)
        -0.353553
    """
    return chain(
        add_decayed_weights(weight_decay, mask),
        scale_by_dog(init_step, eps),
        scale_by_learning_rate(learning_rate),
    )
