"""The laws every transform keeps, as code: for our tests and for those of users.

    from adamx.testing import check_transform
    check_transform(my_transform(0.1))

Needs chex, which is in the extra `laws`.
"""

from adamx.extras import needed_for as _needed_for

with _needed_for("adamx.testing", "laws"):
    import chex as _chex  # noqa: F401

from adamx.testing import laws as laws
from adamx.testing.check import Report as Report
from adamx.testing.check import TransformLaws as TransformLaws
from adamx.testing.check import check_transform as check_transform
from adamx.testing.check import try_laws as try_laws
from adamx.testing.exceptions import EXCEPTIONS as EXCEPTIONS
from adamx.testing.exceptions import GAINS as GAINS
from adamx.testing.kit import ADAMX as ADAMX
from adamx.testing.kit import Kit as Kit
from adamx.testing.law import LAWS as LAWS
from adamx.testing.law import Law as Law
from adamx.testing.law import NotTried as NotTried
from adamx.testing.law import Violation as Violation
from adamx.testing.public import examples as examples
from adamx.testing.public import public_builders as public_builders
from adamx.testing.subject import Subject as Subject
from adamx.testing.trees import Trajectory as Trajectory
from adamx.testing.trees import problem as problem
from adamx.testing.trees import trajectory as trajectory
