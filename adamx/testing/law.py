"""Laws: a number, a name, and a check that raises if the law is broken."""

import contextvars
import dataclasses
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from adamx.errors import laid_out

if TYPE_CHECKING:
    from adamx.testing.subject import Subject


class Violation(AssertionError):
    """A law does not hold for a transform.

    Args:
        what: one sentence that says what is wrong.
        where: the key path of the leaf, as `jax.tree_util.keystr` writes it.
        expected: what would have been right.
        got: what was there instead.

    Example:
        >>> print(Violation("updates differ", where="['w']", expected="1", got="2"))
        updates differ
          where:    ['w']
          expected: 1
          got:      2
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: object = None,
        got: object = None,
    ) -> None:
        super().__init__(laid_out(what, where=where, expected=expected, got=got))
        self.what = what


class NotTried(Exception):
    """A law does not apply to a transform, or lacks something that it needs."""


def require(
    condition: object,
    what: str,
    *,
    where: str | None = None,
    expected: object = None,
    got: object = None,
) -> None:
    """Raise a `Violation` unless the condition holds."""
    if not condition:
        raise Violation(what, where=where, expected=expected, got=got)


GAIN: contextvars.ContextVar[float] = contextvars.ContextVar("gain", default=1.0)
"""The factor by which the subject multiplies rounding errors of its input."""


@dataclasses.dataclass(frozen=True)
class Law:
    """One law of the numerics contract, as code.

    Args:
        number: its number in the contract.
        name: its name, an identifier.
        holds: raises `Violation` where the law is broken, and `NotTried` where there
            is nothing to try.
        grid: whether there is more to try for a subject that is `full`.

    Raises:
        Violation: (by `check`) the law is broken.
        NotTried: (by `check`) there was nothing to try, or an exception is declared.

    Example:
        >>> import adamx
        >>> from adamx.testing import LAWS, Subject
        >>> [law.name for law in LAWS][:3]
        ['precision', 'hyperparameters', 'fixed_point']
        >>> LAWS[0].check(Subject.of(adamx.sgd(0.1)))
    """

    number: int
    name: str
    holds: Callable[["Subject"], None]
    grid: bool = False

    @property
    def text(self) -> str:
        """Return the words of the law, as Markdown."""
        return inspect.getdoc(self.holds) or ""

    def check(self, subject: "Subject") -> None:
        """Raise unless `subject` keeps the law."""
        if self.name in subject.exceptions:
            raise NotTried(subject.exceptions[self.name])
        before = GAIN.set(subject.gain)
        try:
            self.holds(subject)
        except NotTried:
            raise
        except Exception as error:
            said = str(error) if isinstance(error, Violation) else _raised(error)
            raise Violation(
                f"{subject.name} breaks law {self.number}, {self.name}: {said}"
            ) from error
        finally:
            GAIN.reset(before)

    def __str__(self) -> str:
        return self.name


def _raised(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"it raises {type(error).__name__}: " + "\n  ".join(lines[:12])


LAWS: list[Law] = []
"""All laws, in the order of their numbers."""


def law(
    number: int, *, grid: bool = False
) -> Callable[[Callable[["Subject"], None]], Callable[["Subject"], None]]:
    """Enter a check into `LAWS`, under the name of the function."""

    def enter(holds: Callable[["Subject"], None]) -> Callable[["Subject"], None]:
        LAWS.append(Law(number, holds.__name__, holds, grid))
        LAWS.sort(key=lambda entry: entry.number)
        return holds

    return enter
