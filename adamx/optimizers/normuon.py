"""NorMuon: Muon whose steps are as long for each neuron.

O = U·Vᵀ of Nesterov's momentum U·Σ·Vᵀ     interpolated_momentum, orthogonalize
N = O / √ν, with ‖N‖ = ‖O‖                 normalize_neurons
θ ← θ − η · (√max(1, out/in)·N + λ·θ)      scale_by_shape, add_decayed_weights
"""

from adamx.core.chain import chain
from adamx.core.partition import split
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.arguments import PositiveInteger, Stacking
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.linalg.kinds import is_hidden_matrix, through
from adamx.linalg.matrix_view import View
from adamx.linalg.newton_schulz import NSCoeffs
from adamx.optimizers.adamw import adamw
from adamx.optimizers.muon import muon_momentum
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.orthogonalize import Dtype, orthogonalize
from adamx.transforms.moments.neuron_norm import normalize_neurons
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.transforms.scaling.shape_scale import ShapeScale, scale_by_shape
from adamx.wrappers.as_matrices import as_matrices


@transform
def normuon(
    learning_rate: Finite,
    ns_coeffs: NSCoeffs = "standard",
    ns_steps: PositiveInteger = 5,
    beta: Decay = 0.95,
    b2: Decay = 0.95,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.0,
    weight_decay_mask: Labels | None = None,
    *,
    neuron_eps: NonNegative = 1e-10,
    nesterov: bool = True,
    cautious_decay: bool = False,
    consistent_rms: NonNegative | None = None,
    scale: ShapeScale = "width",
    dtype: Dtype | None = None,
    matrices: Labels = is_hidden_matrix,
    view: View | None = None,
    rest: TransformLike | None = None,
    stacked: Stacking | None = "loop",
) -> Transform:
    """Muon, with steps that are normalized neuron by neuron; AdamW for the rest.

    u = −η · (s·N + λ·θ), where N is Muon's O with each column divided by the root of a
    moving average of its mean square, at the norm of O

    The columns of a matrix are its neurons, as kernels are in JAX: (in, out).

    Args:
        learning_rate: η, a number, traced scalar or schedule; 0.02 for the authors.
        ns_coeffs: as in `orthogonalize`.
        ns_steps: as in `orthogonalize`.
        beta: b in [0, 1), the decay of the momentum.
        b2: the decay of the neurons' second moments, in [0, 1).
        eps: ε ≥ 0, added to the norm that the momentum is divided by, as in
            `orthogonalize`; and AdamW's.
        weight_decay: λ, multiplied by the learning rate, and not by s.
        weight_decay_mask: which of the matrices decay, as for `masked`; all by default.
        neuron_eps: added to the root of the second moments, ≥ 0.
        nesterov: as in `muon`.
        cautious_decay: as `cautious` in `add_decayed_weights`.
        consistent_rms: as in `scale_by_shape`; 0.2 is usual.
        scale: s, as in `scale_by_shape`.
        dtype: of the products, as in `orthogonalize`.
        matrices: the leaves that get this, as in `muon`.
        view: as in `as_matrices`.
        rest: what the other leaves get; AdamW at the same rate, without decay, if None.
        stacked: as in `orthogonalize`.

    Returns:
        The transform; its state is `{"split": {"matrices": …, "rest": …}}`. It
        needs the parameters.

    Raises:
        TransformError: an argument is unknown, or outside its interval.

    Reference:
        Li et al., "NorMuon: Making Muon more efficient and scalable", 2025,
        arXiv:2510.05491.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.normuon(0.1)
        >>> params = {"kernel": jnp.eye(2)}
        >>> updates, _ = tx.update(params, tx.init(params), params)
        >>> updates["kernel"].shape
        (2, 2)
    """
    direction = chain(
        orthogonalize(ns_coeffs, ns_steps, eps, dtype=dtype, stacked=stacked),
        normalize_neurons(b2, neuron_eps),
        scale_by_shape(consistent_rms, scale=scale),
    )
    chosen = chain(
        muon_momentum(beta, nesterov, False),
        as_matrices(direction, view),
        add_decayed_weights(weight_decay, weight_decay_mask, cautious=cautious_decay),
        scale_by_learning_rate(learning_rate),
    )
    if rest is None:
        rest = adamw(learning_rate, eps=eps, weight_decay=0.0)
    return split(through(view, matrices), matrices=chosen, rest=rest)
