"""All laws for one transform: in a script, and in a test file."""

import dataclasses
from collections.abc import Iterable
from typing import Any, ClassVar

import chex

from adamx.core.transform import TransformLike
from adamx.testing.law import LAWS, Law, NotTried, Violation
from adamx.testing.subject import Subject


@dataclasses.dataclass(frozen=True)
class Report:
    """The results of the laws for one transform.

    Args:
        name: the transform's.
        kept: the laws that hold, by name.
        not_tried: those there was nothing to try of, with the reasons.
        broken: those that do not hold, with what was found.

    Example:
        >>> print(Report("mine", ["finite"], {"truth": "no reference is given"}, {}))
        mine: 1 law kept, 1 not tried, 0 broken
          truth was not tried: no reference is given
    """

    name: str
    kept: list[str]
    not_tried: dict[str, str]
    broken: dict[str, str]

    def __str__(self) -> str:
        plural = "" if len(self.kept) == 1 else "s"
        head = (
            f"{self.name}: {len(self.kept)} law{plural} kept, "
            f"{len(self.not_tried)} not tried, {len(self.broken)} broken"
        )
        why = [f"  {k} was not tried: {v}" for k, v in self.not_tried.items()]
        return "\n".join([head, *why, *self.broken.values()])


def try_laws(subject: Subject, laws: Iterable[Law] | None = None) -> Report:
    """Try laws on a subject, without raising.

    Args:
        subject: the transform, with what is known about it.
        laws: which; all by default.

    Returns:
        The report.

    Example:
        >>> import adamx
        >>> from adamx.testing import LAWS, Subject, try_laws
        >>> try_laws(Subject.of(adamx.scale(0.5)), LAWS[13:14]).kept
        ['determinism']
    """
    report = Report(subject.name, [], {}, {})
    for entry in LAWS if laws is None else laws:
        try:
            entry.check(subject)
        except NotTried as reason:
            report.not_tried[entry.name] = str(reason)
        except Violation as violation:
            report.broken[entry.name] = str(violation)
        else:
            report.kept.append(entry.name)
    return report


def check_transform(
    tx: TransformLike, *, laws: Iterable[str] | None = None, **options: Any
) -> Report:
    """Try all laws on a transform.

    Args:
        tx: the transform, or any pair of init and update over trees of arrays.
        laws: names of laws; all by default.
        **options: what else is known about it, the fields of `Subject`: `extra`, the
            extra arguments of its update; `exceptions`, a dict of laws it cannot keep
            and the reasons; `gain`, by how much it multiplies rounding errors;
            `references`, trajectories of an independent implementation; `build`, for a
            pair that adamx has not built.

    Returns:
        A report of the laws that are kept and of those that there was nothing to try
        of. It can be printed.

    Raises:
        Violation: a law is broken; the message has all that are, each with the leaf,
            expected and got.

    Example:
        >>> import adamx
        >>> from adamx.testing import check_transform
        >>> print(check_transform(adamx.scale(0.5), laws=["finite", "donation"]))
        scale(0.5): 2 laws kept, 0 not tried, 0 broken
    """
    names = {entry.name for entry in LAWS}
    chosen = names if laws is None else set(laws)
    if not chosen <= names:
        raise ValueError(f"no such law: {sorted(chosen - names)}; there are {names}")
    subject = Subject.of(tx, **options)
    report = try_laws(subject, [entry for entry in LAWS if entry.name in chosen])
    if report.broken:
        raise Violation(str(report))
    return report


class TransformLaws(chex.TestCase):
    """A test class with one test for each law; say which transform it is about.

    A subclass sets `tx`, and where needed `options`, as for `check_transform`. pytest
    and unittest both run it.

    Example:
        >>> import adamx
        >>> from adamx.testing import TransformLaws
        >>> class TestMomentum(TransformLaws):
        ...     tx = adamx.scale_by_momentum(0.9)
        >>> TestMomentum("test_determinism").debug()
    """

    tx: ClassVar[Any] = None
    options: ClassVar[dict[str, Any]] = {}
    _subject: ClassVar[Subject | None] = None
    __test__ = False  # nothing to collect where the class is only imported

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__test__ = True

    @classmethod
    def subject(cls) -> Subject:
        """Return the subject, the same for all tests of the class."""
        if "_subject" not in vars(cls):
            cls._subject = Subject.of(cls.tx, **cls.options)
        assert cls._subject is not None
        return cls._subject


def _test(entry: Law) -> Any:
    def test(self: TransformLaws) -> None:
        try:
            entry.check(self.subject())
        except NotTried as reason:
            self.skipTest(str(reason))

    test.__doc__ = f"Law {entry.number}. {entry.text.splitlines()[0]}"
    return test


for _law in LAWS:
    setattr(TransformLaws, f"test_{_law.name}", _test(_law))
