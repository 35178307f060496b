"""What an expression on the command line may contain."""

import pytest

import adamx
from adamx.command.describe import names
from adamx.command.expression import evaluate
from adamx.command.schedules import SCHEDULES
from adamx.testing.public import public_builders, public_codecs

NAMES = names()


@pytest.mark.parametrize(
    "tx",
    [
        adamx.adam(1e-3, b1=0.8),
        adamx.adamw(adamx.warmup_cosine_decay_schedule(0, 1e-3, 10, 100)),
        adamx.chain(adamx.clip_by_global_norm(1.0), adamx.sgd(0.1, momentum=0.9)),
        adamx.muon(0.02, rest=adamx.adamw(1e-3, eps=-0.0)),
        adamx.param_groups({"*/bias": adamx.sgd(0.1)}, rest=adamx.adam(1e-3)),
        adamx.inject_hyperparams(adamx.adamw)(0.1),
        adamx.stored(adamx.adam(1e-3), adamx.int8()),
        adamx.adam(adamx.piecewise_constant_schedule(1.0, {10: 0.1, 20: 0.5})),
        adamx.adam(adamx.join_schedules([adamx.linear_schedule(0, 1, 9)], [])),
    ],
    ids=repr,
)
def test_the_repr_of_a_transform_is_read(tx):
    assert evaluate(repr(tx), NAMES, "transform") == tx


def test_names_may_have_their_package_before_them():
    text = "adamx.masked(adamx.adam(1e-3), adamx.is_weight)"
    expected = adamx.masked(adamx.adam(1e-3), adamx.is_weight)
    assert evaluate(text, NAMES, "transform") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cosine_decay(1, 10)", "cosine_decay_schedule"),
        ("__import__('os').getcwd()", "there is no schedule"),
        ("constant_schedule.__globals__", "not allowed"),
        ("constant_schedule.__globals__['os']()", "not allowed"),
        ("adamx.race('digits')", "no schedule 'race'"),
        ("adamx.constant_schedule.__class__(1)", "there is no schedule"),
        ("constant_schedule(open)", "not allowed"),
        ("[os.linear_schedule]", "not allowed"),
        ("constant_schedule(1 + 1)", "write the number out"),
        ("constant_schedule(*[1])", "not allowed"),
        ("constant_schedule(**{'value': 1})", "not allowed"),
        ("constant_schedule((lambda: 1)())", "not allowed"),
        ("constant_schedule([x for x in (1,)])", "not allowed"),
        ("constant_schedule(f'{1}')", "not allowed"),
        ("constant_schedule(x := 1)", "not allowed"),
        ("constant_schedule(", "not a call"),
        ("constant_schedule(\0)", "not a call"),
        ("(" * 500, "not a call"),
        ("constant_schedule(1, 2)", "constant_schedule"),
        ("3()", "not callable"),
        ("join_schedules([constant_schedule(1)], {[1]: 2})", "not allowed"),
        ("piecewise_constant_schedule(1, {**{}})", "not allowed"),
    ],
)
def test_nothing_else_is_run(text, message):
    with pytest.raises(adamx.TransformError, match=message):
        evaluate(text, SCHEDULES, "schedule")


def test_names_are_those_that_only_make_something():
    assert {*public_builders(), *public_codecs(), *SCHEDULES} <= {*NAMES}
    assert not {"race", "from_torch", "migrate", "transform", "schedules"} & {*NAMES}
