"""Law 19: equal only if it computes the same."""

import copy
import pickle
from typing import Any

import adamx
from adamx.core.transform import Transform
from adamx.testing.compiled import programs_compiled
from adamx.testing.law import NotTried, law, require
from adamx.testing.subject import Subject
from adamx.testing.trees import grads, params


@law(19)
def identity(subject: Subject) -> None:
    """Transforms are equal only if they compute the same, and equal calls stay equal.

    Called again with the same arguments, a builder makes an equal transform with an
    equal hash, which runs without another compilation; a copy is equal too. With
    another number it makes another transform, and so do two builders of one name that
    differ in what they read: a closure, or a default.
    """
    tx = subject.tx
    if not isinstance(tx, Transform) or subject.build is None:
        raise NotTried("nobody says how it is built")
    again = subject.rebuilt(lambda name, x: x)
    _equal(again, tx, "the same call, made again,")
    _equal(copy.deepcopy(tx), tx, "a copy")
    _equal(_pickled(tx), tx, "what pickle reads back")
    _runs_as_it_is(subject, again)
    changed = _changed(subject)
    if changed is not None:
        _differ(changed, tx, "a call with other numbers")
    other = adamx.chain(tx, adamx.scale(0.5))
    for read, built in {"closures": _with_closure, "defaults": _with_default}.items():
        what = f"what builders of one name with other {read} make"
        _differ(built(tx), built(other), what)


def _equal(got: Any, tx: Transform, what: str) -> None:
    require(got == tx, f"{what} is not equal", expected=repr(tx), got=repr(got))
    require(hash(got) == hash(tx), f"{what} has another hash")


def _differ(one: Any, two: Any, what: str) -> None:
    require(
        one != two, f"{what} is equal", expected="two transforms", got=repr([one, two])
    )


def _pickled(tx: Transform) -> Transform:
    try:
        written = pickle.dumps(tx)
    except (pickle.PicklingError, AttributeError, TypeError):
        return tx  # pickle cannot write functions that were made in functions
    return pickle.loads(written)


def _runs_as_it_is(subject: Subject, again: Transform) -> None:
    start = params()
    g = grads(start)
    extra = subject.extra(g, start) if subject.extra else {}
    subject.tx.update(g, subject.init(start), start, **extra)
    state = subject.init(start)
    with programs_compiled() as found:
        again.update(g, state, start, **extra)
    require(
        not found,
        "the same call, made again, compiles its update anew",
        expected="the program of the first",
        got=f"{len(found)} compilations",
    )


def _changed(subject: Subject) -> Any:
    """Return the transform with half of each number; None if all numbers are 0."""
    try:
        numbers = subject.numbers()
    except NotTried:
        return None
    halved = subject.rebuilt(lambda name, x: x / 2)
    return halved if any(numbers.values()) else None


def _with_closure(tx: Any) -> Transform:
    @adamx.transform
    def built() -> Transform:
        return tx

    return built()


def _with_default(tx: Any) -> Transform:
    @adamx.transform
    def built(inner: Any = tx) -> Transform:
        return inner

    return built()
