"""Names of other libraries, for errors about unknown names.

Optax's names are in `adamx.optax`. Those of PyTorch and Keras are here.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from adamx.errors import nearest

KERAS_AND_TORCH: Mapping[str, str] = {
    # Optimizers.
    "ASGD": "asgd",
    "Adadelta": "adadelta",
    "Adafactor": "adafactor",
    "Adagrad": "adagrad",
    "Adam": "adam",
    "AdamW": "adamw",
    "Adamax": "adamax",
    "Ftrl": "ftrl",
    "LBFGS": "lbfgs",
    "Lamb": "lamb",
    "Lion": "lion",
    "LossScaleOptimizer": "dynamic_loss_scale",
    "MultiOptimizer": "param_groups",
    "Muon": "muon",
    "NAdam": "nadam",
    "Nadam": "nadam",
    "RAdam": "radam",
    "RMSprop": "rmsprop",
    "Rprop": "rprop",
    "SGD": "sgd",
    # Schedules.
    "ConstantLR": "constant_schedule",
    "CosineAnnealingLR": "cosine_decay_schedule",
    "CosineAnnealingWarmRestarts": "sgdr_schedule",
    "CosineDecay": "cosine_decay_schedule",
    "CosineDecayRestarts": "sgdr_schedule",
    "ExponentialDecay": "exponential_decay",
    "ExponentialLR": "exponential_decay",
    "InverseTimeDecay": "inverse_time_decay_schedule",
    "LRScheduler": "schedule",
    "LambdaLR": "schedule",
    "LearningRateSchedule": "schedule",
    "LearningRateScheduler": "inject_hyperparams",
    "LinearLR": "linear_schedule",
    "MultiStepLR": "piecewise_constant_schedule",
    "OneCycleLR": "cosine_onecycle_schedule",
    "PiecewiseConstantDecay": "piecewise_constant_schedule",
    "PolynomialDecay": "polynomial_schedule",
    "PolynomialLR": "polynomial_schedule",
    "ReduceLROnPlateau": "reduce_on_plateau",
    "SequentialLR": "join_schedules",
    "StepLR": "exponential_decay, with staircase=True",
    # What is around them.
    "AveragedModel": "average_params",
    "ExponentialMovingAverage": "average_params",
    "GradScaler": "dynamic_loss_scale",
    "ZeroRedundancyOptimizer": "make_step",
    "clip_by_value": "clip",
    "clip_grad_norm": "clip_by_global_norm",
    "clip_grad_norm_": "clip_by_global_norm",
    "clip_grad_value_": "clip",
    "clipnorm": "clip_by_norm",
    "clipvalue": "clip",
    "global_clipnorm": "clip_by_global_norm",
    "requires_grad_": "freeze",
}
"""The name in adamx of classes and functions of Keras and PyTorch."""


OPTAX: Mapping[str, str] = {
    "GradientTransformation": "Transform",
    "GradientTransformationExtraArgs": "Transform",
    "OptState": "State",
    "multi_transform": "partition",
    "named_chain": "chain",
    "optimistic_adam_v2": "optimistic_adam",
    "scale_by_schedule": "scale",
    "stateless": "lift",
    "stateless_with_tree_map": "lift",
}
"""adamx's name for each name of Optax that differs."""

ROOMS = "adamx.optax", "adamx.optax.contrib", "adamx.optax.transforms"


def module_of(name: str) -> tuple[str, str] | None:
    """Return the namespace that has a name of Optax, and the module it is from."""
    for room in ROOMS:
        found = vars(import_module(room))["__deferred__"].get(name)
        if found is not None:
            return room, found[0]
    return None


def advice(package: str, name: str) -> str:
    """Return the end of an error about a name that a package does not have."""
    module = vars(import_module(package))
    known = module["__all__"]
    if package == "adamx":
        if name in OPTAX:
            also = "adamx.optax has all of Optax's names"
            return f"; here it is adamx.{OPTAX[name]}, and {also}"
        if found := module_of(name):
            room, origin = found
            own = ", which is Optax's own" if origin.startswith("optax") else ""
            return f"; it is {room}.{name}{own}"
        if name in KERAS_AND_TORCH:
            return f"; here it is adamx.{KERAS_AND_TORCH[name]}"
    if "__path__" in module and find_spec(f"{package}.{name}") is not None:
        return f"; it is a module: from {package} import {name}"
    hint = nearest(name, known, 0.75) or nearest(name.lower(), known, 0.75)
    return f"; {hint}" if hint else ""
