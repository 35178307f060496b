"""Optimizers and pieces that have other arguments in Optax, or another meaning there.

Each is a function of adamx with a row of arguments; see `adapted`. A function is
written here only where Optax's arguments choose between pieces of adamx.
"""

from typing import Any

import adamx
from adamx.core.transform import Transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative, derived
from adamx.hyperparameters.labels import Labels
from adamx.inspect.measure import Averaged, Measure
from adamx.optax.adapt import adapted
from adamx.optimizers.adan import direction as adan_direction
from adamx.types import Scalar, ScalarOrSchedule


def _nadam(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    nesterov: bool = True,
) -> Transform:
    builder = adamx.nadam if nesterov else adamx.adam
    return builder(learning_rate, b1, b2, eps, eps_root)


def _adamw(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    weight_decay: Finite = 1e-4,
    mask: Labels | None = None,
    nesterov: bool = False,
) -> Transform:
    builder = adamx.nadamw if nesterov else adamx.adamw
    moments = learning_rate, b1, b2, eps, eps_root
    return builder(*moments, weight_decay=weight_decay, mask=mask)


def _nadamw(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    weight_decay: Finite = 1e-4,
    mask: Labels | None = None,
    nesterov: bool = True,
) -> Transform:
    moments = learning_rate, b1, b2, eps, eps_root
    return _adamw(*moments, weight_decay, mask, nesterov)


