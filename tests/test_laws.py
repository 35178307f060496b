"""Everything that is public keeps every law; there is no list to forget to extend."""

import dataclasses
import zlib

import pytest

import adamx
from adamx.schedules import inverse_time_decay_schedule
from adamx.testing import (
    EXCEPTIONS,
    GAINS,
    LAWS,
    NotTried,
    Subject,
    examples,
    public_builders,
    try_laws,
)

PLAIN, MORE = [], []
for _name, _builder in public_builders().items():
    _first, *_others = map(Subject.of, examples(_builder))
    # What is an optimizer but for sign and rate waits for the full grid, as flags do.
    _twin = _name.removeprefix("scale_by_")
    (MORE if _twin != _name and _twin in public_builders() else PLAIN).append(_first)
    MORE += _others
PLAIN += map(
    Subject.of,
    [
        adamx.chain(adamx.clip_by_global_norm(0.1), adamx.adamw(0.1)),
        adamx.adam(inverse_time_decay_schedule(0.1, 0.5)),
        adamx.inject_hyperparams(adamx.adamw)(0.1),
        adamx.inject_hyperparams(adamx.adam)(inverse_time_decay_schedule(0.1, 0.5)),
        # The leaves of the laws are small, and by default not factored, nor projected.
        adamx.adafactor(0.1, 1),
        adamx.factored_moment(min_dim_size_to_factor=1),
        adamx.galore(0.1, 1, 2),
        adamx.average_params(0.9, debias=True),
        adamx.keep_params_between(-1.0, 2.0),
        adamx.skip_spikes(adamx.trace(0.5), window=2),
        adamx.in_subspace(adamx.scale_by_adam(), 1, 2, proj_type="full"),
        adamx.adam_mini(
            0.1, blocks={0: (), 1: 0}, block_labels=lambda p, x: x.ndim > 1
        ),
    ],
)


def full(subjects):
    return [dataclasses.replace(subject, full=True) for subject in subjects]


ROUNDED = (("centralize()", "norms"),)
"""Tens less their mean are zero, but where XLA does not optimize the mean."""


def grid(subjects, *marks, laws=LAWS):
    """One test for each subject and law; a worker keeps what it has compiled."""
    return [
        pytest.param(
            subject,
            law,
            id=f"{subject.name}-{law}",
            marks=[
                pytest.mark.xdist_group(subject.name),
                *[pytest.mark.optimized] * ((subject.name, law.name) in ROUNDED),
                *marks,
            ],
        )
        for subject in subjects
        for law in laws
        if law.name != "truth"  # of which tests/test_truth.py is
    ]


# What a flag changes is arithmetic; the rest of the laws is kept by what it is made of.
ARITHMETIC = ("finite", "differentiable", "odd_leaves")

WHOLE = ("sgd", "adam", "adamw", "amsgrad", "lion", "lamb", "MultiSteps", "partition")
"""On these whole grids of dtypes and of pieces around them are tried."""

FULL = [
    *grid(
        full(s for s in PLAIN if s.name.partition("(")[0] in WHOLE),
        pytest.mark.full,
        laws=[law for law in LAWS if law.grid],
    ),
    *grid(MORE, pytest.mark.full, laws=[law for law in LAWS if law.name in ARITHMETIC]),
]


# What takes longest, and is kept by the pieces and by what lifts and chains them.
OF_PIECES = (
    "hyperparameters",
    "accumulation",
    "freezing",
    "differentiable",
    "transformations",
    "composition",
    "sharding",
)
# Of the laws that take a second or more, every subject is tried on each third one.
AT_ONCE = ("finite", "donation", "odd_leaves", "errors", "determinism", "declarations")


def later(subject, law):
    """Whether a subject is tried on a law in the full tests only.

    And by who writes it: pytest -m "" -k its name.
    """
    name = subject.name.partition("(")[0]
    if name in WHOLE or law.name in AT_ONCE:
        return False
    builder = public_builders().get(name)
    wiring = builder is not None and ".optimizers." in builder.__module__
    third = (zlib.crc32(subject.name.encode()) + law.number) % 3 == 0
    return not third or (wiring and law.name in OF_PIECES)


PLAIN_GRID = [
    pytest.param(*test.values, id=test.id, marks=[*test.marks, pytest.mark.full])
    if later(*test.values)
    else test
    for test in grid(PLAIN)
]


@pytest.mark.parametrize(("subject", "law"), PLAIN_GRID + FULL)
def test_law(subject, law):
    try:
        law.check(subject)
    except NotTried as reason:
        pytest.skip(str(reason))


DECLARED = [(name, law) for name, laws in EXCEPTIONS.items() for law in laws]


@pytest.mark.optimized
@pytest.mark.parametrize(("name", "law"), DECLARED)
def test_declared_exceptions_are_needed(name, law):
    found = examples(public_builders()[name])
    chosen = [entry for entry in LAWS if entry.name == law]
    tried = (try_laws(Subject.of(tx, exceptions={}), chosen) for tx in found)
    assert any(result.broken for result in tried)


@pytest.mark.full
@pytest.mark.parametrize("name", GAINS)
def test_declared_gains_are_needed(name):
    laws = [law for law in LAWS if law.name in ("transformations", "sharding")]
    tried = Subject.of(next(examples(public_builders()[name])), gain=1.0)
    assert try_laws(tried, laws).broken
