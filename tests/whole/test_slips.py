"""Each mistake of the table is answered with what is wrong and with what to do."""

import copy
import inspect
import re
import textwrap
import warnings

import jax
import jax.numpy as jnp
import optax
import pytest

import adamx
from adamx import schedules
from adamx.errors import LONGEST, ArgumentError
from adamx.hyperparameters.vocabulary import IN_STATE, METHODS, WORDS, translated
from adamx.testing.public import public_builders, public_names
from tests.slips import NEGATIVE, SLIPS, Slip, message, names
from tests.tiers import full

SCREEN = 24, 80
"""Lines and columns."""

BUILDERS = public_builders() | {
    name: thing
    for name, thing in vars(schedules).items()
    if inspect.isfunction(thing) and hasattr(thing, "__wrapped__")
}


def accepted(builder):
    """Return the names of the arguments of a builder; None if it takes any name."""
    parameters = inspect.signature(builder).parameters.values()
    return (
        None
        if any(p.kind is p.VAR_KEYWORD for p in parameters)
        else {p.name for p in parameters}
    )


def check(slip: Slip, error: BaseException) -> None:
    """Check that the first line and the hint help, and that they fit a screen."""
    text = str(error)
    first, _, rest = text.partition("\n")
    assert isinstance(error, adamx.TransformError), text
    assert slip.first in first
    assert slip.hint in rest.partition("hint:")[2]
    lines = [
        wrapped
        for line in f"{type(error).__name__}: {text}".split("\n")
        for wrapped in textwrap.wrap(line, SCREEN[1]) or [""]
    ]
    assert len(lines) <= SCREEN[0]
    assert len(text) <= LONGEST


@pytest.fixture(scope="module")
def given():
    return names()


@pytest.fixture(scope="module")
def given_many():
    return names(1000)


def test_there_are_many_different_slips():
    assert len({slip.code for slip in SLIPS}) == len(SLIPS) >= 70


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.code)
def test_a_slip_gets_help(slip, given):
    check(slip, message(slip, given))


@pytest.mark.parametrize("slip", [full(slip) for slip in SLIPS], ids=lambda s: s.code)
def test_help_fits_a_screen_with_a_thousand_leaves(slip, given_many):
    check(slip, message(slip, given_many))


@pytest.mark.parametrize("slip", NEGATIVE, ids=lambda slip: slip.code)
def test_a_negative_number_is_allowed_with_one_warning(slip, given):
    code = compile(f"for _ in range(3): {slip.code}", "a script", "exec")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        exec(code, {"__name__": "script", **given})
    (warning,) = found
    first, _, hint = str(warning.message).partition("\n")
    assert slip.first in first
    assert slip.hint in hint
    assert warning.filename == "a script", "the line of the user"


def test_builders_that_need_the_sign_do_not_warn():
    @adamx.transform
    def ascent(learning_rate: adamx.Finite):
        return adamx.chain(adamx.adam(-1.0), adamx.scale(learning_rate))

    adamx.nadamw(0.1)  # filterwarnings is "error"
    ascent(0.1)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_builder_names_its_argument(name):
    builder = BUILDERS[name]
    known = accepted(builder)
    if known is None:
        return
    for words in (["no_such_argument"], [word for word in WORDS if word not in known]):
        with pytest.raises(ArgumentError) as error:
            builder(**dict.fromkeys(words, 0.5))
        text = str(error.value)
        assert text.startswith(f"{name} has no argument")
        assert f"`{words[0]}`" in text.partition("\n")[0]
        assert f"{name}(" in text.partition("expected:")[2]
        assert len(text) <= LONGEST


def test_an_error_about_arguments_is_pythons_kind_too():
    for call in (
        lambda: adamx.adam(lr=0.1),  # pyright: ignore
        lambda: adamx.adam("1e-3"),  # pyright: ignore
        lambda: adamx.chain(adamx.adam),
        lambda: adamx.adam(0.1).init(adamx.adam),
    ):
        with pytest.raises(TypeError):
            call()
    assert not hasattr(adamx.adam(0.1), "lr")
    with pytest.raises(AttributeError):
        adamx.adam(0.1).lr  # noqa: B018  # pyright: ignore


