"""Builders are shown with the names of their annotations."""

import inspect
import pydoc
from collections.abc import Callable
from typing import Any, Literal

import pytest

import adamx
from adamx.hyperparameters.hyper import is_schedule_builder
from adamx.testing.public import public_builders, public_names
from adamx.types import Array, ScalarOrSchedule

SCHEDULES = {k: f for k, f in public_names().items() if is_schedule_builder(f)}
BUILDERS = public_builders() | SCHEDULES


def heading(builder: Callable[..., Any]) -> str:
    """Return the line of `help` that has the signature."""
    return pydoc.plain(pydoc.render_doc(builder)).splitlines()[2]


def test_help_begins_with_a_readable_signature():
    assert heading(adamx.adam) == (
        "adam(learning_rate: Finite, b1: Decay = 0.9, b2: Decay = 0.999, "
        "eps: NonNegative = 1e-08, eps_root: NonNegative = 0.0, *, "
        "nesterov: bool = False, eps_hat: bool = False) -> Transform"
    )
    assert heading(adamx.join_schedules) == (
        "join_schedules(schedules: Schedules, boundaries: InOrder) -> Schedule"
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_annotations_are_short(name):
    assert "Annotated[" not in heading(BUILDERS[name])
    for parameter in inspect.signature(BUILDERS[name]).parameters.values():
        assert len(str(parameter.annotation)) < 40, parameter


def test_each_annotation_is_shown_as_it_was_written():
    @adamx.transform
    def build(
        alias: adamx.Decay,
        option: adamx.Finite | None,
        union: int | ScalarOrSchedule | None,
        function: Callable[[Array, int], float],
        any_function: Callable[..., Any],
        words: Literal["a", "b"],
        several: tuple[int, ...],
        text: "Array",
        without=0,
    ) -> adamx.Rule:
        return adamx.Rule()

    shown = [str(p) for p in inspect.signature(build).parameters.values()]
    assert shown == [
        "alias: Decay",
        "option: Finite | None",
        "union: int | ScalarOrSchedule | None",
        "function: Callable[[Array, int], float]",
        "any_function: Callable[..., Any]",
        "words: Literal['a', 'b']",
        "several: tuple[int, ...]",
        "text: Array",
        "without=0",
    ]
