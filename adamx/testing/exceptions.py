"""The laws that a public transform cannot keep by its nature, with the reasons.

The one place where they are declared, and what multiplies rounding errors with them;
`docs/laws.md` lists them, and the tests see that each of them is needed.
"""

_HOPS = "ν hops around g² by a thousandth of it, and in float32 at other times"
_LEFT_OUT = "a step with a NaN in it is one to leave out"
_SEARCHES = "its search compares losses: what rounding changes there changes the step"
_RUNS_AWAY = "z adds up all steps, and while parameters are held it grows without end"
_RADIAL = "a gradient of ones along ones is no step on a sphere: the rest is rounding"
_HIDDEN = "an example that is NaN counts as zero, or it would show who is in the batch"

EXCEPTIONS: dict[str, dict[str, str]] = {
    "MultiSteps": {
        "norms": "a NaN shows in the call that acts, not in those that accumulate",
    },
    "apply_if_finite": {"norms": _LEFT_OUT},
    "skip_large_updates": {"norms": _LEFT_OUT},
    "skip_not_finite": {"norms": _LEFT_OUT},
    "skip_spikes": {"norms": _LEFT_OUT},
    "dynamic_loss_scale": {"norms": _LEFT_OUT},
    "scale_by_yogi": {"long_runs": _HOPS},
    "yogi": {"long_runs": _HOPS},
    "yogi_moment": {"long_runs": _HOPS},
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
    "schedule_free": {"long_runs": _RUNS_AWAY},
    "schedule_free_adamw": {"long_runs": _RUNS_AWAY},
    "schedule_free_radam": {"long_runs": _RUNS_AWAY},
    "schedule_free_sgd": {"long_runs": _RUNS_AWAY},
    "hold_norm": {"precision": _RADIAL},
    "hyperball": {"precision": _RADIAL},
    "hessian_moment": {
        "norms": "it emits curvature; gradients are not looked at, NaN in them neither",
    },
    "differentially_private_aggregate": {"norms": _HIDDEN},
    "dpsgd": {"norms": _HIDDEN},
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

GAINS: dict[str, tuple[float, str]] = {
    "orthogonalize": _POLAR,
    "scale_by_muon": _POLAR,
    "muon": _POLAR,
    "normuon": _POLAR,
    "scion": _POLAR,
    "dion2": _FIVE,
    "in_eigenbasis": _TURNS,
    "scale_by_soap": _TURNS,
    "soap": _TURNS,
    "scale_by_shampoo": _ROOTS,
    "shampoo": _ROOTS,
}
"""By how much rounding errors of what comes in are multiplied by nature, and why.

Where laws allow for units in the last place, it may be so many times as many.
"""
