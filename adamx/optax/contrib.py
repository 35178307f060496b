"""Optax's `contrib`."""

from adamx.lazy import on_first_use as _on_first_use

with _on_first_use(globals(), "adamx.names"):
    from optax.contrib import COCOBState as COCOBState
    from optax.contrib import DAdaptAdamWState as DAdaptAdamWState
    from optax.contrib import (
        DifferentiallyPrivateAggregateState as DifferentiallyPrivateAggregateState,
    )
    from optax.contrib import DoGState as DoGState
    from optax.contrib import DoWGState as DoWGState
    from optax.contrib import GaLoreDimensionNumbers as GaLoreDimensionNumbers
    from optax.contrib import GaLoreState as GaLoreState
    from optax.contrib import HutchinsonState as HutchinsonState
    from optax.contrib import MadgradState as MadgradState
    from optax.contrib import MechanicState as MechanicState
    from optax.contrib import MomoAdamState as MomoAdamState
    from optax.contrib import MomoState as MomoState
    from optax.contrib import MuonDimensionNumbers as MuonDimensionNumbers
    from optax.contrib import MuonState as MuonState
    from optax.contrib import NormalizeState as NormalizeState
    from optax.contrib import ProdigyState as ProdigyState
    from optax.contrib import SAMState as SAMState
    from optax.contrib import ScaleByAdemamixState as ScaleByAdemamixState
    from optax.contrib import (
        ScaleBySimplifiedAdEMAMixState as ScaleBySimplifiedAdEMAMixState,
    )
    from optax.contrib import ScheduleFreeState as ScheduleFreeState
    from optax.contrib import SophiaState as SophiaState
    from optax.contrib import SplitRealAndImaginaryState as SplitRealAndImaginaryState
    from optax.contrib import (
        hutchinson_estimator_diag_hessian as hutchinson_estimator_diag_hessian,
    )
    from optax.contrib import scale_by_ademamix as scale_by_ademamix
    from optax.contrib import scale_by_adopt as scale_by_adopt
    from optax.contrib import (
        scale_by_simplified_ademamix as scale_by_simplified_ademamix,
    )
    from optax.contrib import sophia as sophia
    from optax.contrib import split_real_and_imaginary as split_real_and_imaginary

    from adamx import acprop as acprop
    from adamx import cocob as cocob
    from adamx import dpsgd as dpsgd
    from adamx import madgrad as madgrad
    from adamx import mechanize as mechanize
    from adamx import momo as momo
    from adamx import momo_adam as momo_adam
    from adamx import normalize as normalize
    from adamx import scale_by_acprop as scale_by_acprop
    from adamx import scale_by_cocob as scale_by_cocob
    from adamx import scale_by_madgrad as scale_by_madgrad
    from adamx import schedule_free_eval_params as schedule_free_eval_params
    from adamx import simplified_ademamix as simplified_ademamix
    from adamx.optax.combine import ReduceLROnPlateauState as ReduceLROnPlateauState
    from adamx.optax.combine import reduce_on_plateau as reduce_on_plateau
    from adamx.optax.contributed import ademamix as ademamix
    from adamx.optax.contributed import adopt as adopt
    from adamx.optax.contributed import dadapt_adamw as dadapt_adamw
    from adamx.optax.contributed import (
        differentially_private_aggregate as differentially_private_aggregate,
    )
    from adamx.optax.contributed import dog as dog
    from adamx.optax.contributed import dowg as dowg
    from adamx.optax.contributed import galore as galore
    from adamx.optax.contributed import muon as muon
    from adamx.optax.contributed import prodigy as prodigy
    from adamx.optax.contributed import sam as sam
    from adamx.optax.contributed import scale_by_galore as scale_by_galore
    from adamx.optax.contributed import scale_by_muon as scale_by_muon
    from adamx.optax.contributed import schedule_free as schedule_free
    from adamx.optax.contributed import schedule_free_adamw as schedule_free_adamw
    from adamx.optax.contributed import schedule_free_sgd as schedule_free_sgd
