"""Newton–Schulz iterations: the orthogonal factor of matrices by products alone."""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeAlias

from adamx.errors import TransformError, nearest
from adamx.hyperparameters.hyper import Check
from adamx.numerics.arithmetic import divisors
from adamx.numerics.norms import norm_of
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Array, Scalar

Quintic: TypeAlias = tuple[float, float, float]
"""a, b, c of the polynomial a·σ + b·σ³ + c·σ⁵."""


class NewtonSchulz(PytreeDataclass):
    """Polynomials that, applied in turn, move singular values in (0, 1] towards 1.

    X ← a·X + (b·XXᴴ + c·(XXᴴ)²)·X maps each singular value σ to a·σ + b·σ³ + c·σ⁵.

    Attributes:
        polynomials: (a, b, c) of each step; later steps use the last.
        margin: a factor ≥ 1 of the norm that the matrix is divided by first, so that
            rounding moves no σ above 1.

    Reference:
        Kovarik, "Some iterative methods for improving orthonormality", 1970; Björck &
        Bowie, "An iterative algorithm for computing the best estimate of an orthogonal
        matrix", 1971.

    Example:
        >>> import adamx
        >>> adamx.NEWTON_SCHULZ["newton"].steps(2)
        ((1.5, -0.5, 0.0), (1.5, -0.5, 0.0))
    """

    polynomials: tuple[Quintic, ...]
    margin: float = 1.0

    def steps(self, number: int) -> tuple[Quintic, ...]:
        """Return the polynomials of `number` steps."""
        more = number - len(self.polynomials)
        return (*self.polynomials[:number], *self.polynomials[-1:] * more)

    def slope(self, number: int) -> float:
        """Return the factor of the smallest singular values, and of rounding errors."""
        return math.prod(a for a, _, _ in self.steps(number)) / self.margin


def _with_margin(margin: float, *polynomials: Quintic) -> tuple[Quintic, ...]:
    """Return the polynomials of σ/margin."""
    return tuple((a / margin, b / margin**3, c / margin**5) for a, b, c in polynomials)


NEWTON_SCHULZ: Mapping[str, NewtonSchulz] = {
    # Jordan et al., "Muon", 2024: the steepest at 0. Results are in 0.7 to 1.2.
    "standard": NewtonSchulz(((3.4445, -4.7750, 2.0315),)),
    # You, 2025, in modded-nanogpt, and Dion: Ahn et al., 2025, arXiv:2504.05295.
    "dion": NewtonSchulz(
        (
            (4.0848, -6.8946, 2.9270),
            (3.9505, -6.3029, 2.6377),
            (3.7418, -5.5913, 2.3037),
            (2.8769, -3.1427, 1.2046),
            (2.8366, -3.0525, 1.2012),
        )
    ),
    # You, 2025: six steps map 0.003 to 1 into 0.9955 to 1.
    "you": NewtonSchulz(
        tuple(
            (a / 1024, b / 1024, c / 1024)
            for a, b, c in (
                (3955, -8306, 5008),
                (3735, -6681, 3463),
                (3799, -6499, 3211),
                (4019, -6385, 2906),
                (2677, -3029, 1162),
                (2172, -1833, 682),
            )
        )
    ),
    # Amsel et al., "The Polar Express", 2025, arXiv:2505.16932, algorithm 1: optimal in
    # each step for singular values above 10⁻³.
    "polar_express": NewtonSchulz(
        (
            *_with_margin(
                1.01,
                (8.28721201814563, -23.595886519098837, 17.300387312530933),
                (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
                (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
                (3.3184196573706015, -2.488488024314874, 0.51004894012372),
                (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
                (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
                (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
            ),
            (1.875, -1.25, 0.375),
        ),
        margin=1.01,
    ),
    # The Polar Express for exactly five steps, with a margin of 1.02 and larger
    # cushions: Dion2, Ahn et al., 2025, arXiv:2512.16928, and modded-nanogpt.
    "dion2": NewtonSchulz(
        (
            (8.156554524902461, -22.48329292557795, 15.878769915207462),
            (4.042929935166739, -2.808917465908714, 0.5000178451051316),
            (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
            (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
            (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
        ),
        margin=1.02,
    ),
    # Newton's iteration, of degree three, and its form of degree five: slow at first,
    # but they converge to exactly 1.
    "newton": NewtonSchulz(((1.5, -0.5, 0.0),)),
    "taylor": NewtonSchulz(((1.875, -1.25, 0.375),)),
}
"""Newton–Schulz polynomials by name."""


class Coefficients(Check):
    """A name in `NEWTON_SCHULZ`, three numbers, or three for each step."""

    def check(self, piece: str, name: str, value: Any) -> str | tuple[Any, ...]:
        if isinstance(value, str) and value in NEWTON_SCHULZ:
            return value
        rows = () if isinstance(value, str) else _rows(value)
        if not rows:
            raise TransformError(
                f"{piece}: {name} are unknown",
                expected=f"one of {list(NEWTON_SCHULZ)}, or (a, b, c), or some such",
                got=repr(value),
                hint=nearest(str(value), NEWTON_SCHULZ),
            )
        return rows


def _rows(value: Any) -> tuple[Quintic, ...]:
    """Return (a, b, c), or several, as a tuple of triples; () if it is neither."""
    try:
        outer = tuple(value)
        rows = outer if isinstance(outer[0], Iterable) else (outer,)
        found = tuple((float(a), float(b), float(c)) for a, b, c in rows)
    except (TypeError, ValueError, IndexError):
        return ()
    return found if all(map(math.isfinite, sum(found, ()))) else ()


NSCoeffs: TypeAlias = Annotated[str | tuple[Any, ...], Coefficients()]
"""A name in `NEWTON_SCHULZ`, (a, b, c), or a tuple of these, one a step."""


def newton_schulz(coefficients: str | tuple[Quintic, ...]) -> NewtonSchulz:
    """Return the polynomials of this name, or with these coefficients."""
    if isinstance(coefficients, str):
        return NEWTON_SCHULZ[coefficients]
    return NewtonSchulz(coefficients)


def orthogonalized(
    x: Array,
    method: NewtonSchulz,
    steps: int,
    eps: Scalar = 0.0,
    dtype: str | None = None,
) -> Array:
    """Return an approximation of U·Vᴴ for each matrix x = U·Σ·Vᴴ.

    The polynomials are applied to X = x / (margin·‖x‖ + ε). Matrices are the last two
    axes. Zero stays zero. If a matrix contains a NaN or ∞, its whole result is NaN.

    A tall X is transposed, so that XXᴴ has the shorter side. Products are computed in
    `dtype`, by default that of x; norms are computed in the dtype of x.
    """
    tall = x.shape[-2] > x.shape[-1]
    norm = norm_of(x.mT if tall else x, (-2, -1))
    unit, below, _ = divisors(norm, eps, method.margin)
    y = ((x.mT if tall else x) / unit / below).astype(dtype or x.dtype)
    for a, b, c in method.steps(steps):
        square = y @ y.mT.conj()
        inner = b * square + c * (square @ square) if c else b * square
        y = a * y + inner @ y
    return (y.mT if tall else y).astype(x.dtype)
