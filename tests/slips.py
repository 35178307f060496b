"""What people write by mistake, and the essential words of the help that they get.

python -m tests.slips      # prints each line with the whole message
"""

import sys
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import adamx

SETUP = """
tx = adamx.adam(0.1)
state = tx.init(params)
loss_fn = lambda params: sum(jnp.sum(p**2) for p in jax.tree.leaves(params))
grads = jax.tree.map(jnp.ones_like, params)
injected = adamx.inject_hyperparams(adamx.adam)(0.1)
decayed = adamx.adamw(0.1)
step = adamx.make_step(tx, donate=False)
"""
"""What comes before each slip."""


class Slip(NamedTuple):
    """A line with a mistake."""

    code: str
    first: str
    """Words of the first line of the message: function, argument, what is wrong."""
    hint: str
    """Words of the hint."""


ARGUMENTS = [
    # Keras.
    Slip("adamx.adam(lr=1e-3)", "adam has no argument `lr`", "is `learning_rate`"),
    Slip("adamx.adam(1e-3, beta_1=0.9)", "adam has no argument `beta_1`", "is `b1`"),
    Slip("adamx.adam(1e-3, beta_2=0.9)", "adam has no argument `beta_2`", "is `b2`"),
    Slip("adamx.adam(1e-3, epsilon=1e-7)", "adam has no argument `epsilon`", "`eps`"),
    Slip("adamx.adam(1e-3, decay=1e-4)", "`decay`", "inverse_time_decay_schedule"),
    Slip("adamx.adam(1e-3, amsgrad=True)", "`amsgrad`", "AMSGrad is adamx.amsgrad"),
    Slip(
        "adamx.adam(1e-3, weight_decay=1e-2)", "`weight_decay`", "adamw decays weights"
    ),
    Slip("adamx.adam(1e-3, clipnorm=1.0)", "`clipnorm`", "clip_by_global_norm"),
    Slip("adamx.adam(1e-3, global_clipnorm=1.0)", "`global_clipnorm`", "in a chain"),
    Slip("adamx.adam(1e-3, clipvalue=0.5)", "`clipvalue`", "adamx.clip(value) before"),
    Slip("adamx.adam(1e-3, use_ema=True)", "`use_ema`", "adamx.average_params"),
    Slip("adamx.adam(1e-3, ema_momentum=0.9)", "`ema_momentum`", "average_params"),
    Slip("adamx.adam(1e-3, jit_compile=True)", "`jit_compile`", "jax.jit compiles"),
    Slip(
        "adamx.adam(1e-3, name='Adam')", "adam has no argument `name`", "leave it out"
    ),
    Slip("adamx.rmsprop(1e-3, rho=0.9)", "rmsprop has no argument `rho`", "is `decay`"),
    Slip(
        "adamx.sgd(1e-2, gradient_accumulation_steps=4)",
        "`gradient_accumulation_steps`",
        "adamx.MultiSteps(tx, steps)",
    ),
    Slip(
        "schedules.cosine_decay_schedule(initial_learning_rate=1e-3, decay_steps=9)",
        "cosine_decay_schedule has no argument `initial_learning_rate`",
        "is `init_value`",
    ),
    Slip(
        "schedules.piecewise_constant_schedule(1.0, boundaries=[5], values=[1.0, 0.1])",
        "`boundaries`, `values`",
        "boundaries_and_scales={boundary: factor, …}",
    ),
    # PyTorch.
    Slip("adamx.adam(1e-3, betas=(0.9, 0.999))", "`betas`", "b1=0.9, b2=0.999 here"),
    Slip("adamx.adam(params, lr=1e-3)", "adam has no argument `lr`", "tx.init(params)"),
    Slip("adamx.adam(1e-3, params=params)", "`params`", "tx.init(params)"),
    Slip("adamx.adam(1e-3, momentum=0.9)", "`momentum`", "is `b1` here"),
    Slip("adamx.adam(1e-3, maximize=True)", "`maximize`", "adamx.scale(-1.0) before"),
    Slip("adamx.adam(1e-3, foreach=True)", "`foreach`", "leave it out"),
    Slip("adamx.adam(1e-3, fused=True)", "`fused`", "adamx.fused(tx, backend)"),
    Slip("adamx.adam(1e-3, capturable=True)", "`capturable`", "leave it out"),
    Slip("adamx.rmsprop(1e-3, alpha=0.99)", "no argument `alpha`", "is `decay` here"),
    Slip("adamx.adagrad(1e-2, lr_decay=1e-3)", "`lr_decay`", "give a schedule"),
    Slip("adamx.sgd(0.1, weight_decay=1e-4)", "`weight_decay`", "add_decayed_weights"),
    Slip("adamx.rmsprop(0.1, dampening=0.1)", "`dampening`", "adamx.sgd"),
    Slip("adamx.lion(1e-3, nesterov=True)", "`nesterov`", "adamx.nesterov_momentum"),
    Slip(
        "schedules.cosine_decay_schedule(1e-3, T_max=100, eta_min=0.0)",
        "`T_max`, `eta_min`",
        "`T_max` is `decay_steps` here",
    ),
    # Optax.
    Slip("adamx.adam(1e-3, mu_dtype='bfloat16')", "`mu_dtype`", "adamx.stored"),
    Slip("adamx.sgd(1e-3, accumulator_dtype=None)", "`accumulator_dtype`", "stored"),
    Slip("adamx.lion(1e-3, eps_root=0.0)", "lion has no argument `eps_root`", "is 0"),
    Slip(
        "adamx.rmsprop(1e-3, initial_accumulator_value=0.1)",
        "`initial_accumulator_value`",
        "is `initial_scale`",
    ),
    Slip("adamx.muon(0.02, ns_steps=6)", "`ns_steps`", "adamx.orthogonalize(ns_steps"),
    Slip("injected = adamx.inject_hyperparams(adamx.adam)(lr=0.1)", "`lr`", "is `lear"),
    # Any name, and other numbers of arguments.
    Slip("adamx.adam(lerning_rate=1e-3)", "`lerning_rate`", "'learning_rate'?"),
    Slip(
        "adamx.adam()", "adam is missing the argument `learning_rate`", "call adam(le"
    ),
    Slip(
        "adamx.chain(adamx.clip(), tx)", "clip is missing the argument `max_d", "clip("
    ),
    Slip("adamx.masked(tx)", "masked is missing the argument `mask`", "(inner, mask)"),
    Slip(
        "adamx.adam(1e-3, learning_rate=1e-3)", "`learning_rate` is given twice", "by"
    ),
    Slip("adamx.adam(1e-3, 0.9, 0.99, 1e-8, 0.0, True)", "takes 5", "nesterov=…"),
    Slip("adamx.fork(tx, tx)", "fork is given 2 arguments by position, and", "by name"),
    Slip(
        "schedules.cosine_decay_schedule(1e-3)", "missing the argument `decay_s", "call"
    ),
]
"""Arguments that a function does not have, or lacks."""

