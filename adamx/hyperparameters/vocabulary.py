"""Names of arguments in other libraries, and their names in adamx."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from adamx.hyperparameters.keys import show


class Word(NamedTuple):
    """The name of an argument in Keras, PyTorch, Optax or a training script.

    An entry applies only to builders without an argument of that name.
    """

    here: tuple[str, ...] = ()
    """The name in adamx: the first of these names that the builder has."""
    notes: Mapping[str, str] = {}
    """Hints by argument, for builders that have this argument."""
    builders: Mapping[str, str] = {}
    """Hints by builder."""
    otherwise: str | None = None
    """The hint for any other builder."""


CLIP = "adamx.clip_by_global_norm(max_norm) before it in a chain"
CLIP_NUMBERS = "adamx.clip(value) before it in a chain"
LOOP = "leave it out, because you write the loop and decide when it ends"
CYCLED = "b1 of the optimizer may follow a schedule too"
SHARE = {"alpha": "alpha is its share of init_value"}
IN_INIT = "state = tx.init(params) takes the parameters"
COMPILED = "leave it out, because jax.jit compiles the step"
SCHEDULED = "give a schedule as learning_rate, such as "
WARMED = SCHEDULED + "adamx.warmup_cosine_decay_schedule"
DECAYED = SCHEDULED + "adamx.inverse_time_decay_schedule(rate, decay)"
NARROW = "the state is float32; adamx.stored(tx, adamx.bfloat16()) keeps it in 16 bits"
AVERAGED = "adamx.average_params(decay) last in a chain"
MANY_STEPS = "adamx.MultiSteps(tx, steps)"
CYCLES = "adamx.sgdr_schedule takes a dict of arguments for each cycle"
TO_OPTIMIZER = "a schedule is an argument of the optimizer: adamx.adam(schedule)"
L2 = "adamx.add_decayed_weights(weight_decay) before it in a chain is an L2 term"
WITH_DECAY = {"adam": "adamw", "adamax": "adamaxw", "nadam": "nadamw"}


VIEW = Word(
    ("view",), otherwise="adamx.as_matrices(tx, view) with view to adamx.MatrixView"
)


WORDS: dict[str, Word] = {
    # The rate.
    "lr": Word(("learning_rate", "init_value", "value")),
    "eta": Word(("learning_rate",)),
    "rate": Word(("learning_rate", "init_value")),
    "stepsize": Word(("learning_rate",)),
    "step_size": Word(("learning_rate", "transition_steps")),
    "learning_rate": Word(
        ("init_value", "peak_value", "value", "max_learning_rate", "step_size"),
        otherwise="adamx.scale_by_learning_rate(learning_rate) after it in a chain",
    ),
    "initial_learning_rate": Word(("init_value",)),
    "init_lr": Word(("init_value",)),
    "base_lr": Word(("init_value",)),
    "max_lr": Word(("peak_value",)),
    "peak_lr": Word(("peak_value",)),
    "warmup_target": Word(("peak_value",)),
    "min_lr": Word(("end_value",), notes=SHARE),
    "eta_min": Word(("end_value",), notes=SHARE),
    "end_learning_rate": Word(("end_value",), notes=SHARE),
    "decay": Word(("decay_rate",), otherwise=DECAYED),
    "lr_decay": Word(otherwise=DECAYED),
    "lr_scheduler": Word(("learning_rate",)),
    "schedule": Word(("learning_rate",)),
    "warmup": Word(("warmup_steps",), otherwise=WARMED),
    "warmup_steps": Word(otherwise=WARMED),
    "num_warmup_steps": Word(("warmup_steps",), otherwise=WARMED),
    # Schedules.
    "T_max": Word(("decay_steps", "transition_steps")),
    "total_steps": Word(("decay_steps", "transition_steps")),
    "num_steps": Word(("decay_steps", "transition_steps")),
    "num_training_steps": Word(("decay_steps", "transition_steps")),
    "decay_steps": Word(("transition_steps",)),
    "gamma": Word(("decay_rate",)),
    "power": Word(("exponent",)),
    "milestones": Word(
        notes={"boundaries_and_scales": "boundaries_and_scales={milestone: gamma, …}"},
    ),
    "boundaries": Word(
        notes={"boundaries_and_scales": "boundaries_and_scales={boundary: factor, …}"}
    ),
    "values": Word(
        notes={"boundaries_and_scales": "boundaries_and_scales={boundary: factor, …}"}
    ),
    "T_0": Word(otherwise=CYCLES),
    "T_mult": Word(otherwise=CYCLES),
    "first_decay_steps": Word(otherwise=CYCLES),
    "t_mul": Word(otherwise=CYCLES),
    "m_mul": Word(otherwise=CYCLES),
    "total_iters": Word(("decay_steps", "transition_steps")),
    "epochs": Word(notes={"transition_steps": "transition_steps, of all epochs"}),
    "steps_per_epoch": Word(
        notes={"transition_steps": "transition_steps, of all epochs"}
    ),
    "start_factor": Word(notes={"init_value": "init_value = start_factor · rate"}),
    "end_factor": Word(notes={"end_value": "end_value = end_factor · rate"}),
    "cycle_momentum": Word(otherwise=CYCLED),
    "base_momentum": Word(otherwise=CYCLED),
    "max_momentum": Word(otherwise=CYCLED),
    "three_phase": Word(otherwise="adamx.linear_onecycle_schedule has three phases"),
    "anneal_strategy": Word(
        otherwise="adamx.cosine_onecycle_schedule or adamx.linear_onecycle_schedule"
    ),
    "last_epoch": Word(otherwise="leave it out, because the state has the count"),
    # Moving averages.
    "beta_1": Word(("b1", "beta", "momentum", "decay")),
    "beta1": Word(("b1", "beta", "momentum", "decay")),
    "beta_2": Word(("b2", "decay")),
    "beta2": Word(("b2", "decay")),
    "beta_3": Word(("b3",)),
    "beta3": Word(("b3",)),
    "beta": Word(("b1", "momentum", "decay")),
    "b1": Word(("beta", "momentum", "decay")),
    "b2": Word(("decay",)),
    "rho": Word(("decay", "b2")),
    "alpha": Word(("slow_step_size", "decay", "learning_rate")),
    "momentum": Word(
        ("b1", "beta", "decay"),
        builders={"sign_sgd": "adamx.signum has it"},
        otherwise="adamx.trace(momentum) in a chain",
    ),
    "momentum_decay": Word(("b1", "momentum")),
    "dampening": Word(otherwise="adamx.sgd and adamx.trace have it"),
    "nesterov": Word(
        builders={"adamw": "adamx.nadamw has it"},
        otherwise="adamx.nesterov_momentum(b1) is the piece, adamx.nadam an optimizer",
    ),
    "use_nesterov": Word(("nesterov",)),
    "amsgrad": Word(
        builders={"adam": "AMSGrad is adamx.amsgrad"},
        otherwise="AMSGrad is adamx.amsgrad, and in a chain adamx.scale_by_amsgrad()",
    ),
    "centered": Word(otherwise="adamx.rmsprop has it"),
    "correct_bias": Word(("bias_correction", "bias_corrected", "debias")),
    "initial_accumulator_value": Word(
        ("initial_scale",), otherwise="adamx.adagrad has it; this optimizer starts at 0"
    ),
    "initial_scale": Word(("initial_accumulator_value",)),
    # ε.
    "epsilon": Word(("eps", "eps_floor")),
    "eps": Word(
        ("epsilon", "eps_floor"),
        notes={"orthogonalize": "orthogonalize=adamx.orthogonalize(eps=…)"},
    ),
    "eps_root": Word(
        notes={"eps_in_sqrt": "eps_in_sqrt=True puts eps inside the root"},
        otherwise="leave it out, because here it is 0",
    ),
    # Decay of the weights.
    "weight_decay": Word(
        ("weight_decay_rate",),
        builders={
            name: f"adamx.{other} decays weights beside the step; {L2}"
            for name, other in WITH_DECAY.items()
        },
        otherwise=L2,
    ),
    "wd": Word(("weight_decay", "weight_decay_rate")),
    "l2": Word(("weight_decay", "weight_decay_rate"), otherwise=L2),
    "weight_decay_rate": Word(("weight_decay",)),
    "decoupled_weight_decay": Word(
        builders={"adam": "adamx.adamw decays weights beside the step"}
    ),
    "mask": Word(("weight_decay_mask",)),
    "weight_decay_mask": Word(("mask",)),
    "exclude_from_weight_decay": Word(("mask", "weight_decay_mask")),
    "apply_decay_param_fun": Word(("mask", "weight_decay_mask")),
    # Around the step.
    "clipnorm": Word(
        ("max_norm",),
        otherwise=f"{CLIP}; for each array alone, as in Keras, adamx.clip_by_norm",
    ),
    "global_clipnorm": Word(("max_norm",), otherwise=CLIP),
    "clip_norm": Word(("max_norm",), otherwise=CLIP),
    "grad_clip": Word(("max_norm",), otherwise=CLIP),
    "gradient_clip_val": Word(("max_norm",), otherwise=CLIP),
    "max_grad_norm": Word(("max_norm",), otherwise=CLIP),
    "max_norm": Word(otherwise=CLIP),
    "clipvalue": Word(("max_delta",), otherwise=CLIP_NUMBERS),
    "clip_value": Word(("max_delta",), otherwise=CLIP_NUMBERS),
    "maximize": Word(otherwise="adamx.scale(-1.0) before it in a chain"),
    "gradient_accumulation_steps": Word(("every_k_schedule",), otherwise=MANY_STEPS),
    "accumulate_grad_batches": Word(("every_k_schedule",), otherwise=MANY_STEPS),
    "every_k": Word(("every_k_schedule", "k")),
    "k": Word(("sync_period", "every_k_schedule")),
    "loss_scale_factor": Word(otherwise="adamx.dynamic_loss_scale(tx)"),
    "use_ema": Word(otherwise=AVERAGED),
    "ema_momentum": Word(otherwise=AVERAGED),
    "ema_decay": Word(otherwise=AVERAGED),
    "ema_overwrite_frequency": Word(
        otherwise="adamx.averaged_params(state, params) reads adamx.average_params"
    ),
    "mu_dtype": Word(otherwise=NARROW),
    "nu_dtype": Word(otherwise=NARROW),
    "state_dtype": Word(otherwise=NARROW),
    "accumulator_dtype": Word(otherwise=NARROW),
    "dtype_momentum": Word(otherwise=NARROW),
    "jit_compile": Word(otherwise=COMPILED),
    "foreach": Word(otherwise=COMPILED),
    "capturable": Word(otherwise=COMPILED),
    "differentiable": Word(otherwise="leave it out, because updates have derivatives"),
    "fused": Word(otherwise=f"{COMPILED}; adamx.fused(tx, backend) is a kernel"),
    "name": Word(otherwise="leave it out, because pieces are named by their builders"),
    "seed": Word(("key",)),
    "rng": Word(("key", "seed")),
    "params": Word(otherwise=IN_INIT),
    "parameters": Word(otherwise=IN_INIT),
    "model": Word(otherwise=IN_INIT),
    "var_list": Word(otherwise=IN_INIT),
    "optimizer": Word(
        ("inner", "opt", "fast_optimizer", "base_optimizer", "tx"),
        otherwise=TO_OPTIMIZER,
    ),
    "base_optimizer": Word(("inner", "opt", "fast_optimizer", "optimizer", "tx")),
    "inner": Word(("opt", "fast_optimizer", "base_optimizer", "optimizer", "tx")),
    # Single algorithms.
    "scale_parameter": Word(("multiply_by_parameter_scale",)),
    "clip_threshold": Word(("clipping_threshold",)),
    "factored": Word(
        notes={
            "min_dim_size_to_factor": "a min_dim_size_to_factor larger than every axis"
        }
    ),
    "decay_rate_fn": Word(notes={"max_decay": "max_decay is the cap of the decay"}),
    "max_squared_norm": Word(
        notes={"max_norm": "max_norm is the norm, not its square"}
    ),
    "reset_state": Word(otherwise="leave it out, because the state has no pairs"),
    "should_skip_update_fn": Word(
        otherwise="adamx.skip_not_finite or adamx.skip_large_updates around it"
    ),
    "batch_axis_name": Word(otherwise="let grad_fn take the mean over devices"),
    "hessian_diagonal_fn": Word(otherwise="update takes the estimate as hessian=…"),
    "verbose": Word(otherwise="leave it out, because nothing is printed"),
    "weight_dimension_numbers": VIEW,
    "muon_weight_dimension_numbers": VIEW,
    "etas": Word(notes={"eta_minus": "eta_minus and eta_plus"}),
    "step_sizes": Word(notes={"min_step_size": "min_step_size and max_step_size"}),
    "beta2_decay": Word(notes={"decay_rate": "decay_rate = −beta2_decay"}),
    "d": Word(("clipping_threshold",)),
    "history_size": Word(("memory_size",)),
    "line_search_fn": Word(("linesearch",)),
    "max_iter": Word(otherwise=LOOP),
    "max_eval": Word(otherwise=LOOP),
    "tolerance_grad": Word(otherwise=LOOP),
    "tolerance_change": Word(otherwise=LOOP),
    "ns_steps": Word(
        notes={"orthogonalize": "orthogonalize=adamx.orthogonalize(ns_steps=…)"}
    ),
    "ns_coeffs": Word(
        notes={"orthogonalize": "orthogonalize=adamx.orthogonalize(ns_coeffs=…)"}
    ),
    **{
        f"adam_{name}": Word(notes={"rest": "rest=adamx.nadamw(learning_rate, …)"})
        for name in ("learning_rate", "b1", "b2", "eps_root", "weight_decay")
    },
    "l1_regularization_strength": Word(("l1",)),
    "l2_regularization_strength": Word(("l2",)),
    "l2_shrinkage_regularization_strength": Word(("l2_shrinkage",)),
}
"""The words, by the name that the builder does not have."""


def translated(
    name: str, value: Any, builder: str, arguments: Collection[str]
) -> str | None:
    """Return a hint for `name=value` in a call of a builder; None for unknown names."""
    if name == "betas" and {"b1", "b2"} <= {*arguments}:
        return f"`betas` is {_numbered(value)} here"
    word = WORDS.get(name, Word())
    same = next((argument for argument in word.here if argument in arguments), None)
    if same is not None:
        return f"`{name}` is `{same}` here"
    notes = (note for argument, note in word.notes.items() if argument in arguments)
    advice = next(notes, word.builders.get(builder, word.otherwise))
    return None if advice is None else f"`{name}`: {advice}"


def _numbered(value: Any) -> str:
    """Return PyTorch's pair of decays as two arguments."""
    pair = isinstance(value, tuple | list) and len(value) == 2
    first, second = map(show, value) if pair else ("…", "…")
    return f"b1={first}, b2={second}"


