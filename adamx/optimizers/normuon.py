"""NorMuon: Muon whose steps are as long for each neuron.

O = U·Vᵀ of Nesterov's momentum U·Σ·Vᵀ     interpolated_momentum, orthogonalize
N = O / √ν, with ‖N‖ = ‖O‖                 normalize_neurons
θ ← θ − η · (√max(1, out/in)·N + λ·θ)      scale_by_shape, add_decayed_weights
"""

from adamx.core.chain import chain
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.linalg.kinds import is_hidden_matrix
from adamx.linalg.matrix_view import View
from adamx.optimizers.muon import ORTHOGONALIZE, muon
from adamx.transforms.moments.neuron_norm import normalize_neurons


@transform
def normuon(
    learning_rate: Finite,
    beta: Decay = 0.95,
    b2: Decay = 0.95,
    eps: NonNegative = 1e-10,
    weight_decay: Finite = 0.0,
    weight_decay_mask: Labels | None = None,
    *,
    nesterov: bool = True,
    consistent_rms: NonNegative | None = None,
    orthogonalize: TransformLike = ORTHOGONALIZE,
    matrices: Labels = is_hidden_matrix,
    view: View | None = None,
    rest: TransformLike | None = None,
) -> Transform:
    """Use Muon with steps that are normalized neuron by neuron.

    u = −η · (s·N + λ·θ), where N is Muon's O with each column divided by the root of a
    moving average of its mean square, at the norm of O

    The columns of a matrix are its neurons, as kernels are in JAX: (in, out). It is
    `muon` with one more piece after `orthogonalize`:

        muon(η, orthogonalize=chain(orthogonalize(), normalize_neurons(b2, ε)))

    Args:
        learning_rate: η; 0.02 for the authors.
        beta: b in [0, 1), the decay of the momentum.
        b2: the decay of the neurons' second moments, in [0, 1).
        eps: ε ≥ 0, added to the root of the second moments.
        weight_decay: λ, multiplied by the learning rate, and not by s.
        weight_decay_mask: which of the matrices decay; all by default.
        nesterov: as in `muon`.
        consistent_rms: as in `scale_by_shape`; 0.2 is usual.
        orthogonalize: as in `muon`.
        matrices: as in `muon`.
        view: as in `as_matrices`.
        rest: as in `muon`.

    Returns:
        The transform; its state is `{"split": {"matrices": …, "rest": …}}`. It
        needs the parameters.

    Reference:
        Li et al., "NorMuon: Making Muon more efficient and scalable", 2025,
        arXiv:2510.05491.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.normuon(0.1)
        >>> params = {"kernel": jnp.ones((3, 2))}
        >>> grads = {"kernel": jnp.array([[3.0, 0.1], [-4.0, 0.1], [0.0, -0.1]])}
        >>> updates, _ = tx.update(grads, tx.init(params), params)
        >>> norms = jnp.linalg.norm(updates["kernel"], axis=0)
        >>> bool(jnp.allclose(norms[0], norms[1]))
        True
    """
    return muon(
        learning_rate,
        beta,
        weight_decay,
        weight_decay_mask,
        nesterov=nesterov,
        consistent_rms=consistent_rms,
        orthogonalize=chain(orthogonalize, normalize_neurons(b2, eps)),
        matrices=matrices,
        view=view,
        rest=rest,
    )
