"""The names that signatures share."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax

Array: TypeAlias = jax.Array
PyTree: TypeAlias = Any
Params: TypeAlias = PyTree
Updates: TypeAlias = PyTree
State: TypeAlias = PyTree

Scalar: TypeAlias = float | jax.Array
"""A Python number, or a traced or concrete array of shape ()."""

ScalarOrSchedule: TypeAlias = Scalar | Callable[[jax.Array], Scalar]
"""A number, an array of shape (), or a function from the step count to one."""

Hyper: TypeAlias = Any
"""A field of a rule: built with a `ScalarOrSchedule`, in use it is a `Scalar`."""

Slots: TypeAlias = dict[str, Any]
"""What a rule keeps for one array, by name; a composite rule nests them."""

Shared: TypeAlias = dict[str, Any]
"""What a rule keeps once for all arrays, by name; scalars and small vectors."""