def test_a_missing_argument_is_required_for_help_and_type_checkers():
    for function, required in {
        adamx.Transform.update: ["updates", "state"],
        adamx.Transform.init: ["params"],
        adamx.apply_updates: ["params", "updates"],
        adamx.Step.__call__: ["params", "state", "grads"],
        adamx.Schedule.__call__: ["count"],
    }.items():
        parameters = inspect.signature(function).parameters.values()
        empty = [
            p.name for p in parameters if p.default is p.empty and p.name != "self"
        ]
        assert [name for name in empty if name != "extra"] == required


def test_a_transform_is_not_a_function():
    """Otherwise Optax's `inject_hyperparams` takes one for a schedule."""
    tx = adamx.sgd(0.5)
    assert not callable(tx)
    build = optax.inject_hyperparams(lambda inner, rate: optax.chain(inner))
    params = jnp.ones(2)
    outer = build(inner=tx, rate=0.1)
    updates, _ = outer.update(params, outer.init(params), params)
    assert jnp.asarray(updates).tolist() == [-0.5, -0.5]


def test_a_copy_has_all_attributes():
    tx = adamx.adam(0.1)
    assert copy.deepcopy(tx) == copy.copy(tx) == tx


def test_a_tree_in_the_wrong_place_of_a_trace_is_reported_there():
    tx, params = adamx.adam(0.1), {"a": jnp.ones(2), "b": jnp.ones(3)}
    state = tx.init(params)
    for update in (tx.update, jax.jit(tx.update), jax.jit(lambda *a: tx.update(*a))):
        with pytest.raises(adamx.TransformError, match="swapped"):
            update(state, params)


# The vocabularies.

OF_KERAS = (
    "clipnorm clipvalue ema_momentum ema_overwrite_frequency global_clipnorm "
    "gradient_accumulation_steps learning_rate loss_scale_factor name use_ema "
    "weight_decay"
)
KERAS = {
    "sgd": "momentum nesterov decay lr",
    "adam": "amsgrad beta_1 beta_2 epsilon decay lr jit_compile",
    "adamw": "amsgrad beta_1 beta_2 epsilon",
    "adamax": "beta_1 beta_2 epsilon",
    "nadam": "beta_1 beta_2 epsilon",
    "lamb": "beta_1 beta_2 epsilon",
    "lion": "beta_1 beta_2",
    "rmsprop": "centered epsilon momentum rho",
    "adagrad": "epsilon initial_accumulator_value",
    "adadelta": "epsilon rho",
    "ftrl": "beta initial_accumulator_value l1_regularization_strength "
    "l2_regularization_strength l2_shrinkage_regularization_strength "
    "learning_rate_power",
}
KERAS_SCHEDULES = {
    "cosine_decay_schedule": "initial_learning_rate decay_steps alpha name",
    "warmup_cosine_decay_schedule": "initial_learning_rate warmup_target warmup_steps",
    "sgdr_schedule": "first_decay_steps t_mul m_mul name",
    "exponential_decay": "initial_learning_rate decay_steps decay_rate staircase name",
    "inverse_time_decay_schedule": "initial_learning_rate decay_steps decay_rate",
    "piecewise_constant_schedule": "boundaries values name",
    "polynomial_schedule": "initial_learning_rate decay_steps end_learning_rate power",
}
OF_TORCH = "params lr foreach maximize"
TORCH = {
    "sgd": "momentum dampening weight_decay nesterov differentiable fused",
    "adam": "betas eps weight_decay amsgrad capturable differentiable fused "
    "decoupled_weight_decay",
    "adamw": "betas eps weight_decay amsgrad capturable differentiable fused",
    "adamax": "betas eps weight_decay differentiable capturable",
    "nadam": "betas eps weight_decay momentum_decay differentiable capturable",
    "radam": "betas eps weight_decay differentiable capturable",
    "rmsprop": "alpha eps weight_decay momentum centered capturable differentiable",
    "adagrad": "lr_decay weight_decay initial_accumulator_value eps fused",
    "adadelta": "rho eps weight_decay capturable differentiable",
    "rprop": "etas step_sizes capturable differentiable",
    "asgd": "lambd alpha t0 weight_decay differentiable capturable",
    "adafactor": "beta2_decay eps d weight_decay",
    "lbfgs": "max_iter max_eval tolerance_grad tolerance_change history_size "
    "line_search_fn",
}
TORCH_SCHEDULES = {
    "cosine_decay_schedule": "T_max eta_min",
    "sgdr_schedule": "T_0 T_mult",
    "exponential_decay": "gamma step_size",
    "piecewise_constant_schedule": "milestones",
    "linear_schedule": "start_factor end_factor total_iters",
    "polynomial_schedule": "total_iters power",
    "cosine_onecycle_schedule": "max_lr total_steps epochs steps_per_epoch pct_start "
    "anneal_strategy cycle_momentum base_momentum max_momentum div_factor "
    "final_div_factor three_phase",
}
COMMON = (
    (KERAS, OF_KERAS),
    (KERAS_SCHEDULES, ""),
    (TORCH, OF_TORCH),
    (TORCH_SCHEDULES, "optimizer last_epoch"),
)
ELSEWHERE = [
    (builder, f"{common} {own}".split())
    for table, common in COMMON
    for builder, own in table.items()
]
"""The arguments of Keras 3 and PyTorch 2, by our builder of the same thing."""