VALUES = [
    Slip(
        "adamx.adam(adamx.cosine_decay_schedule)",
        "adam: learning_rate must be a number or a schedule, not the function "
        "cosine_decay_schedule, which is not called",
        "learning_rate=cosine_decay_schedule(init_value, decay_steps)",
    ),
    Slip(
        "adamx.adam(optax.cosine_decay_schedule)",
        "adam: learning_rate must be a number or a schedule, not a function of 4",
        "call it: learning_rate=cosine_decay_schedule(init_value, decay_steps)",
    ),
    Slip(
        "adamx.adam(optax.constant_schedule).init(params)",
        "the schedule given as learning_rate must return one number",
        "call what builds the schedule",
    ),
    Slip(
        "adamx.adam(lambda: 0.1)", "learning_rate must be a number or a", "step count"
    ),
    Slip(
        "adamx.adam(params)", "adam: learning_rate must be a number, not a", "tx.init("
    ),
    Slip(
        "adamx.adam(iter(params))", "adam: learning_rate must be a number", "tx.init("
    ),
    Slip(
        "adamx.adam(adamx.adam)", "adam: learning_rate must be a number", "adamx.chain"
    ),
    Slip("adamx.adam(tx)", "learning_rate must be a number, not a transform", "chain"),
    Slip(
        "adamx.adam('1e-3')", "learning_rate must be a number, not a string", "quotes"
    ),
    Slip("adamx.adam('cosine')", "must be a number, not a string", "cosine_decay_sch"),
    Slip("adamx.adam(None)", "learning_rate must be a number, not None", "no default"),
    Slip(
        "adamx.adam([1e-3, 1e-4])", "number, not a list of numbers", "give one number"
    ),
    Slip(
        "adamx.adam(1e-3, b1=(0.9, 0.999))", "b1 must be a number", "b1=0.9, b2=0.999"
    ),
    Slip("adamx.adam(1e-3, b1=90)", "adam: b1 must be in [0, 1)", "90 % is 0.9"),
    Slip("adamx.adamw(1e-3, mask='w')", "adamw: mask must be of bools", "path, leaf"),
    Slip(
        "adamx.adamw(1e-3, mask=['w'])", "must be of bools, not a list of", "endswith"
    ),
    Slip(
        "adamx.freeze('w')", "freeze: mask must be of bools, not a string", "path, leaf"
    ),
    Slip(
        "adamx.stored(tx, adamx.int8)", "stored: codec must be a codec, not", "int8()"
    ),
    Slip(
        "adamx.join_schedules([adamx.constant_schedule], [])",
        "join_schedules: schedules[0] must be",
        "schedules[0]=constant_schedule(value)",
    ),
    Slip(
        "adamx.constant_schedule(0.1)(state)", "the count must be a number", "at a step"
    ),
]
"""Arguments of builders that are something else than what was meant."""

