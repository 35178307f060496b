"""Everything that is public keeps every law; there is no list to forget to extend.

The quick tier tries each law on the subjects whose own code can break it: `QUICK` says
which, and why. The thorough tier (`-m full`) tries every law on every subject.
"""

import dataclasses

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

BUILDERS = public_builders()
SUBJECTS, FLAGS = [], []
for _builder in BUILDERS.values():
    _first, *_others = map(Subject.of, examples(_builder))
    SUBJECTS.append(_first)
    FLAGS += _others
SUBJECTS += map(
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


WHOLE = ("sgd", "adam", "adamw", "amsgrad", "lion", "lamb", "MultiSteps", "partition")
"""The subjects of the machinery: they keep every law in the quick tier. The thorough
tier tries whole grids of dtypes and of pieces around them."""

PIECES, EVERYTHING, MACHINERY = "pieces", "everything", "machinery"

QUICK = {
    "precision": (PIECES, "a step may cast; the casts of a chain are in core"),
    "hyperparameters": (MACHINERY, "core hands them to a step, and injects them"),
    "fixed_point": (PIECES, "slots and step may differ in shape or dtype"),
    "finite": (EVERYTHING, "wiring divides: an ε or a correction may be missing"),
    "accumulation": (MACHINERY, "MultiSteps does it, whatever is inside"),
    "freezing": (MACHINERY, "core leaves frozen leaves out before a piece runs"),
    "norms": (PIECES, "a step may square, or drop a NaN"),
    "differentiable": (PIECES, "a step may take a root of zero"),
    "donation": (PIECES, "a step may emit a slot, or keep one array twice"),
    "odd_leaves": (PIECES, "a step may not fit scalars, empty or complex arrays"),
    "errors": (EVERYTHING, "a builder hands arguments on, each with its range"),
    "transformations": (MACHINERY, "core takes a step under jit, scan and vmap"),
    "composition": (MACHINERY, "core groups the pieces of a chain"),
    "determinism": (PIECES, "a step may draw noise, or keep something outside"),
    "long_runs": (PIECES, "a step may count, or sum without end"),
    "sharding": (MACHINERY, "core gives slots the shardings of their parameters"),
    "truth": (MACHINERY, "tests/optimizers/test_truth.py tries it"),
    "declarations": (PIECES, "a rule declares its locality and its needs"),
    "identity": (EVERYTHING, "a builder may make a function in each call"),
    "memory": (PIECES, "a piece may keep what it is given"),
    "innermost_trees": (PIECES, "slots may be containers, a wrapper may keep trees"),
    "absent_gradients": (PIECES, "a wrapper may go over leaves by itself"),
    "scale": (PIECES, "a step may add an absolute ε to a norm"),
    "promotion": (PIECES, "a step may mix dtypes, or arrays of several ranks"),
}
"""For each law the subjects that the quick tier tries, and why their code can break it.

Pieces are all that is not wiring: transforms, wrappers, combinators, storage, kernels.
An optimizer wires pieces; its formula is in tests/optimizers/test_truth.py.
"""


def quick(subject, law):
    """Whether the quick tier tries a law on a subject."""
    name = subject.name.partition("(")[0]
    builder = BUILDERS.get(name)
    wired = builder is not None and ".optimizers." in builder.__module__
    tried, _ = QUICK[law.name]
    return name in WHOLE or tried == EVERYTHING or (tried == PIECES and not wired)


def test_the_quick_tier_says_where_each_law_is_tried():
    assert list(QUICK) == [law.name for law in LAWS]


ROUNDED = (("centralize()", "norms"),)
"""Unoptimized, XLA's mean of tens is not ten: their difference is not zero."""


def grid(subjects, laws=LAWS, *, full=False):
    """Return a test for each subject and law, by subject: a worker keeps its programs.

    With `full` the thorough tier tries them, each in its whole extent.
    """
    tests = []
    for subject in subjects:
        whole = dataclasses.replace(subject, full=True) if full else subject
        for law in laws:
            marks = [pytest.mark.xdist_group(subject.name)]
            if full or not quick(subject, law):
                marks.append(pytest.mark.full)
            if (subject.name, law.name) in ROUNDED:
                marks.append(pytest.mark.optimized)
            tests.append(
                pytest.param(whole, law, id=f"{subject.name}-{law}", marks=marks)
            )
    return tests


TRIED = [law for law in LAWS if law.name != "truth"]
# A flag changes arithmetic; its transform keeps the other laws as it does without it.
ARITHMETIC = [
    law for law in LAWS if law.name in ("finite", "differentiable", "odd_leaves")
]
GRIDS = [law for law in LAWS if law.grid]
# By themselves they try one of the 16-bit dtypes, as a part of their grids.
NARROW = [law for law in LAWS if law.name in ("finite", "precision")]


def machinery(subject):
    """Whether it is one of the subjects of the machinery."""
    return subject.name.partition("(")[0] in WHOLE


TESTS = [
    *grid(SUBJECTS, TRIED),
    *grid(filter(machinery, SUBJECTS), GRIDS, full=True),
    *grid((s for s in SUBJECTS if not machinery(s)), NARROW, full=True),
    *grid(FLAGS, ARITHMETIC, full=True),
]


@pytest.mark.parametrize(("subject", "law"), TESTS)
def test_law(subject, law):
    try:
        law.check(subject)
    except NotTried as reason:
        pytest.skip(str(reason))


DECLARED = [(name, law) for name, laws in EXCEPTIONS.items() for law in laws]


@pytest.mark.optimized
@pytest.mark.full
@pytest.mark.parametrize(("name", "law"), DECLARED)
def test_declared_exceptions_are_needed(name, law):
    found = examples(BUILDERS[name])
    chosen = [entry for entry in LAWS if entry.name == law]
    tried = (try_laws(Subject.of(tx, exceptions={}), chosen) for tx in found)
    assert any(result.broken for result in tried)


@pytest.mark.full
@pytest.mark.parametrize("name", GAINS)
def test_declared_gains_are_needed(name):
    laws = [law for law in LAWS if law.name in ("transformations", "sharding")]
    tried = Subject.of(next(examples(BUILDERS[name])), gain=1.0)
    assert try_laws(tried, laws).broken
