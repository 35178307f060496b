"""Optax's names: `from adamx import optax` in the place of `import optax`.

A name of Optax is here the function of adamx, with the arguments that Optax has. Where
adamx has no such thing it is Optax's own, which is loaded when it is used: losses,
functions of trees and the like. Everything else works without Optax.

This file is the table of names: the page *Moving from Optax* and the errors of unknown
names read it.
"""

from adamx.lazy import on_first_use as _on_first_use

with _on_first_use(globals(), "adamx.names"):
    from optax import AdaptiveGradClipState as AdaptiveGradClipState
    from optax import AddDecayedWeightsState as AddDecayedWeightsState
    from optax import AddNoiseState as AddNoiseState
    from optax import ApplyEvery as ApplyEvery
    from optax import ClipByGlobalNormState as ClipByGlobalNormState
    from optax import ClipState as ClipState
    from optax import EmaState as EmaState
    from optax import FactoredState as FactoredState
    from optax import InjectStatefulHyperparamsState as InjectStatefulHyperparamsState
    from optax import LookaheadParams as LookaheadParams
    from optax import LookaheadState as LookaheadState
    from optax import MaskedNode as MaskedNode
    from optax import MonitorState as MonitorState
    from optax import NonNegativeParamsState as NonNegativeParamsState
    from optax import ScaleByAdaDeltaState as ScaleByAdaDeltaState
    from optax import ScaleByAdamState as ScaleByAdamState
    from optax import ScaleByAdanState as ScaleByAdanState
    from optax import ScaleByAmsgradState as ScaleByAmsgradState
    from optax import (
        ScaleByBacktrackingLinesearchState as ScaleByBacktrackingLinesearchState,
    )
    from optax import ScaleByBeliefState as ScaleByBeliefState
    from optax import ScaleByLBFGSState as ScaleByLBFGSState
    from optax import ScaleByLionState as ScaleByLionState
    from optax import ScaleByNovogradState as ScaleByNovogradState
    from optax import ScaleByRmsState as ScaleByRmsState
    from optax import ScaleByRpropState as ScaleByRpropState
    from optax import ScaleByRssState as ScaleByRssState
    from optax import ScaleByRStdDevState as ScaleByRStdDevState
    from optax import ScaleByScheduleState as ScaleByScheduleState
    from optax import ScaleBySM3State as ScaleBySM3State
    from optax import ScaleByTrustRatioState as ScaleByTrustRatioState
    from optax import ScaleByZoomLinesearchState as ScaleByZoomLinesearchState
    from optax import ScaleState as ScaleState
    from optax import SnapshotState as SnapshotState
    from optax import TraceState as TraceState
    from optax import WrappedSchedule as WrappedSchedule
    from optax import ZeroNansState as ZeroNansState
    from optax import ZoomLinesearchInfo as ZoomLinesearchInfo
    from optax import bias_correction as bias_correction
    from optax import convex_kl_divergence as convex_kl_divergence
    from optax import cosine_distance as cosine_distance
    from optax import cosine_similarity as cosine_similarity
    from optax import ctc_loss as ctc_loss
    from optax import ctc_loss_with_forward_probs as ctc_loss_with_forward_probs
    from optax import generalized_kl_divergence as generalized_kl_divergence
    from optax import hinge_loss as hinge_loss
    from optax import huber_loss as huber_loss
    from optax import inject_stateful_hyperparams as inject_stateful_hyperparams
    from optax import kl_divergence as kl_divergence
    from optax import l2_loss as l2_loss
    from optax import log_cosh as log_cosh
    from optax import lookahead as lookahead
    from optax import matrix_inverse_pth_root as matrix_inverse_pth_root
    from optax import microbatch as microbatch
    from optax import multi_normal as multi_normal
    from optax import nnls as nnls
    from optax import ntxent as ntxent
    from optax import power_iteration as power_iteration
    from optax import rprop as rprop
    from optax import safe_norm as safe_norm
    from optax import safe_root_mean_squares as safe_root_mean_squares
    from optax import safe_softmax_cross_entropy as safe_softmax_cross_entropy
    from optax import (
        scale_by_distance_over_gradients as scale_by_distance_over_gradients,
    )
    from optax import scale_by_rprop as scale_by_rprop
    from optax import scale_gradient as scale_gradient
    from optax import selective_transform as selective_transform
    from optax import sigmoid_binary_cross_entropy as sigmoid_binary_cross_entropy
    from optax import sigmoid_focal_loss as sigmoid_focal_loss
    from optax import smooth_labels as smooth_labels
    from optax import softmax_cross_entropy as softmax_cross_entropy
    from optax import (
        softmax_cross_entropy_with_integer_labels as softmax_cross_entropy_with_integer_labels,
    )
    from optax import squared_error as squared_error
    from optax import tree_map_params as tree_map_params
    from optax import update_infinity_moment as update_infinity_moment
    from optax import update_moment as update_moment
    from optax import update_moment_per_elem_norm as update_moment_per_elem_norm

    from adamx import adagrad as adagrad
    from adamx import adamax as adamax
    from adamx import adamaxw as adamaxw
    from adamx import adaptive_grad_clip as adaptive_grad_clip
    from adamx import add_decayed_weights as add_decayed_weights
    from adamx import apply_every as apply_every
    from adamx import apply_updates as apply_updates
    from adamx import centralize as centralize
    from adamx import clip as clip
    from adamx import clip_by_block_rms as clip_by_block_rms
    from adamx import clip_by_global_norm as clip_by_global_norm
    from adamx import constant_schedule as constant_schedule
    from adamx import cosine_decay_schedule as cosine_decay_schedule
    from adamx import cosine_onecycle_schedule as cosine_onecycle_schedule
    from adamx import exponential_decay as exponential_decay
    from adamx import flatten as flatten
    from adamx import freeze as freeze
    from adamx import fromage as fromage
    from adamx import global_norm as global_norm
    from adamx import identity as identity
    from adamx import incremental_update as incremental_update
    from adamx import join_schedules as join_schedules
    from adamx import keep_params_nonnegative as keep_params_nonnegative
    from adamx import lamb as lamb
    from adamx import lars as lars
    from adamx import lbfgs as lbfgs
    from adamx import linear_onecycle_schedule as linear_onecycle_schedule
    from adamx import linear_schedule as linear_schedule
    from adamx import monitor as monitor
    from adamx import normalize_by_update_norm as normalize_by_update_norm
    from adamx import novograd as novograd
    from adamx import optimistic_gradient_descent as optimistic_gradient_descent
    from adamx import per_example_global_norm_clip as per_example_global_norm_clip
    from adamx import per_example_layer_norm_clip as per_example_layer_norm_clip
    from adamx import periodic_update as periodic_update
    from adamx import piecewise_constant_schedule as piecewise_constant_schedule
    from adamx import piecewise_interpolate_schedule as piecewise_interpolate_schedule
    from adamx import polynomial_schedule as polynomial_schedule
    from adamx import radam as radam
    from adamx import rmsprop as rmsprop
    from adamx import scale as scale
    from adamx import scale_by_adadelta as scale_by_adadelta
    from adamx import scale_by_adamax as scale_by_adamax
    from adamx import scale_by_lbfgs as scale_by_lbfgs
    from adamx import scale_by_optimistic_gradient as scale_by_optimistic_gradient
    from adamx import scale_by_param_block_norm as scale_by_param_block_norm
    from adamx import scale_by_param_block_rms as scale_by_param_block_rms
    from adamx import scale_by_polyak as scale_by_polyak
    from adamx import scale_by_radam as scale_by_radam
    from adamx import scale_by_rms as scale_by_rms
    from adamx import scale_by_rss as scale_by_rss
    from adamx import scale_by_sign as scale_by_sign
    from adamx import scale_by_stddev as scale_by_stddev
    from adamx import scale_by_trust_ratio as scale_by_trust_ratio
    from adamx import scale_by_yogi as scale_by_yogi
    from adamx import set_to_zero as set_to_zero
    from adamx import sgdr_schedule as sgdr_schedule
    from adamx import sign_sgd as sign_sgd
    from adamx import sm3 as sm3
    from adamx import snapshot as snapshot
    from adamx import value_and_grad_from_state as value_and_grad_from_state
    from adamx import warmup_constant_schedule as warmup_constant_schedule
    from adamx import warmup_cosine_decay_schedule as warmup_cosine_decay_schedule
    from adamx import (
        warmup_exponential_decay_schedule as warmup_exponential_decay_schedule,
    )
    from adamx import yogi as yogi
    from adamx import zero_nans as zero_nans
    from adamx.optax import _src as _src
    from adamx.optax import assignment as assignment
    from adamx.optax import contrib as contrib
    from adamx.optax import experimental as experimental
    from adamx.optax import losses as losses
    from adamx.optax import microbatching as microbatching
    from adamx.optax import perturbations as perturbations
    from adamx.optax import projections as projections
    from adamx.optax import schedules as schedules
    from adamx.optax import second_order as second_order
    from adamx.optax import transforms as transforms
    from adamx.optax import tree as tree
    from adamx.optax import tree_utils as tree_utils
    from adamx.optax.accumulate import MultiSteps as MultiSteps
    from adamx.optax.accumulate import MultiStepsState as MultiStepsState
    from adamx.optax.accumulate import skip_large_updates as skip_large_updates
    from adamx.optax.accumulate import skip_not_finite as skip_not_finite
    from adamx.optax.combine import ApplyIfFiniteState as ApplyIfFiniteState
    from adamx.optax.combine import ConditionallyMaskState as ConditionallyMaskState
    from adamx.optax.combine import (
        ConditionallyTransformState as ConditionallyTransformState,
    )
    from adamx.optax.combine import MaskedState as MaskedState
    from adamx.optax.combine import MultiTransformState as MultiTransformState
    from adamx.optax.combine import PartitionState as PartitionState
    from adamx.optax.combine import apply_if_finite as apply_if_finite
    from adamx.optax.combine import chain as chain
    from adamx.optax.combine import conditionally_mask as conditionally_mask
    from adamx.optax.combine import conditionally_transform as conditionally_transform
    from adamx.optax.combine import inject_hyperparams as inject_hyperparams
    from adamx.optax.combine import masked as masked
    from adamx.optax.combine import multi_transform as multi_transform
    from adamx.optax.combine import named_chain as named_chain
    from adamx.optax.combine import partition as partition
    from adamx.optax.layout import InjectHyperparamsState as InjectHyperparamsState
    from adamx.optax.optimizers import adabelief as adabelief
    from adamx.optax.optimizers import adadelta as adadelta
    from adamx.optax.optimizers import adafactor as adafactor
    from adamx.optax.optimizers import adam as adam
    from adamx.optax.optimizers import adamw as adamw
    from adamx.optax.optimizers import adan as adan
    from adamx.optax.optimizers import add_noise as add_noise
    from adamx.optax.optimizers import amsgrad as amsgrad
    from adamx.optax.optimizers import ema as ema
    from adamx.optax.optimizers import lion as lion
    from adamx.optax.optimizers import measure_with_ema as measure_with_ema
    from adamx.optax.optimizers import nadam as nadam
    from adamx.optax.optimizers import nadamw as nadamw
    from adamx.optax.optimizers import noisy_sgd as noisy_sgd
    from adamx.optax.optimizers import optimistic_adam as optimistic_adam
    from adamx.optax.optimizers import optimistic_adam_v2 as optimistic_adam_v2
    from adamx.optax.optimizers import polyak_sgd as polyak_sgd
    from adamx.optax.optimizers import scale_by_adam as scale_by_adam
    from adamx.optax.optimizers import scale_by_adan as scale_by_adan
    from adamx.optax.optimizers import scale_by_amsgrad as scale_by_amsgrad
    from adamx.optax.optimizers import (
        scale_by_backtracking_linesearch as scale_by_backtracking_linesearch,
    )
    from adamx.optax.optimizers import scale_by_belief as scale_by_belief
    from adamx.optax.optimizers import scale_by_factored_rms as scale_by_factored_rms
    from adamx.optax.optimizers import scale_by_learning_rate as scale_by_learning_rate
    from adamx.optax.optimizers import scale_by_lion as scale_by_lion
    from adamx.optax.optimizers import scale_by_novograd as scale_by_novograd
    from adamx.optax.optimizers import scale_by_schedule as scale_by_schedule
    from adamx.optax.optimizers import scale_by_sm3 as scale_by_sm3
    from adamx.optax.optimizers import (
        scale_by_zoom_linesearch as scale_by_zoom_linesearch,
    )
    from adamx.optax.optimizers import sgd as sgd
    from adamx.optax.optimizers import signum as signum
    from adamx.optax.optimizers import trace as trace
    from adamx.optax.pair import EmptyState as EmptyState
    from adamx.optax.pair import GradientTransformation as GradientTransformation
    from adamx.optax.pair import (
        GradientTransformationExtraArgs as GradientTransformationExtraArgs,
    )
    from adamx.optax.pair import MaskOrFn as MaskOrFn
    from adamx.optax.pair import OptState as OptState
    from adamx.optax.pair import ScalarOrSchedule as ScalarOrSchedule
    from adamx.optax.pair import Schedule as Schedule
    from adamx.optax.pair import ShouldSkipUpdateFunction as ShouldSkipUpdateFunction
    from adamx.optax.pair import TransformInitFn as TransformInitFn
    from adamx.optax.pair import (
        TransformUpdateExtraArgsFn as TransformUpdateExtraArgsFn,
    )
    from adamx.optax.pair import TransformUpdateFn as TransformUpdateFn
    from adamx.optax.pair import init_empty_state as init_empty_state
    from adamx.optax.pair import safe_increment as safe_increment
    from adamx.optax.pair import safe_int32_increment as safe_int32_increment
    from adamx.optax.pair import stateless as stateless
    from adamx.optax.pair import stateless_with_tree_map as stateless_with_tree_map
    from adamx.optax.pair import with_extra_args_support as with_extra_args_support
    from adamx.types import Params as Params
    from adamx.types import Updates as Updates