TRANSFORMS = [
    Slip(
        "adamx.chain([tx, tx])", "transforms[0] must be a transform, not a", "*transfo"
    ),
    Slip(
        "adamx.chain(tx, adamx.adam)", "transforms[1] must be a transform", "adam(lea"
    ),
    Slip("adamx.chain(tx, 0.1)", "chain: transforms[1] must be a tr", "adamx.scale("),
    Slip("adamx.chain(tx, None)", "transform, not None", "return"),
    Slip(
        "adamx.chain('adam')", "transforms[0] must be a transform", "adamx.adam(1e-3)"
    ),
    Slip("adamx.chain(params)", "transforms[0] must be a transform", "tx.init(params)"),
    Slip("adamx.chain(adamx.Rule())", "must be a transform, not a rule", "adamx.lift"),
    Slip(
        "adamx.chain(tx, adamx.constant_schedule(0.1))",
        "transforms[1] must be a transform, not a schedule",
        "adamx.scale_by_learning_rate(schedule)",
    ),
    Slip(
        "adamx.MultiSteps(adamx.adam, 2)", "MultiSteps: opt must be", "adam(learning_r"
    ),
    Slip("adamx.masked(params, tx)", "masked: inner must be a transform", "swapped?"),
    Slip(
        "adamx.partition([tx], lambda p: p)",
        "partition: transforms must be a dict",
        "{'d",
    ),
    Slip(
        "adamx.partition({'a': 'b'}, {'b': tx})", "transforms['a'] must be", "swapped?"
    ),
    Slip("adamx.make_step(adamx.adam)", "make_step: tx must be a transform", "call it"),
    Slip(
        "adamx.adam.init(params)", "adam.init: adam builds transforms", "call it: adam("
    ),
    Slip("adamx.adam.update(grads, state)", "adam.update: adam builds tran", "call it"),
    Slip(
        "adamx.inject_hyperparams(tx)",
        "inject_hyperparams: inner_factory must be a function that builds",
        "inject_hyperparams(adam)(0.1)",
    ),
    Slip(
        "adamx.inject_hyperparams(adamx.adam, 0.1)",
        "inject_hyperparams: static_args must be names",
        "inject_hyperparams(adam)(0.1)",
    ),
    Slip(
        "adamx.inject_hyperparams(adamx.adam).init(params)",
        "inject_hyperparams(adam).init",
        "call it: inject_hyperparams(adam)(…).init",
    ),
    Slip("tx.step()", "a transform has no attribute 'step'", "tx.update(grads"),
    Slip("tx.zero_grad()", "no attribute 'zero_grad'", "leave it out"),
    Slip(
        "tx.apply_gradients(grads)", "no attribute 'apply_gradients'", "tx.update(gra"
    ),
    Slip("tx.minimize(loss_fn)", "no attribute 'minimize'", "jax.value_and_grad"),
    Slip("tx.learning_rate", "no attribute 'learning_rate'", "inject_hyperparams"),
    Slip(
        "tx.learning_rate = 0.01", "'learning_rate' cannot be set", "inject_hyperpara"
    ),
]
"""Transforms where something else is expected, and the other way round."""