METHODS: dict[str, str] = {
    "step": "updates, state = tx.update(grads, state, params)",
    "apply_gradients": "updates, state = tx.update(grads, state, params)",
    "apply": "adamx.apply_updates(params, updates)",
    "apply_updates": "adamx.apply_updates(params, updates)",
    "minimize": "loss, grads = jax.value_and_grad(loss_fn)(params), then tx.update",
    "zero_grad": "leave it out, because gradients are not accumulated",
    "init_fn": "tx.init",
    "update_fn": "tx.update",
    "build": "state = tx.init(params)",
    "state": "state = tx.init(params); you keep the state, not the transform",
    "state_dict": "the state that tx.init and tx.update return is a tree of arrays",
    "load_state_dict": "adamx.from_torch takes the state of an optimizer of PyTorch",
    "variables": "the state that tx.init and tx.update return is a tree of arrays",
    "params": "you keep the parameters, not the transform",
    "param_groups": "adamx.param_groups({pattern: tx, …}) makes groups",
    "add_param_group": "adamx.param_groups({pattern: tx, …}) makes groups",
    "iterations": "adamx.find(state, 'count') where a piece counts",
    "get_config": "repr(tx) is the call that made it",
}
"""The replacements of methods of other libraries' optimizers, by name."""

IN_STATE = (
    "numbers that are read or changed during training are in the state: "
    "adamx.inject_hyperparams"
)
"""The replacement of attributes such as `optimizer.learning_rate`."""


def replaced(attribute: str) -> str | None:
    """Return the replacement of an attribute of other libraries' optimizers."""
    number = attribute == "lr" or "learning_rate" in WORDS.get(attribute, Word()).here
    return (
        IN_STATE if number or attribute == "learning_rate" else METHODS.get(attribute)
    )
