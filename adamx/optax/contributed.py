"""What Optax has in `contrib`, with the arguments that it has there."""

from typing import Any

import numpy as np

import adamx
from adamx.core.transform import Transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.optax.adapt import adapted
from adamx.types import Array

CONTRIB = "optax.contrib"


def _is_matrix(path: str, leaf: Array) -> bool:
    return leaf.ndim == 2


def _orthogonalize(ns_coeffs: Any, ns_steps: int, eps: NonNegative) -> Transform:
    """Take the last of several coefficients, as Optax does."""
    several = not isinstance(ns_coeffs, str) and np.ndim(ns_coeffs) != 1
    coefficients = tuple(ns_coeffs[-ns_steps:]) if several else ns_coeffs
    return adamx.orthogonalize(coefficients, ns_steps, eps)


STANDARD = (3.4445, -4.775, 2.0315)


def _scale_by_muon(
    ns_coeffs: Any = STANDARD,
    ns_steps: int = 5,
    beta: Decay = 0.95,
    eps: NonNegative = 1e-8,
    nesterov: bool = True,
) -> Transform:
    return adamx.scale_by_muon(
        beta,
        nesterov=nesterov,
        bias_corrected=True,
        orthogonalize=_orthogonalize(ns_coeffs, ns_steps, eps),
    )


def _muon(
    learning_rate: Finite,
    ns_coeffs: Any = STANDARD,
    ns_steps: int = 5,
    beta: Decay = 0.95,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.0,
    weight_decay_mask: Labels | None = None,
    nesterov: bool = True,
    adam_b1: Decay = 0.9,
    adam_b2: Decay = 0.999,
    adam_eps_root: NonNegative = 0.0,
    adam_weight_decay: Finite = 0.0,
    adam_learning_rate: Finite | None = None,
    consistent_rms: NonNegative | None = None,
) -> Transform:
    rate = learning_rate if adam_learning_rate is None else adam_learning_rate
    adam = adamx.nadamw if nesterov else adamx.adamw
    moments = adam_b1, adam_b2, eps, adam_eps_root
    return adamx.muon(
        learning_rate,
        beta,
        weight_decay,
        weight_decay_mask,
        nesterov=nesterov,
        bias_corrected=True,
        consistent_rms=consistent_rms,
        orthogonalize=_orthogonalize(ns_coeffs, ns_steps, eps),
        matrices=_is_matrix,
        rest=adam(rate, *moments, weight_decay=adam_weight_decay),
    )


def _prodigy(
    learning_rate: NonNegative = 1.0,
    betas: tuple[Any, Any] = (0.9, 0.999),
    beta3: Decay | None = None,
    eps: NonNegative = 1e-8,
    estim_lr0: NonNegative = 1e-6,
    estim_lr_coef: NonNegative = 1.0,
    weight_decay: Finite = 0.0,
    safeguard_warmup: bool = False,
) -> Transform:
    rest = eps, estim_lr0, estim_lr_coef, weight_decay, safeguard_warmup
    return adamx.prodigy(learning_rate, *betas, beta3, *rest)


def _dadapt_adamw(
    learning_rate: NonNegative = 1.0,
    betas: tuple[Any, Any] = (0.9, 0.999),
    eps: NonNegative = 1e-8,
    estim_lr0: NonNegative = 1e-6,
    weight_decay: Finite = 0.0,
) -> Transform:
    return adamx.dadapt_adamw(learning_rate, *betas, eps, estim_lr0, weight_decay)


def _zero_if_none(number: Finite | None) -> Finite:
    return 0.0 if number is None else number


def _dog(
    learning_rate: Finite = 1.0,
    init_step: tuple[str, float] = ("heuristic", 1e-6),
    eps: NonNegative = 1e-8,
    weight_decay: Finite | None = None,
    mask: Labels | None = None,
) -> Transform:
    return adamx.dog(learning_rate, init_step, eps, _zero_if_none(weight_decay), mask)