TREES = [
    Slip("tx.init()", "init: `params` is missing", "tx.init(params)"),
    Slip("tx.init(tx)", "init: `params` must be a tree of arrays", "tx.init(params)"),
    Slip("tx.init(loss_fn)", "tree of arrays, not a function", "tx.init(params)"),
    Slip("tx.init({**params, 'f': jnp.tanh})", "params is not an array, but a", "None"),
    Slip("tx.init({**params, 'f': 'relu'})", "not an array, but a string", "None"),
    Slip("tx.init([1, 2, 3])", "a leaf of params of dtype int32", "1.0"),
    Slip("tx.update()", "update: `updates` and `state` are missing", "tx.update(grads"),
    Slip("tx.update(grads)", "update: `state` is missing", "state = tx.init(params)"),
    Slip("tx.update(grads=grads, state=state)", "`updates` is missing", "is `updates`"),
    Slip(
        "tx.update(grads, None, params)", "`state` is None", "state = tx.init(params)"
    ),
    Slip("tx.update(grads, tx, params)", "`state` must be a tree", "tx.init(params)"),
    Slip("tx.update(state, grads)", "`updates` and `state` are swapped", "tx.update(g"),
    Slip("tx.update(state, grads, params)", "`updates` and `state` are swa", "tx.upda"),
    Slip(
        "tx.update(grads, params, state)", "`params` and `state` are swapped", "tx.up"
    ),
    Slip("tx.update(grads, grads, params)", "`state` is a tree like `updates`", "init"),
    Slip(
        "tx.update((0.5, grads), state, params)", "pair (loss, gradients)", "loss, gra"
    ),
    Slip("tx.update((0.5, grads), state)", "pair (loss, gradients)", "value_and_grad"),
    Slip(
        "jax.jit(tx.update)((0.5, grads), state)", "pair (loss, gradients)", "loss, g"
    ),
    Slip("tx.update((grads,), state, params)", "`updates` is a tuple", "updates[0]"),
    Slip(
        "tx.update(jax.grad(loss_fn), state)", "`updates` must be a tree", "jax.grad(l"
    ),
    Slip("tx.update(loss_fn(params), state, params)", "different trees", "each param"),
    Slip(
        "tx.update([*grads.values()], state, params)", "different trees", "each param"
    ),
    Slip(
        "tx.update(jax.tree.map(lambda p: p.astype(int), grads), state, params)",
        "a leaf of updates of dtype int32",
        "give float gradients",
    ),
    Slip(
        "new = tx.update(grads, state, params); tx.update(grads, new, params)",
        "`state` is the pair that update returned",
        "updates, state = tx.update(grads, state, params)",
    ),
    Slip(
        "state, updates = tx.update(grads, state, params); "
        "tx.update(grads, state, params)",
        "`state` is a tree like `updates`",
        "update returns (updates, state)",
    ),
    Slip(
        "state, updates = tx.update(grads, state, params); "
        "adamx.apply_updates(params, updates)",
        "apply_updates: `updates` looks like a state",
        "updates, state = tx.update(grads, state, params)",
    ),
    Slip(
        "adamx.apply_updates(params, tx.update(grads, state, params))",
        "apply_updates: `updates` is the pair that update returned",
        "updates, state = tx.update(grads, state, params)",
    ),
    Slip("adamx.apply_updates(params)", "`updates` is missing", "updates, state ="),
    Slip("adamx.apply_updates(params, tx)", "`updates` must be a tree", "tx.update("),
    Slip(
        "adamx.apply_updates({**grads, 'w': None}, params)", "that is None", "swapped?"
    ),
    Slip(
        "decayed.update(grads, decayed.init(params))", "needs the parameters", "third"
    ),
    Slip(
        "decayed.update(grads, decayed.init(params), parameters=params)",
        "update: `params` is missing",
        "`parameters` is `params` here",
    ),
    Slip("tx.update(grads, optax.adam(0.1).init(params))", "of Optax", "from_optax"),
    Slip("tx.update(grads, adamx.lion(0.1).init(params))", "does not fit", "same tra"),
    Slip("step(params, grads, state)", "step: `grads` and `state` are swa", "= step("),
    Slip(
        "step(params, state, (0.5, grads))", "step: `grads` is a pair", "loss, grads ="
    ),
    Slip(
        "adamx.set_hyperparams(state, learning_rate=0.1)",
        "set_hyperparams: the state has no hyperparameters",
        "adamx.inject_hyperparams(adamx.adam)",
    ),
    Slip(
        "adamx.set_hyperparams(tx, b1=0.5)", "`state` must be a tree", "set_hyperpara"
    ),
    Slip(
        "adamx.set_hyperparams(injected.init(params), lr=0.1)",
        "no hyperparameter 'lr'",
        "`lr` is `learning_rate` here",
    ),
]
"""Trees of arrays in the wrong place, or something else in their place."""

