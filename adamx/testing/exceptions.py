"""The laws that a public transform cannot keep, with the reasons.

They are declared only here, with the transforms that multiply rounding errors.
`docs/laws.md` lists them, and the tests check that each of them is needed.
"""

_HOPS = "ν hops around g² by a thousandth of it, and in float32 at other times"
_LEFT_OUT = "a step with a NaN in it is one to leave out"
_SEARCHES = "its search compares losses: what rounding changes there changes the step"
_RUNS_AWAY = "z adds up all steps, and while parameters are held it grows without end"
_RADIAL = "a gradient of ones along ones is no step on a sphere: the rest is rounding"
_HIDDEN = "an example that is NaN counts as zero, or it would show who is in the batch"

_SKIPPING = (
    "apply_if_finite",
    "dynamic_loss_scale",
    "skip_large_updates",
    "skip_not_finite",
    "skip_spikes",
)
_YOGI = "scale_by_yogi", "yogi", "yogi_moment"
_SCHEDULE_FREE = (
    "schedule_free",
    "schedule_free_adamw",
    "schedule_free_radam",
    "schedule_free_sgd",
)
_PRIVATE = "differentially_private_aggregate", "dpsgd"

EXCEPTIONS: dict[str, dict[str, str]] = {
    "MultiSteps": {
        "norms": "a NaN shows in the call that acts, not in those that accumulate",
    },
    **{name: {"norms": _LEFT_OUT} for name in _SKIPPING},
    **{name: {"long_runs": _HOPS} for name in _YOGI},
    "flatten": {
        "errors": "a vector of all leaves has no paths",
        "sharding": "a vector of all leaves has one place",
    },
    "lbfgs": dict.fromkeys(
        (
            "precision",
            "freezing",
            "norms",
            "transformations",
            "long_runs",
            "sharding",
        ),
        _SEARCHES,
    ),
    "scale_by_backtracking_linesearch": dict.fromkeys(
        ("precision", "long_runs"), _SEARCHES
    ),
    "scale_by_zoom_linesearch": {"long_runs": _SEARCHES},
    **{name: {"long_runs": _RUNS_AWAY} for name in _SCHEDULE_FREE},
    **{name: {"precision": _RADIAL} for name in ("hold_norm", "hyperball")},
    "hessian_moment": {
        "norms": "it emits curvature; gradients are not looked at, NaN in them neither",
    },
    **{name: {"norms": _HIDDEN} for name in _PRIVATE},
    "fused": {"differentiable": "a Pallas kernel has no derivatives; a loop has"},
    "zero_nans": {"norms": "NaN shows in its state, which is what it is for"},
    "set_to_zero": {"norms": "updates are zero, whatever comes in"},
    "freeze": {
        "norms": "gradients of frozen leaves are not looked at, NaN in them neither",
        "errors": "gradients of frozen leaves are not looked at, nor are their shapes",
    },
}
"""By the name of the builder, and the name of the law."""

_POLAR = (485.0, "five steps of a slope of 3.4445 at the smallest singular values")
_FIVE = (
    970.0,
    "five steps of the slopes of Dion2 at the smallest singular values",
)
_TURNS = (105.0, "eigenvectors turn by as much: λ₁ over the least gap, of 8×8 numbers")
_ROOTS = (228.0, "inverse fourth roots: a quarter of λ₁/λₙ, of 8×8 numbers")

_MENDS = (
    10.0,
    "the step takes back the rounding of ‖θ‖, which is 1/η times as large as its own",
)

GAINS: dict[str, tuple[float, str]] = {
    **dict.fromkeys(
        ("orthogonalize", "scale_by_muon", "muon", "normuon", "scion"), _POLAR
    ),
    "dion2": _FIVE,
    **dict.fromkeys(("hold_norm", "hyperball"), _MENDS),
    **dict.fromkeys(("in_eigenbasis", "scale_by_soap", "soap"), _TURNS),
    **dict.fromkeys(("scale_by_shampoo", "shampoo"), _ROOTS),
}
"""The factor by which a transform multiplies rounding errors of its input, and why.

Laws that allow for units in the last place allow so many times as many.
"""
