"""Functional optimizer transforms for JAX, composed from small pieces.

Conventions of all docstrings:

- In equations g is the gradient, or the update that comes in, θ the parameter, u the
  update that goes out, η the learning rate, λ the weight decay, and t the number of
  the step, from 1. x₋₁ is the x of the step before, x̂ an average after its bias
  correction. Equations are for each number, and norms over one leaf, if they do not
  say otherwise. Of complex numbers g² is |g|².
- A hyperparameter, such as "b in [0, 1)", is a number, an array of shape (), traced
  or not, or a schedule: a function of the number of steps before. A value out of its
  range raises a `TransformError`. If no range is given, any finite number is allowed.
- What a state keeps for each leaf has the shape of the parameter and at least float32;
  averages of |g|² are real. A state also has a few scalars, such as `count`, and the
  value in use of each schedule.
- If θ is in the equation of u, `update` needs `params`.
- A `mask` is a tree of bools like the parameters, or a function; see `masked`.
"""

from adamx.lazy import on_first_use as _on_first_use

with _on_first_use(globals(), "adamx.names"):
    from adamx import schedules as schedules
    from adamx.core.apply import apply_updates as apply_updates
    from adamx.core.chain import chain as chain
    from adamx.core.fork import fork as fork
    from adamx.core.fork import with_input as with_input
    from adamx.core.loop import global_norm as global_norm
    from adamx.core.loop import incremental_update as incremental_update
    from adamx.core.loop import periodic_update as periodic_update
    from adamx.core.partition import freeze as freeze
    from adamx.core.partition import masked as masked
    from adamx.core.partition import param_groups as param_groups
    from adamx.core.partition import partition as partition
    from adamx.core.rule import Rule as Rule
    from adamx.core.transform import Transform as Transform
    from adamx.core.transform import lift as lift
    from adamx.core.transform import transform as transform
    from adamx.errors import TransformError as TransformError
    from adamx.hyperparameters.hyper import Decay as Decay
    from adamx.hyperparameters.hyper import Finite as Finite
    from adamx.hyperparameters.hyper import NonNegative as NonNegative
    from adamx.hyperparameters.hyper import Schedule as Schedule
    from adamx.hyperparameters.hyper import schedule as schedule
    from adamx.inspect.describe import describe as describe
    from adamx.inspect.find import find as find
    from adamx.inspect.find import find_all as find_all
    from adamx.inspect.measure import measure_with_ema as measure_with_ema
    from adamx.inspect.measure import monitor as monitor
    from adamx.inspect.measure import snapshot as snapshot
    from adamx.inspect.memory import state_bytes as state_bytes
    from adamx.inspect.monitor import monitor_norms as monitor_norms
    from adamx.inspect.monitor import monitored as monitored
    from adamx.interop.from_optax import from_optax as from_optax
    from adamx.interop.from_torch import from_torch as from_torch
    from adamx.interop.migrate import Migration as Migration
    from adamx.interop.migrate import migrate as migrate
    from adamx.kernels.fused import fused as fused
    from adamx.linalg.kinds import is_hidden_matrix as is_hidden_matrix
    from adamx.linalg.kinds import is_weight as is_weight
    from adamx.linalg.matrix_view import MatrixView as MatrixView
    from adamx.linalg.matrix_view import matrix_view as matrix_view
    from adamx.linalg.matrix_view import out_in_view as out_in_view
    from adamx.linalg.newton_schulz import NEWTON_SCHULZ as NEWTON_SCHULZ
    from adamx.linalg.newton_schulz import NewtonSchulz as NewtonSchulz
    from adamx.optimizers.acprop import acprop as acprop
    from adamx.optimizers.acprop import scale_by_acprop as scale_by_acprop
    from adamx.optimizers.adabelief import adabelief as adabelief
    from adamx.optimizers.adabelief import scale_by_belief as scale_by_belief
    from adamx.optimizers.adadelta import adadelta as adadelta
    from adamx.optimizers.adafactor import adafactor as adafactor
    from adamx.optimizers.adafactor import (
        scale_by_factored_rms as scale_by_factored_rms,
    )
    from adamx.optimizers.adagrad import adagrad as adagrad
    from adamx.optimizers.adagrad import scale_by_rss as scale_by_rss
    from adamx.optimizers.adam import adam as adam
    from adamx.optimizers.adam import scale_by_adam as scale_by_adam
    from adamx.optimizers.adam_atan2 import adam_atan2 as adam_atan2
    from adamx.optimizers.adam_mini import adam_mini as adam_mini
    from adamx.optimizers.adamax import adamax as adamax
    from adamx.optimizers.adamax import scale_by_adamax as scale_by_adamax
    from adamx.optimizers.adamaxw import adamaxw as adamaxw
    from adamx.optimizers.adamw import adamw as adamw
    from adamx.optimizers.adan import adan as adan
    from adamx.optimizers.adan import scale_by_adan as scale_by_adan
    from adamx.optimizers.ademamix import ademamix as ademamix
    from adamx.optimizers.adopt import adopt as adopt
    from adamx.optimizers.amsgrad import amsgrad as amsgrad
    from adamx.optimizers.amsgrad import scale_by_amsgrad as scale_by_amsgrad
    from adamx.optimizers.asgd import asgd as asgd
    from adamx.optimizers.came import came as came
    from adamx.optimizers.cocob import cocob as cocob
    from adamx.optimizers.dadapt_adamw import dadapt_adamw as dadapt_adamw
    from adamx.optimizers.dion2 import dion2 as dion2
    from adamx.optimizers.dog import dog as dog
    from adamx.optimizers.dowg import dowg as dowg
    from adamx.optimizers.dpsgd import dpsgd as dpsgd
    from adamx.optimizers.ema import ema as ema
    from adamx.optimizers.fromage import fromage as fromage
    from adamx.optimizers.ftrl import ftrl as ftrl
    from adamx.optimizers.galore import galore as galore
    from adamx.optimizers.galore import scale_by_galore as scale_by_galore
    from adamx.optimizers.grokfast import grokfast as grokfast
    from adamx.optimizers.hyperball import hyperball as hyperball
    from adamx.optimizers.lamb import lamb as lamb
    from adamx.optimizers.laprop import laprop as laprop
    from adamx.optimizers.lars import lars as lars
    from adamx.optimizers.lbfgs import lbfgs as lbfgs
    from adamx.optimizers.lion import lion as lion
    from adamx.optimizers.lion import scale_by_lion as scale_by_lion
    from adamx.optimizers.madgrad import madgrad as madgrad
    from adamx.optimizers.mars import mars as mars
    from adamx.optimizers.mars import mars_lion as mars_lion
    from adamx.optimizers.momo import momo as momo
    from adamx.optimizers.momo_adam import momo_adam as momo_adam
    from adamx.optimizers.muon import muon as muon
    from adamx.optimizers.muon import scale_by_muon as scale_by_muon
    from adamx.optimizers.nadam import nadam as nadam
    from adamx.optimizers.nadamw import nadamw as nadamw
    from adamx.optimizers.noisy_sgd import noisy_sgd as noisy_sgd
    from adamx.optimizers.normuon import normuon as normuon
    from adamx.optimizers.novograd import novograd as novograd
    from adamx.optimizers.novograd import scale_by_novograd as scale_by_novograd
    from adamx.optimizers.optimistic import optimistic_adam as optimistic_adam
    from adamx.optimizers.optimistic import (
        optimistic_gradient_descent as optimistic_gradient_descent,
    )
    from adamx.optimizers.optimistic import (
        scale_by_optimistic_gradient as scale_by_optimistic_gradient,
    )
    from adamx.optimizers.polyak_sgd import polyak_sgd as polyak_sgd
    from adamx.optimizers.prodigy import prodigy as prodigy
    from adamx.optimizers.psgd_kron import psgd_kron as psgd_kron
    from adamx.optimizers.radam import radam as radam
    from adamx.optimizers.radam import scale_by_radam as scale_by_radam
    from adamx.optimizers.rmsprop import rmsprop as rmsprop
    from adamx.optimizers.rmsprop import scale_by_rms as scale_by_rms
    from adamx.optimizers.rmsprop import scale_by_stddev as scale_by_stddev
    from adamx.optimizers.rprop import rprop as rprop
    from adamx.optimizers.schedule_free_adamw import (
        schedule_free_adamw as schedule_free_adamw,
    )
    from adamx.optimizers.schedule_free_radam import (
        schedule_free_radam as schedule_free_radam,
    )
    from adamx.optimizers.schedule_free_sgd import (
        schedule_free_sgd as schedule_free_sgd,
    )
    from adamx.optimizers.scion import scion as scion
    from adamx.optimizers.sgd import sgd as sgd
    from adamx.optimizers.shampoo import scale_by_shampoo as scale_by_shampoo
    from adamx.optimizers.shampoo import shampoo as shampoo
    from adamx.optimizers.sign_sgd import sign_sgd as sign_sgd
    from adamx.optimizers.signum import signum as signum
    from adamx.optimizers.simplified_ademamix import (
        simplified_ademamix as simplified_ademamix,
    )
    from adamx.optimizers.sm3 import scale_by_sm3 as scale_by_sm3
    from adamx.optimizers.sm3 import sm3 as sm3
    from adamx.optimizers.soap import scale_by_soap as scale_by_soap
    from adamx.optimizers.soap import soap as soap
    from adamx.optimizers.sophia import scale_by_sophia as scale_by_sophia
    from adamx.optimizers.sophia import sophia as sophia
    from adamx.optimizers.stable_adamw import stable_adamw as stable_adamw
    from adamx.optimizers.yogi import scale_by_yogi as scale_by_yogi
    from adamx.optimizers.yogi import yogi as yogi
    from adamx.racing.race import race as race
    from adamx.schedules.constant import constant_schedule as constant_schedule
    from adamx.schedules.cosine import cosine_decay_schedule as cosine_decay_schedule
    from adamx.schedules.exponential import exponential_decay as exponential_decay
    from adamx.schedules.inverse_sqrt import (
        inverse_sqrt_schedule as inverse_sqrt_schedule,
    )
    from adamx.schedules.inverse_time import (
        inverse_time_decay_schedule as inverse_time_decay_schedule,
    )
    from adamx.schedules.join import join_schedules as join_schedules
    from adamx.schedules.onecycle import (
        cosine_onecycle_schedule as cosine_onecycle_schedule,
    )
    from adamx.schedules.onecycle import (
        linear_onecycle_schedule as linear_onecycle_schedule,
    )
    from adamx.schedules.piecewise import (
        piecewise_constant_schedule as piecewise_constant_schedule,
    )
    from adamx.schedules.piecewise import (
        piecewise_interpolate_schedule as piecewise_interpolate_schedule,
    )
    from adamx.schedules.polynomial import linear_schedule as linear_schedule
    from adamx.schedules.polynomial import polynomial_schedule as polynomial_schedule
    from adamx.schedules.restarts import sgdr_schedule as sgdr_schedule
    from adamx.schedules.stable_decay import (
        warmup_stable_decay_schedule as warmup_stable_decay_schedule,
    )
    from adamx.schedules.warmup import (
        warmup_constant_schedule as warmup_constant_schedule,
    )
    from adamx.schedules.warmup import (
        warmup_cosine_decay_schedule as warmup_cosine_decay_schedule,
    )
    from adamx.schedules.warmup import (
        warmup_exponential_decay_schedule as warmup_exponential_decay_schedule,
    )
    from adamx.schedules.warmup import (
        warmup_inverse_sqrt_schedule as warmup_inverse_sqrt_schedule,
    )
    from adamx.stepping.make_step import Step as Step
    from adamx.stepping.make_step import make_step as make_step
    from adamx.storage.bfloat16 import bfloat16 as bfloat16
    from adamx.storage.codec import Codec as Codec
    from adamx.storage.companded8 import int8 as int8
    from adamx.storage.companded8 import uint8_root as uint8_root
    from adamx.storage.dynamic8 import int8_dynamic as int8_dynamic
    from adamx.storage.dynamic8 import uint8_dynamic as uint8_dynamic
    from adamx.storage.float8 import float8 as float8
    from adamx.storage.int4 import int4 as int4
    from adamx.storage.int4 import uint4 as uint4
    from adamx.storage.stored import stored as stored
    from adamx.transforms.clipping.adaptive_clip import (
        adaptive_grad_clip as adaptive_grad_clip,
    )
    from adamx.transforms.clipping.clip import clip as clip
    from adamx.transforms.clipping.clip import clip_by_block_rms as clip_by_block_rms
    from adamx.transforms.clipping.clip import (
        clip_by_global_norm as clip_by_global_norm,
    )
    from adamx.transforms.clipping.clip import clip_by_norm as clip_by_norm
    from adamx.transforms.constraints.hold_norm import hold_norm as hold_norm
    from adamx.transforms.constraints.nonnegative import (
        keep_params_nonnegative as keep_params_nonnegative,
    )
    from adamx.transforms.constraints.project import (
        keep_params_between as keep_params_between,
    )
    from adamx.transforms.constraints.project import project_params as project_params
    from adamx.transforms.decay.decay import add_decayed_weights as add_decayed_weights
    from adamx.transforms.decay.proximal_decay import (
        add_proximal_decay as add_proximal_decay,
    )
    from adamx.transforms.distance.cocob import scale_by_cocob as scale_by_cocob
    from adamx.transforms.distance.dog import scale_by_dog as scale_by_dog
    from adamx.transforms.distance.dog import scale_by_dowg as scale_by_dowg
    from adamx.transforms.distance.polyak import scale_by_polyak as scale_by_polyak
    from adamx.transforms.line_search.backtracking_linesearch import (
        scale_by_backtracking_linesearch as scale_by_backtracking_linesearch,
    )
    from adamx.transforms.line_search.lbfgs import scale_by_lbfgs as scale_by_lbfgs
    from adamx.transforms.line_search.search import (
        value_and_grad_from_state as value_and_grad_from_state,
    )
    from adamx.transforms.line_search.zoom_linesearch import (
        scale_by_zoom_linesearch as scale_by_zoom_linesearch,
    )
    from adamx.transforms.matrices.as_matrices import as_matrices as as_matrices
    from adamx.transforms.matrices.eigenbasis import in_eigenbasis as in_eigenbasis
    from adamx.transforms.matrices.norm_ball import (
        scale_by_norm_ball as scale_by_norm_ball,
    )
    from adamx.transforms.matrices.orthogonalize import orthogonalize as orthogonalize
    from adamx.transforms.matrices.submatrix import in_submatrix as in_submatrix
    from adamx.transforms.matrices.subspace import in_subspace as in_subspace
    from adamx.transforms.matrices.whiten import whiten as whiten
    from adamx.transforms.moments.adadelta import scale_by_adadelta as scale_by_adadelta
    from adamx.transforms.moments.bias_correct import bias_correct as bias_correct
    from adamx.transforms.moments.bias_correct import (
        scale_by_response as scale_by_response,
    )
    from adamx.transforms.moments.block_moment import block_moment as block_moment
    from adamx.transforms.moments.cover_moment import cover_moment as cover_moment
    from adamx.transforms.moments.factored_moment import (
        factored_moment as factored_moment,
    )
    from adamx.transforms.moments.hessian_estimators import (
        gauss_newton_bartlett_diag_hessian as gauss_newton_bartlett_diag_hessian,
    )
    from adamx.transforms.moments.hessian_estimators import (
        hutchinson_estimator_diag_hessian as hutchinson_estimator_diag_hessian,
    )
    from adamx.transforms.moments.hessian_moment import hessian_moment as hessian_moment
    from adamx.transforms.moments.infinity_moment import (
        scale_by_infinity_moment as scale_by_infinity_moment,
    )
    from adamx.transforms.moments.moving_norm import (
        scale_by_moving_norm as scale_by_moving_norm,
    )
    from adamx.transforms.moments.moving_variance import (
        moving_variance as moving_variance,
    )
    from adamx.transforms.moments.neuron_norm import (
        normalize_neurons as normalize_neurons,
    )
    from adamx.transforms.moments.past_moment import (
        scale_by_past_moment as scale_by_past_moment,
    )
    from adamx.transforms.moments.rectified import (
        scale_by_rectified_moment as scale_by_rectified_moment,
    )
    from adamx.transforms.moments.second_moment import running_max as running_max
    from adamx.transforms.moments.second_moment import (
        scale_by_second_moment as scale_by_second_moment,
    )
    from adamx.transforms.moments.second_moment import second_moment as second_moment
    from adamx.transforms.moments.stable_moment import (
        scale_by_stable_moment as scale_by_stable_moment,
    )
    from adamx.transforms.moments.sum_of_squares import sum_of_squares as sum_of_squares
    from adamx.transforms.moments.yogi_moment import yogi_moment as yogi_moment
    from adamx.transforms.momentum.average import average_params as average_params
    from adamx.transforms.momentum.average import averaged_params as averaged_params
    from adamx.transforms.momentum.madgrad import (
        scale_by_madgrad as scale_by_madgrad,
    )
    from adamx.transforms.momentum.momentum import (
        scale_by_momentum as scale_by_momentum,
    )
    from adamx.transforms.momentum.momentum import trace as trace
    from adamx.transforms.momentum.nesterov import (
        nesterov_momentum as nesterov_momentum,
    )
    from adamx.transforms.privacy.per_example import (
        differentially_private_aggregate as differentially_private_aggregate,
    )
    from adamx.transforms.privacy.per_example import (
        per_example_global_norm_clip as per_example_global_norm_clip,
    )
    from adamx.transforms.privacy.per_example import (
        per_example_layer_norm_clip as per_example_layer_norm_clip,
    )
    from adamx.transforms.scaling.arctangent import arctangent as arctangent
    from adamx.transforms.scaling.cautious import cautious as cautious
    from adamx.transforms.scaling.centralize import centralize as centralize
    from adamx.transforms.scaling.identity import identity as identity
    from adamx.transforms.scaling.noise import add_noise as add_noise
    from adamx.transforms.scaling.normalize import normalize as normalize
    from adamx.transforms.scaling.normalize import (
        normalize_by_update_norm as normalize_by_update_norm,
    )
    from adamx.transforms.scaling.param_rms import (
        scale_by_param_block_norm as scale_by_param_block_norm,
    )
    from adamx.transforms.scaling.param_rms import (
        scale_by_param_block_rms as scale_by_param_block_rms,
    )
    from adamx.transforms.scaling.plateau import reduce_on_plateau as reduce_on_plateau
    from adamx.transforms.scaling.rprop import scale_by_rprop as scale_by_rprop
    from adamx.transforms.scaling.scale import scale as scale
    from adamx.transforms.scaling.scale import (
        scale_by_learning_rate as scale_by_learning_rate,
    )
    from adamx.transforms.scaling.scale import (
        scale_by_relative_step as scale_by_relative_step,
    )
    from adamx.transforms.scaling.shape_scale import scale_by_shape as scale_by_shape
    from adamx.transforms.scaling.sign import scale_by_sign as scale_by_sign
    from adamx.transforms.scaling.trust_ratio import (
        scale_by_trust_ratio as scale_by_trust_ratio,
    )
    from adamx.transforms.scaling.zero import set_to_zero as set_to_zero
    from adamx.transforms.scaling.zero import zero_nans as zero_nans
    from adamx.types import Params as Params
    from adamx.types import State as State
    from adamx.types import Updates as Updates
    from adamx.wrappers.apply_if_finite import apply_if_finite as apply_if_finite
    from adamx.wrappers.conditional import conditionally_mask as conditionally_mask
    from adamx.wrappers.conditional import (
        conditionally_transform as conditionally_transform,
    )
    from adamx.wrappers.flatten import flatten as flatten
    from adamx.wrappers.inject_hyperparams import (
        inject_hyperparams as inject_hyperparams,
    )
    from adamx.wrappers.inject_hyperparams import set_hyperparams as set_hyperparams
    from adamx.wrappers.lookahead import lookahead as lookahead
    from adamx.wrappers.loss_scale import dynamic_loss_scale as dynamic_loss_scale
    from adamx.wrappers.loss_scale import loss_scale as loss_scale
    from adamx.wrappers.mechanize import mechanize as mechanize
    from adamx.wrappers.multi_steps import MultiSteps as MultiSteps
    from adamx.wrappers.multi_steps import apply_every as apply_every
    from adamx.wrappers.multi_steps import has_updated as has_updated
    from adamx.wrappers.sam import sam as sam
    from adamx.wrappers.schedule_free import schedule_free as schedule_free
    from adamx.wrappers.schedule_free import (
        schedule_free_eval_params as schedule_free_eval_params,
    )
    from adamx.wrappers.skip_large_updates import (
        skip_large_updates as skip_large_updates,
    )
    from adamx.wrappers.skip_not_finite import skip_not_finite as skip_not_finite
    from adamx.wrappers.skip_spikes import skip_spikes as skip_spikes

__version__ = "0.1.0"
