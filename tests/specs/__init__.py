"""One declarative spec for each optimizer form, grouped as the catalogue is."""

from tests.spec import RATE as RATE
from tests.spec import Spec as Spec
from tests.specs import first

SPECS: list[Spec] = [*first.SPECS]
