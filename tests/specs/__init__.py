"""One declarative spec for each optimizer form, grouped as the catalogue is."""

from tests.spec import RATE as RATE
from tests.spec import Spec as Spec
from tests.specs import (
    adaptive,
    around,
    classic,
    curvature,
    first,
    free,
    grown,
    kronecker,
    lean,
    matrix,
    modern,
    preconditioned,
    quasi_newton,
    submatrix,
    subspace,
    whitened,
)

_FIRST = (first, classic, adaptive, modern)
_MATRICES = (matrix, whitened, kronecker, preconditioned, submatrix, subspace)
_GROUPS = (*_FIRST, grown, lean, free, around, curvature, quasi_newton, *_MATRICES)
SPECS: list[Spec] = [spec for group in _GROUPS for spec in group.SPECS]