def _dowg(
    learning_rate: Finite = 1.0,
    init_estim_sq_dist: NonNegative | None = None,
    eps: NonNegative = 1e-4,
    weight_decay: Finite | None = None,
    mask: Labels | None = None,
) -> Transform:
    return adamx.dowg(
        learning_rate, init_estim_sq_dist, eps, _zero_if_none(weight_decay), mask
    )


def _schedule_free_sgd(
    learning_rate: NonNegative = 1.0,
    warmup_steps: int | None = None,
    b1: Decay = 0.9,
    weight_decay: Finite | None = None,
    weight_lr_power: NonNegative = 2.0,
) -> Transform:
    decay = _zero_if_none(weight_decay)
    return adamx.schedule_free_sgd(
        learning_rate, warmup_steps, b1, decay, weight_lr_power
    )


def differentially_private_aggregate(
    l2_norm_clip: float,
    noise_multiplier: float,
    key: Any = None,
    *,
    seed: Any = None,
) -> Transform:
    """Clip and add noise; the key must be given. See adamx's function."""
    key = seed if key is None else key
    return adamx.differentially_private_aggregate(l2_norm_clip, noise_multiplier, key)


ademamix = adapted(
    "ademamix",
    adamx.ademamix,
    "learning_rate b1 b2 b3 alpha eps eps_root mu_dtype: weight_decay mask",
    CONTRIB,
)
adopt = adapted(
    "adopt",
    adamx.adopt,
    "learning_rate b1 b2 eps mu_dtype:mu * nesterov!False use_clipping clip_value_fn",
    CONTRIB,
)
dadapt_adamw = adapted(
    "dadapt_adamw",
    _dadapt_adamw,
    "learning_rate betas eps estim_lr0 weight_decay",
    CONTRIB,
)
dog = adapted("dog", _dog, "learning_rate init_step eps weight_decay mask", CONTRIB)
dowg = adapted(
    "dowg", _dowg, "learning_rate init_estim_sq_dist eps weight_decay mask", CONTRIB
)
GALORE = "rank update_proj_gap scale base_optimizer"
galore = adapted(
    "galore",
    adamx.galore,
    f"learning_rate {GALORE} weight_decay mask weight_dimension_numbers!None",
    CONTRIB,
    proj_type="reverse_std",
    matrices=_is_matrix,
)
muon = adapted(
    "muon",
    _muon,
    "learning_rate ns_coeffs ns_steps beta eps weight_decay weight_decay_mask"
    " mu_dtype:mu * nesterov adaptive!False preconditioning!'frobenius' adam_b1"
    " adam_b2 adam_eps_root adam_weight_decay adam_learning_rate"
    " muon_weight_dimension_numbers!None consistent_rms",
    CONTRIB,
)
prodigy = adapted(
    "prodigy",
    _prodigy,
    "learning_rate betas beta3 eps estim_lr0 estim_lr_coef weight_decay"
    " safeguard_warmup",
    CONTRIB,
)
sam = adapted(
    "sam",
    adamx.sam,
    "optimizer adv_optimizer sync_period reset_state opaque_mode batch_axis_name!None",
    CONTRIB,
)
scale_by_galore = adapted(
    "scale_by_galore",
    adamx.scale_by_galore,
    f"{GALORE} weight_dimension_numbers!None",
    CONTRIB,
    proj_type="reverse_std",
)
scale_by_muon = adapted(
    "scale_by_muon",
    _scale_by_muon,
    "ns_coeffs ns_steps beta eps mu_dtype:mu * nesterov adaptive!False"
    " preconditioning!'frobenius' weight_dimension_numbers!None",
    CONTRIB,
)
schedule_free = adapted(
    "schedule_free",
    adamx.schedule_free,
    "base_optimizer learning_rate b1 weight_lr_power state_dtype:",
    CONTRIB,
)
schedule_free_adamw = adapted(
    "schedule_free_adamw",
    adamx.schedule_free_adamw,
    "learning_rate warmup_steps b1 b2 eps weight_decay weight_lr_power state_dtype:",
    CONTRIB,
)
schedule_free_sgd = adapted(
    "schedule_free_sgd",
    _schedule_free_sgd,
    "learning_rate warmup_steps b1 weight_decay weight_lr_power state_dtype:",
    CONTRIB,
)
