"""DoG: gradient descent whose rate is the distance so far over the gradients so far.

r ← max(r, ‖θ − θ₀‖)                 scale_by_dog
θ ← θ − η · g · r / √(Σ ‖g‖² + ε)
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.hyper import Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.distance.distance import scale_by_dog
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def dog(
    learning_rate: Finite = 1.0,
    init_step: tuple[str, float] = ("heuristic", 1e-6),
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
) -> Transform:
    """Distance over gradients: gradient descent without a rate to tune.

    r ← max(r, ‖θ − θ₀‖)
    u = −η · (g + λ·θ) · r / √(Σ ‖g + λ·θ‖² + ε), with norms over all leaves

    The authors evaluate an average of the parameters: put `average_params` behind it.
    Their code adds ε to the first ‖g‖² alone, which is the same.

    Args:
        learning_rate: η; 1 unless there are reasons.
        init_step: the first r, or the first step: see `scale_by_dog`.
        eps: ε ≥ 0.
        weight_decay: λ of an L2 term, added to the gradient before all else.
        mask: which parameters decay, as for `masked`; all by default.

    Returns:
        The transform; its state is `x0` (θ₀), like the parameters, at least float32,
        and a few scalars. It needs the parameters.

    Raises:
        TransformError: a hyperparameter is outside its interval.

    Reference:
        Ivgi, Hinder & Carmon, "DoG is SGD's Best Friend: A Parameter-Free Dynamic Step
        Size Schedule", 2023, arXiv:2302.12022.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.dog(init_step=("distance", 0.5))
        >>> params = jnp.array(1.0)
        >>> updates, state = tx.update(jnp.array(8.0), tx.init(params), params)
        >>> round(float(updates), 6)
        -0.5
    """
    return chain(
        add_decayed_weights(weight_decay, mask),
        scale_by_dog(init_step, eps),
        scale_by_learning_rate(learning_rate),
    )
