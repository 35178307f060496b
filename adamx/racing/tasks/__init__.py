"""The tasks that are built in, by name; their data ships in packages."""

from collections.abc import Callable
from typing import Any

from adamx.errors import TransformError, nearest
from adamx.load import load
from adamx.racing.task import Task

TASKS = {
    "digits": "digits",
    "mnist": "mnist",
    "mnist1d": "mnist1d",
    "breast_cancer": "breast_cancer",
    "text": "text",
    "movielens": "movielens",
    "rosenbrock": "analytic",
    "beale": "analytic",
    "branin": "analytic",
    "valley": "analytic",
    "quadratic": "quadratic",
}
"""The function that makes each task, and its file."""


def find_task(task: Any) -> Task:
    """Return the task of a name, the given task, or the task that a function makes.

    A name with a colon, `package.module:function`, is a function of the user's own.
    A function may also return the three functions that a task needs: `init`, `loss` and
    `batches`.

    Raises:
        TransformError: there is no such task; the message has the nearest name.
    """
    name = getattr(task, "__name__", "task")
    if isinstance(task, str):
        name, task = task.rpartition(":")[2], _function(task)
    if callable(task):
        task = task()
    if isinstance(task, tuple) and len(task) == 3:
        task = Task(*task, name=name)
    if not isinstance(task, Task):
        raise TransformError(
            "this is not a task",
            expected="a Task, a function that makes one, or one of " + ", ".join(TASKS),
            got=repr(task),
        )
    return task


def _function(name: str) -> Callable[[], Any]:
    if ":" in name:
        return load(name)
    if name not in TASKS:
        raise TransformError(
            f"there is no task {name!r}",
            expected=", ".join(TASKS) + ", or package.module:function",
            hint=nearest(name, TASKS),
        )
    return load(f"{__name__}.{TASKS[name]}:{name}")