def _scale_by_amsgrad(
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> Transform:
    """Divide by the root of the maximum of the corrected second moment."""
    momentum, moment = adamx.scale_by_momentum(b1), adamx.second_moment(b2)
    return adamx.scale_by_second_moment(
        adamx.chain(
            adamx.bias_correct(moment) if bias_correction_nu else moment,
            adamx.running_max(),
        ),
        eps,
        eps_root,
        numerator=adamx.bias_correct(momentum) if bias_correction_mu else momentum,
    )


def _amsgrad(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> Transform:
    corrections = bias_correction_mu, bias_correction_nu
    direction = _scale_by_amsgrad(b1, b2, eps, eps_root, *corrections)
    return adamx.chain(direction, adamx.scale_by_learning_rate(learning_rate))


def _remainder(number: Scalar) -> Scalar:
    return 1 - number


def _scale_by_adan(
    b1: Decay = 0.98,
    b2: Decay = 0.92,
    b3: Decay = 0.99,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
) -> Transform:
    """Take the weight 1 − b2 of the change, where Adan's authors have b2."""
    return adan_direction(b1, b2, b3, eps, eps_root, derived(_remainder, b2))


def _adan(
    learning_rate: NonNegative,
    b1: Decay = 0.98,
    b2: Decay = 0.92,
    b3: Decay = 0.99,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 1e-8,
    weight_decay: NonNegative = 0.0,
    mask: Labels | None = None,
) -> Transform:
    return adamx.chain(
        _scale_by_adan(b1, b2, b3, eps, eps_root),
        adamx.add_decayed_weights(weight_decay, mask),
        adamx.scale_by_learning_rate(learning_rate),
    )


def scale_by_learning_rate(
    learning_rate: ScalarOrSchedule | None = None, *, flip_sign: bool = True
) -> Transform:
    """Multiply by minus the learning rate; None is the identity."""
    if learning_rate is None:
        return adamx.identity()
    return adamx.scale_by_learning_rate(learning_rate, flip_sign=flip_sign)


def measure_with_ema(
    measure: Measure,
    decay: ScalarOrSchedule,
    debias: bool = True,
    accumulator_dtype: Any = None,
) -> Averaged:
    """Keep the average of a measure, in float32 at least; see adamx's function."""
    return adamx.measure_with_ema(measure, decay, debias)


def _adadelta(
    learning_rate: Finite | None = None,
    rho: Decay = 0.9,
    eps: NonNegative = 1e-6,
    weight_decay: Finite = 0.0,
    weight_decay_mask: Labels | None = None,
) -> Transform:
    return adamx.chain(
        adamx.add_decayed_weights(weight_decay, weight_decay_mask),
        adamx.scale_by_adadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )


def _optimistic_adam_v2(
    learning_rate: Finite,
    alpha: Finite = 1.0,
    beta: Finite = 1.0,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    nesterov: bool = True,
) -> Transform:
    return adamx.chain(
        adamx.scale_by_adam(b1, b2, eps, eps_root, nesterov=nesterov),
        adamx.scale_by_optimistic_gradient(alpha, beta),
        adamx.scale_by_learning_rate(learning_rate),
    )


def _scale_by_sm3(
    b1: Decay = 0.9, b2: NonNegative = 1.0, eps: NonNegative = 1e-8
) -> Transform:
    return adamx.scale_by_sm3(b1, None if b2 == 1.0 else b2, eps)


def _reciprocal(number: Scalar) -> Scalar:
    return 1 / number


def _polyak_sgd(
    max_learning_rate: NonNegative = 1.0,
    scaling: Finite = 1.0,
    f_min: Finite = 0.0,
    eps: NonNegative = 0.0,
    variant: str = "sps",
) -> Transform:
    """Take Polyak's step, divided by `scaling`."""
    return adamx.polyak_sgd(
        max_learning_rate, derived(_reciprocal, scaling), f_min, eps, variant
    )


def _add_noise(
    eta: NonNegative, gamma: NonNegative, key: Any = None, seed: Any = None
) -> Transform:
    return adamx.add_noise(eta, gamma, _key(key, seed))


def _noisy_sgd(
    learning_rate: Finite,
    eta: NonNegative = 0.01,
    gamma: NonNegative = 0.55,
    key: Any = None,
    seed: Any = None,
) -> Transform:
    return adamx.noisy_sgd(learning_rate, eta, gamma, _key(key, seed))


def _key(key: Any, seed: Any) -> Any:
    return (0 if seed is None else seed) if key is None else key


ADAM = "learning_rate b1 b2 eps eps_root mu_dtype:mu"

adam = adapted("adam", adamx.adam, f"{ADAM} * nesterov")
adamw = adapted("adamw", _adamw, f"{ADAM} weight_decay mask * nesterov")
nadam = adapted("nadam", _nadam, f"{ADAM} * nesterov")
nadamw = adapted("nadamw", _nadamw, f"{ADAM} weight_decay mask * nesterov")
amsgrad = adapted("amsgrad", _amsgrad, f"{ADAM} bias_correction_mu bias_correction_nu")
lion = adapted("lion", adamx.lion, "learning_rate b1 b2 mu_dtype:mu weight_decay mask")
sgd = adapted(
    "sgd", adamx.sgd, "learning_rate momentum nesterov accumulator_dtype:trace"
)
signum = adapted(
    "signum", adamx.signum, "learning_rate beta=momentum accumulator_dtype:mu"
)
adabelief = adapted(
    "adabelief", adamx.adabelief, "learning_rate b1 b2 eps eps_root * nesterov!False"
)
adadelta = adapted(
    "adadelta", _adadelta, "learning_rate rho eps weight_decay weight_decay_mask"
)
adafactor = adapted(
    "adafactor",
    adamx.adafactor,
    "learning_rate min_dim_size_to_factor decay_rate decay_offset"
    " multiply_by_parameter_scale clipping_threshold momentum dtype_momentum:mu"
    " weight_decay_rate eps factored!True weight_decay_mask",
)
adan = adapted("adan", _adan, "learning_rate b1 b2 b3 eps eps_root weight_decay mask")
noisy_sgd = adapted("noisy_sgd", _noisy_sgd, "learning_rate eta gamma key * seed")
optimistic_adam = adapted(
    "optimistic_adam",
    adamx.optimistic_adam,
    "learning_rate optimism b1 b2 eps eps_root mu_dtype:mu * nesterov",
)
optimistic_adam_v2 = adapted(
    "optimistic_adam_v2",
    _optimistic_adam_v2,
    "learning_rate * alpha beta b1 b2 eps eps_root mu_dtype:mu nesterov",
)
polyak_sgd = adapted(
    "polyak_sgd", _polyak_sgd, "max_learning_rate scaling f_min eps variant"
)

add_noise = adapted("add_noise", _add_noise, "eta gamma key * seed")
ema = adapted("ema", adamx.ema, "decay debias accumulator_dtype:mu")
scale_by_adam = adapted(
    "scale_by_adam",
    adamx.scale_by_adam,
    "b1 b2 eps eps_root mu_dtype:mu * nesterov",
)
scale_by_adan = adapted("scale_by_adan", _scale_by_adan, "b1 b2 b3 eps eps_root")
scale_by_amsgrad = adapted(
    "scale_by_amsgrad",
    _scale_by_amsgrad,
    "b1 b2 eps eps_root mu_dtype:mu bias_correction_mu bias_correction_nu",
)
scale_by_backtracking_linesearch = adapted(
    "scale_by_backtracking_linesearch",
    adamx.scale_by_backtracking_linesearch,
    "max_backtracking_steps slope_rtol decrease_factor increase_factor"
    " max_learning_rate atol rtol store_grad verbose!False",
)
scale_by_belief = adapted(
    "scale_by_belief", adamx.scale_by_belief, "b1 b2 eps eps_root * nesterov!False"
)
scale_by_factored_rms = adapted(
    "scale_by_factored_rms",
    adamx.scale_by_factored_rms,
    "factored decay_rate step_offset min_dim_size_to_factor epsilon decay_rate_fn!None",
)
scale_by_lion = adapted(
    "scale_by_lion",
    adamx.scale_by_lion,
    "b1 b2 mu_dtype:mu * mode!'hard' smooth_beta!1.0",
)
scale_by_novograd = adapted(
    "scale_by_novograd",
    adamx.scale_by_novograd,
    "b1 b2 eps eps_root weight_decay mu_dtype:trace",
)
scale_by_schedule = adapted("scale_by_schedule", adamx.scale, "step_size_fn=step_size")
scale_by_sm3 = adapted("scale_by_sm3", _scale_by_sm3, "b1 b2 eps")
scale_by_zoom_linesearch = adapted(
    "scale_by_zoom_linesearch",
    adamx.scale_by_zoom_linesearch,
    "max_linesearch_steps max_learning_rate tol increase_factor slope_rtol curv_rtol"
    " approx_dec_rtol stepsize_precision initial_guess_strategy verbose!False",
)
trace = adapted("trace", adamx.trace, "decay nesterov accumulator_dtype:trace")
