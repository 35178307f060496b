"""Optax's `transforms`."""

from adamx.lazy import on_first_use as _on_first_use

with _on_first_use(globals(), "adamx.names"):
    from optax.transforms import AddNoiseState as AddNoiseState
    from optax.transforms import EmaState as EmaState
    from optax.transforms import MaskedNode as MaskedNode
    from optax.transforms import MonitorState as MonitorState
    from optax.transforms import NonNegativeParamsState as NonNegativeParamsState
    from optax.transforms import SnapshotState as SnapshotState
    from optax.transforms import TraceState as TraceState
    from optax.transforms import ZeroNansState as ZeroNansState
    from optax.transforms import selective_transform as selective_transform
    from optax.transforms import unitwise_clip as unitwise_clip
    from optax.transforms import unitwise_norm as unitwise_norm

    from adamx import adaptive_grad_clip as adaptive_grad_clip
    from adamx import add_decayed_weights as add_decayed_weights
    from adamx import clip as clip
    from adamx import clip_by_block_rms as clip_by_block_rms
    from adamx import clip_by_global_norm as clip_by_global_norm
    from adamx import flatten as flatten
    from adamx import freeze as freeze
    from adamx import keep_params_nonnegative as keep_params_nonnegative
    from adamx import monitor as monitor
    from adamx import per_example_global_norm_clip as per_example_global_norm_clip
    from adamx import per_example_layer_norm_clip as per_example_layer_norm_clip
    from adamx import snapshot as snapshot
    from adamx import zero_nans as zero_nans
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
    from adamx.optax.combine import PartitionState as PartitionState
    from adamx.optax.combine import apply_if_finite as apply_if_finite
    from adamx.optax.combine import chain as chain
    from adamx.optax.combine import conditionally_mask as conditionally_mask
    from adamx.optax.combine import conditionally_transform as conditionally_transform
    from adamx.optax.combine import masked as masked
    from adamx.optax.combine import named_chain as named_chain
    from adamx.optax.combine import partition as partition
    from adamx.optax.optimizers import add_noise as add_noise
    from adamx.optax.optimizers import ema as ema
    from adamx.optax.optimizers import measure_with_ema as measure_with_ema
    from adamx.optax.optimizers import trace as trace
    from adamx.optax.pair import ConditionFn as ConditionFn
    from adamx.optax.pair import ShouldSkipUpdateFunction as ShouldSkipUpdateFunction
