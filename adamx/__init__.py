"""Functional optimizer transforms for JAX, composed from small pieces."""

from adamx import schedules as schedules
from adamx.core.apply import apply_updates as apply_updates
from adamx.core.chain import chain as chain
from adamx.core.errors import TransformError as TransformError
from adamx.core.fork import fork as fork
from adamx.core.hyper import Decay as Decay
from adamx.core.hyper import Finite as Finite
from adamx.core.hyper import NonNegative as NonNegative
from adamx.core.hyper import Schedule as Schedule
from adamx.core.hyper import schedule as schedule
from adamx.core.partition import freeze as freeze
from adamx.core.partition import masked as masked
from adamx.core.partition import partition as partition
from adamx.core.rule import Rule as Rule
from adamx.core.transform import Transform as Transform
from adamx.core.transform import lift as lift
from adamx.core.transform import transform as transform
from adamx.optimizers.adabelief import adabelief as adabelief
from adamx.optimizers.adadelta import adadelta as adadelta
from adamx.optimizers.adafactor import adafactor as adafactor
from adamx.optimizers.adafactor import scale_by_factored_rms as scale_by_factored_rms
from adamx.optimizers.adagrad import adagrad as adagrad
from adamx.optimizers.adam import adam as adam
from adamx.optimizers.adam import scale_by_adam as scale_by_adam
from adamx.optimizers.adamax import adamax as adamax
from adamx.optimizers.adamaxw import adamaxw as adamaxw
from adamx.optimizers.adamw import adamw as adamw
from adamx.optimizers.adan import adan as adan
from adamx.optimizers.ademamix import ademamix as ademamix
from adamx.optimizers.adopt import adopt as adopt
from adamx.optimizers.amsgrad import amsgrad as amsgrad
from adamx.optimizers.lamb import lamb as lamb
from adamx.optimizers.laprop import laprop as laprop
from adamx.optimizers.lars import lars as lars
from adamx.optimizers.lion import lion as lion
from adamx.optimizers.nadam import nadam as nadam
from adamx.optimizers.nadamw import nadamw as nadamw
from adamx.optimizers.novograd import novograd as novograd
from adamx.optimizers.rmsprop import rmsprop as rmsprop
from adamx.optimizers.sgd import sgd as sgd
from adamx.optimizers.sign_sgd import sign_sgd as sign_sgd
from adamx.optimizers.signum import signum as signum
from adamx.optimizers.simplified_ademamix import (
    simplified_ademamix as simplified_ademamix,
)
from adamx.transforms.adadelta import scale_by_adadelta as scale_by_adadelta
from adamx.transforms.bias_correct import bias_correct as bias_correct
from adamx.transforms.bias_correct import scale_by_response as scale_by_response
from adamx.transforms.cautious import cautious as cautious
from adamx.transforms.centralize import centralize as centralize
from adamx.transforms.clip import clip as clip
from adamx.transforms.clip import clip_by_block_rms as clip_by_block_rms
from adamx.transforms.clip import clip_by_global_norm as clip_by_global_norm
from adamx.transforms.decay import add_decayed_weights as add_decayed_weights
from adamx.transforms.factored_moment import factored_moment as factored_moment
from adamx.transforms.identity import identity as identity
from adamx.transforms.infinity_moment import (
    scale_by_infinity_moment as scale_by_infinity_moment,
)
from adamx.transforms.momentum import scale_by_momentum as scale_by_momentum
from adamx.transforms.momentum import trace as trace
from adamx.transforms.moving_norm import scale_by_moving_norm as scale_by_moving_norm
from adamx.transforms.moving_variance import moving_variance as moving_variance
from adamx.transforms.nesterov import nesterov_momentum as nesterov_momentum
from adamx.transforms.param_rms import (
    scale_by_param_block_rms as scale_by_param_block_rms,
)
from adamx.transforms.past_moment import scale_by_past_moment as scale_by_past_moment
from adamx.transforms.proximal_decay import add_proximal_decay as add_proximal_decay
from adamx.transforms.scale import scale as scale
from adamx.transforms.scale import scale_by_learning_rate as scale_by_learning_rate
from adamx.transforms.scale import scale_by_relative_step as scale_by_relative_step
from adamx.transforms.second_moment import running_max as running_max
from adamx.transforms.second_moment import (
    scale_by_second_moment as scale_by_second_moment,
)
from adamx.transforms.second_moment import second_moment as second_moment
from adamx.transforms.sign import scale_by_sign as scale_by_sign
from adamx.transforms.sum_of_squares import sum_of_squares as sum_of_squares
from adamx.transforms.trust_ratio import scale_by_trust_ratio as scale_by_trust_ratio
from adamx.wrappers.multi_steps import MultiSteps as MultiSteps

__version__ = "0.1.0"