SLIPS = [*ARGUMENTS, *VALUES, *TRANSFORMS, *TREES]

NEGATIVE = [
    Slip("adamx.adam(-1e-3)", "adam: learning_rate is negative", "positive rate"),
    Slip(
        "adamx.sgd(learning_rate=-0.1)", "sgd: learning_rate is negative", "minus sign"
    ),
    Slip("adamx.adamw(1e-3, weight_decay=-1)", "adamw: weight_decay is", "positive"),
    Slip(
        "adamx.inject_hyperparams(adamx.adam)(-1e-3)",
        "adam: learning_rate is negative, so the steps go uphill",
        "give a positive rate",
    ),
]
"""What is allowed, with a warning."""


def names(leaves: int = 2) -> dict[str, Any]:
    """Return what the code may use, with parameters of so many leaves."""
    params = {"w": jnp.ones((2, 3))}
    params |= {f"layer_{i}": jnp.ones(3) for i in range(1, leaves)}
    found = {"params": params, "adamx": adamx, "schedules": adamx.schedules}
    found |= {"jax": jax, "jnp": jnp, "optax": optax}
    exec(SETUP, found)
    return found


def message(slip: Slip, given: dict[str, Any]) -> BaseException:
    """Return the error that a slip raises."""
    try:
        exec(compile(slip.code, "a script", "exec"), dict(given))
    except Exception as error:
        return error
    return AssertionError(f"{slip.code} raises nothing")


def messages(slips: list[Slip], given: dict[str, Any]) -> Iterator[str]:
    """Yield each slip with its message."""
    for slip in slips:
        error = message(slip, given)
        yield f">>> {slip.code}\n{type(error).__name__}: {error}\n"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.writelines(f"{text}\n" for text in messages(SLIPS, names()))