@pytest.mark.parametrize(("builder", "arguments"), ELSEWHERE)
def test_arguments_of_keras_and_pytorch_are_known(builder, arguments):
    known = accepted(BUILDERS[builder]) or set()
    unknown = {
        argument
        for argument in arguments
        if argument not in known and translated(argument, 0.5, builder, known) is None
    }
    assert not unknown


WITHOUT_A_WORD = {
    "adaptive": "wiring of the pieces; docs/differences.md",
    "args": "the name of variable arguments",
    "bias_correction_mu": "wiring of the pieces; docs/differences.md",
    "bias_correction_nu": "wiring of the pieces; docs/differences.md",
    "gradient_step": "an argument of a function, not of a builder",
    "mask_compatible_extra_args": "all arguments pass",
    "mode": "wiring of the pieces; docs/differences.md",
    "preconditioning": "wiring of the pieces; docs/differences.md",
    "print_win_rate_every_n_steps": "nothing is printed",
    "smooth_beta": "wiring of the pieces; docs/differences.md",
    "updates": "an argument of a function, not of a builder",
}
"""Arguments of Optax that no builder of adamx has, and that have no advice."""


def test_arguments_of_optax_are_known():
    unknown = set()
    for space in (optax, optax.contrib, optax.schedules):
        for name, theirs in vars(space).items():
            known = name in BUILDERS and accepted(BUILDERS[name])
            if known and inspect.isfunction(theirs):
                unknown |= {
                    argument
                    for argument in inspect.signature(theirs).parameters
                    if argument not in known
                    and translated(argument, 0.5, name, known) is None
                }
    assert unknown == set(WITHOUT_A_WORD)


def test_words_lead_to_what_there_is():
    arguments = set().union(*(accepted(b) or set() for b in BUILDERS.values()))
    texts = [IN_STATE, *METHODS.values()]
    for word in WORDS.values():
        assert {*word.here, *word.notes} <= arguments
        assert {*word.builders} <= set(BUILDERS)
        texts += [*word.notes.values(), *word.builders.values(), word.otherwise or ""]
    named = {name for text in texts for name in re.findall(r"adamx\.(\w+)", text)}
    assert named <= set(public_names())


def test_no_word_is_shadowed():
    """A word that every builder has is never looked up."""
    for name in WORDS:
        assert any(name not in (accepted(b) or {name}) for b in BUILDERS.values())


@pytest.mark.parametrize(
    "code",
    [
        "chain(add_decayed_weights(1e-4), adam(1e-3))",
        "chain(clip_by_global_norm(1.0), adam(1e-3))",
        "chain(clip(0.5), adam(1e-3))",
        "chain(scale(-1.0), adam(1e-3))",
        "chain(scale_by_adam(), scale_by_learning_rate(1e-3))",
        "chain(adam(1e-3), average_params(0.99))",
        "stored(adam(1e-3), bfloat16())",
        "stored(sgd(1e-3, momentum=0.9), bfloat16())",
        "MultiSteps(adam(1e-3), 4)",
        "adam(inverse_time_decay_schedule(1e-3, 1e-4))",
        "muon(0.02, orthogonalize=orthogonalize(ns_steps=6))",
        "muon(0.02, rest=nadamw(1e-3))",
        "apply_if_finite(MultiSteps(adam(1e-3), 4), 5)",
        "adamw(1e-3, mask=lambda path, leaf: path.endswith('w'))",
        "dynamic_loss_scale(adam(1e-3))",
    ],
)
def test_what_hints_recommend_works(code):
    tx = eval(code, dict(public_names()))
    params = {"w": jnp.ones((2, 3)), "b": jnp.ones(3)}
    updates, _ = tx.update(params, tx.init(params), params)
    assert jax.tree.structure(updates) == jax.tree.structure(params)
