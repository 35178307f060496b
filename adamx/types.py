"""The names that signatures share."""

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, TypeVar

import jax

Array: TypeAlias = jax.Array
PyTree: TypeAlias = Any
Params: TypeAlias = PyTree
Updates: TypeAlias = PyTree
State: TypeAlias = PyTree

ParamsT = TypeVar("ParamsT")
UpdatesT = TypeVar("UpdatesT")
StateT = TypeVar("StateT")
"""In the signatures of functions that take a tree and return one of the same type."""

Scalar: TypeAlias = float | jax.Array
"""A Python number, or a traced or concrete array of shape ()."""

ScalarOrSchedule: TypeAlias = Scalar | Callable[[jax.Array], Scalar]
"""A number, an array of shape (), or a function from the step count to one."""

Hyper: TypeAlias = Any
"""A field of a rule: built with a `ScalarOrSchedule`, in use it is a `Scalar`."""

Rate: TypeAlias = Annotated[Any, "an argument of eager programs"]
"""A `Hyper` that is changed as training goes, as a learning rate is.

Programs of an eager `update` take a float in such a field for an argument, so that
another one compiles nothing. It is no field for a decay b: 1 - b is one of float64 as
long as b is constant. Zero stays constant, because it leaves out a piece.
"""

Slots: TypeAlias = dict[str, Any]
"""What a rule keeps for one array, by name; a composite rule nests them."""

Shared: TypeAlias = dict[str, Any]
"""What a rule keeps once for all arrays, by name; scalars and small vectors."""

Param: TypeAlias = Array | None
"""The parameter of a leaf, as a rule is given it; None if the rule does not need it."""

StepResult: TypeAlias = tuple[Array, Slots]
"""What `step` of a rule returns: the update, and the next slots."""
