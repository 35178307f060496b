"""Every schedule in its forms, and what is known of each from elsewhere.

`make` takes a library, adamx or Optax: one line for both, as an import changes.
Formulas are those of the papers and manuals, in float64. PyTorch and Keras say what
their own schedule of the same values is.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Values = np.ndarray


class Case(NamedTuple):
    name: str
    make: Callable[[Any], Any]
    formula: Callable[[Values], Values]
    optax: bool = True
    torch: tuple[str, dict[str, Any]] | None = None
    """The class in torch.optim.lr_scheduler, and its options; the rate is `RATE`."""
    keras: tuple[str, dict[str, Any]] | None = None
    """The class in keras.optimizers.schedules, and its options."""
    lines: str = ""
    """Which way it goes: "down", "up", or neither."""


RATE = 0.1


def power(t, start, end, p, steps, begin=0):
    x = np.clip((t - begin) / steps, 0, 1)
    return end + (start - end) * (1 - x) ** p


def cosine(t, start, end, steps, p=1.0):
    x = np.clip(t / steps, 0, 1)
    return end + (start - end) * (0.5 * (1 + np.cos(np.pi * x))) ** p


def exponential(t, start, steps, rate, begin=0, stairs=False, end=None):
    x = np.maximum(t - begin, 0) / steps
    x = np.floor(x) if stairs else x
    with np.errstate(over="ignore"):
        value = start * rate**x
    if end is None:
        return value
    return np.maximum(value, end) if rate < 1 else np.minimum(value, end)


def warm(t, start, peak, steps, then):
    up = start + (peak - start) * t / max(steps, 1)
    return np.where(t < steps, up, then(np.maximum(t - steps, 0)))


def through(t, points):
    """Straight lines through (step, value) pairs."""
    steps, values = zip(*points, strict=True)
    return np.interp(t, steps, values)


def cosines(t, points):
    """Half periods of cosines through (step, value) pairs."""
    value = np.full(t.shape, points[-1][1])
    for (a, start), (b, end) in reversed([*itertools.pairwise(points)]):
        value = np.where(t < b, cosine(np.maximum(t - a, 0), start, end, b - a), value)
    return value


def cycle(peak, steps, end=0.01, start=None, warmup=0):
    return {
        "init_value": peak if start is None else start,
        "peak_value": peak,
        "warmup_steps": warmup,
        "decay_steps": steps,
        "end_value": end,
    }


def joined(t, *parts):
    """(beginning, function of the steps since) pairs."""
    value = np.zeros(t.shape)
    for begin, part in parts:
        value = np.where(t >= begin, part(np.maximum(t - begin, 0)), value)
    return value


def cycling(t, start, end, p, steps):
    whole = steps * np.maximum(np.ceil(t / steps), 1)
    return end + (start - end) * (1 - t / whole) ** p


def wsd(t, shape):
    x = np.clip((t - 50) / 40, 0, 1)
    return warm(t, 0.01, RATE, 20, lambda _: 0.01 + (RATE - 0.01) * shape(x))


CASES = [
    Case(
        "constant",
        lambda o: o.constant_schedule(RATE),
        lambda t: np.full(t.shape, RATE),
        lines="down",
    ),
    Case(
        "linear",
        lambda o: o.linear_schedule(0.02, RATE, 50),
        lambda t: power(t, 0.02, RATE, 1, 50),
        torch=("LinearLR", {"start_factor": 0.2, "total_iters": 50}),
        lines="up",
    ),
    Case(
        "linear_begin",
        lambda o: o.linear_schedule(RATE, 0.0, 70, 30),
        lambda t: power(t, RATE, 0.0, 1, 70, 30),
        lines="down",
    ),
    Case(
        "polynomial",
        lambda o: o.polynomial_schedule(RATE, 0.0, 2.5, 80),
        lambda t: power(t, RATE, 0.0, 2.5, 80),
        torch=("PolynomialLR", {"total_iters": 80, "power": 2.5}),
        keras=(
            "PolynomialDecay",
            {"decay_steps": 80, "end_learning_rate": 0.0, "power": 2.5},
        ),
        lines="down",
    ),
    Case(
        "polynomial_begin",
        lambda o: o.polynomial_schedule(0.01, RATE, 0.5, 60, 25),
        lambda t: power(t, 0.01, RATE, 0.5, 60, 25),
        lines="up",
    ),
    Case(
        "polynomial_cycle",
        lambda o: o.polynomial_schedule(RATE, 0.01, 2, 30, cycle=True),
        lambda t: cycling(t, RATE, 0.01, 2, 30),
        optax=False,
        keras=(
            "PolynomialDecay",
            {"decay_steps": 30, "end_learning_rate": 0.01, "power": 2.0, "cycle": True},
        ),
    ),
    Case(
        "cosine",
        lambda o: o.cosine_decay_schedule(RATE, 100, 0.1),
        lambda t: cosine(t, RATE, 0.01, 100),
        torch=("CosineAnnealingLR", {"T_max": 100, "eta_min": 0.01}),
        keras=("CosineDecay", {"decay_steps": 100, "alpha": 0.1}),
        lines="down",
    ),
    Case(
        "cosine_exponent",
        lambda o: o.cosine_decay_schedule(RATE, 90, 0.0, 1.7),
        lambda t: cosine(t, RATE, 0.0, 90, 1.7),
        lines="down",
    ),
    Case(
        "exponential",
        lambda o: o.exponential_decay(RATE, 1, 0.97),
        lambda t: exponential(t, RATE, 1, 0.97),
        torch=("ExponentialLR", {"gamma": 0.97}),
        keras=("ExponentialDecay", {"decay_steps": 1, "decay_rate": 0.97}),
        lines="down",
    ),
    Case(
        "exponential_staircase",
        lambda o: o.exponential_decay(RATE, 30, 0.5, staircase=True),
        lambda t: exponential(t, RATE, 30, 0.5, stairs=True),
        torch=("StepLR", {"step_size": 30, "gamma": 0.5}),
        keras=(
            "ExponentialDecay",
            {"decay_steps": 30, "decay_rate": 0.5, "staircase": True},
        ),
        lines="down",
    ),
    Case(
        "exponential_end",
        lambda o: o.exponential_decay(RATE, 20, 0.5, 10, False, 0.005),
        lambda t: exponential(t, RATE, 20, 0.5, 10, end=0.005),
        lines="down",
    ),
    Case(
        "exponential_growing",
        lambda o: o.exponential_decay(0.01, 20, 1.5, 10, True, RATE),
        lambda t: exponential(t, 0.01, 20, 1.5, 10, True, RATE),
        lines="up",
    ),
    Case(
        "warmup_exponential",
        lambda o: o.warmup_exponential_decay_schedule(
            0.0, RATE, 10, 20, 0.5, 5, True, 0.01
        ),
        lambda t: warm(
            t, 0.0, RATE, 10, lambda s: exponential(s, RATE, 20, 0.5, 5, True, 0.01)
        ),
    ),
    Case(
        "warmup_constant",
        lambda o: o.warmup_constant_schedule(0.01, RATE, 40),
        lambda t: power(t, 0.01, RATE, 1, 40),
        torch=("LinearLR", {"start_factor": 0.1, "total_iters": 40}),
        lines="up",
    ),
    Case(
        "warmup_cosine",
        lambda o: o.warmup_cosine_decay_schedule(0.01, RATE, 20, 100, 0.005, 1.5),
        lambda t: warm(t, 0.01, RATE, 20, lambda s: cosine(s, RATE, 0.005, 80, 1.5)),
    ),
    Case(
        "warmup_cosine_keras",
        lambda o: o.warmup_cosine_decay_schedule(RATE, 0.5, 20, 100, 0.05),
        lambda t: warm(t, RATE, 0.5, 20, lambda s: cosine(s, 0.5, 0.05, 80)),
        keras=(
            "CosineDecay",
            {
                "decay_steps": 80,
                "alpha": 0.1,
                "warmup_target": 0.5,
                "warmup_steps": 20,
            },
        ),
    ),
    Case(
        "no_warmup_cosine",
        lambda o: o.warmup_cosine_decay_schedule(0.0, RATE, 0, 100),
        lambda t: cosine(t, RATE, 0.0, 100),
        torch=("CosineAnnealingLR", {"T_max": 100}),
        lines="down",
    ),
    Case(
        "cosine_onecycle",
        lambda o: o.cosine_onecycle_schedule(99, RATE, 29 / 99),
        lambda t: cosines(t, [(0, RATE / 25), (29, RATE), (99, RATE / 25e4)]),
        torch=("OneCycleLR", {"max_lr": RATE, "total_steps": 100}),
    ),
    Case(
        "linear_onecycle",
        lambda o: o.linear_onecycle_schedule(99, RATE, 29 / 99, 58 / 99, 10.0, 1e3),
        lambda t: through(t, [(0, 0.01), (29, RATE), (58, 0.01), (99, 1e-5)]),
        torch=(
            "OneCycleLR",
            {
                "max_lr": RATE,
                "total_steps": 100,
                "anneal_strategy": "linear",
                "three_phase": True,
                "div_factor": 10.0,
                "final_div_factor": 1e3,
            },
        ),
    ),
    Case(
        "piecewise_constant",
        lambda o: o.piecewise_constant_schedule(RATE, {60: 0.1, 30: 0.1}),
        lambda t: RATE * np.where(t < 30, 1, np.where(t < 60, 0.1, 0.01)),
        torch=("MultiStepLR", {"milestones": [30, 60]}),
        keras=(
            "PiecewiseConstantDecay",
            {"boundaries": [29, 59], "values": [RATE, RATE * 0.1, RATE * 0.01]},
        ),
        lines="down",
    ),
    Case(
        "piecewise_linear",
        lambda o: o.piecewise_interpolate_schedule("linear", RATE, {20: 2.0, 70: 0.1}),
        lambda t: through(t, [(0, RATE), (20, 0.2), (70, 0.02)]),
    ),
    Case(
        "piecewise_cosine",
        lambda o: o.piecewise_interpolate_schedule("cosine", RATE, {20: 2.0, 70: 0.1}),
        lambda t: cosines(t, [(0, RATE), (20, 0.2), (70, 0.02)]),
    ),
    Case(
        "sgdr",
        lambda o: o.sgdr_schedule([cycle(RATE, 20), cycle(RATE, 40), cycle(RATE, 80)]),
        lambda t: joined(
            t,
            (0, lambda s: cosine(s, RATE, 0.01, 20)),
            (20, lambda s: cosine(s, RATE, 0.01, 40)),
            (60, lambda s: cosine(s, RATE, 0.01, 80)),
        ),
        torch=(
            "CosineAnnealingWarmRestarts",
            {"T_0": 20, "T_mult": 2, "eta_min": 0.01},
        ),
    ),
    Case(
        "sgdr_falling",
        lambda o: o.sgdr_schedule([cycle(RATE, 64, 0.01), cycle(0.055, 64, 0.01)]),
        lambda t: joined(
            t,
            (0, lambda s: cosine(s, RATE, 0.01, 64)),
            (64, lambda s: cosine(s, 0.055, 0.01, 64)),
        ),
        keras=(
            "CosineDecayRestarts",
            {"first_decay_steps": 64, "t_mul": 1.0, "m_mul": 0.5, "alpha": 0.1},
        ),
    ),
    Case(
        "sgdr_warm",
        lambda o: o.sgdr_schedule([cycle(RATE, 50, 0.0, 0.01, 10), cycle(0.05, 30)]),
        lambda t: joined(
            t,
            (
                0,
                lambda s: warm(s, 0.01, RATE, 10, lambda r: cosine(r, RATE, 0.0, 40)),
            ),
            (50, lambda s: cosine(s, 0.05, 0.01, 30)),
        ),
    ),
    Case(
        "join",
        lambda o: o.join_schedules(
            [
                o.linear_schedule(0.0, RATE, 15),
                o.constant_schedule(RATE),
                o.exponential_decay(RATE, 30, 0.5),
            ],
            [15, 40],
        ),
        lambda t: joined(
            t,
            (0, lambda s: power(s, 0.0, RATE, 1, 15)),
            (40, lambda s: exponential(s, RATE, 30, 0.5)),
        ),
    ),
    Case(
        "wsd_linear",
        lambda o: o.warmup_stable_decay_schedule(0.01, RATE, 20, 30, 40, 0.01),
        lambda t: wsd(t, lambda x: 1 - x),
        optax=False,
    ),
    Case(
        "wsd_cosine",
        lambda o: o.warmup_stable_decay_schedule(
            0.01, RATE, 20, 30, 40, 0.01, "cosine"
        ),
        lambda t: wsd(t, lambda x: 0.5 * (1 + np.cos(np.pi * x))),
        optax=False,
    ),
    Case(
        "wsd_sqrt",
        lambda o: o.warmup_stable_decay_schedule(
            0.01, RATE, 20, 30, 40, 0.01, decay_type="1-sqrt"
        ),
        lambda t: wsd(t, lambda x: 1 - np.sqrt(x)),
        optax=False,
    ),
    Case(
        "inverse_time",
        lambda o: o.inverse_time_decay_schedule(RATE, 0.5, 10),
        lambda t: RATE / (1 + 0.5 * t / 10),
        optax=False,
        keras=("InverseTimeDecay", {"decay_steps": 10, "decay_rate": 0.5}),
        lines="down",
    ),
    Case(
        "inverse_time_staircase",
        lambda o: o.inverse_time_decay_schedule(RATE, 0.5, 30, staircase=True),
        lambda t: RATE / (1 + 0.5 * (t // 30)),
        optax=False,
        keras=(
            "InverseTimeDecay",
            {"decay_steps": 30, "decay_rate": 0.5, "staircase": True},
        ),
        lines="down",
    ),
    Case(
        "inverse_sqrt",
        lambda o: o.inverse_sqrt_schedule(RATE, 16),
        lambda t: RATE / np.sqrt(1 + t / 16),
        optax=False,
        lines="down",
    ),
    Case(
        # The Transformer's, of width 512; its steps are counted from 1.
        "warmup_inverse_sqrt",
        lambda o: o.warmup_inverse_sqrt_schedule(0.0, (512 * 40) ** -0.5, 40),
        lambda t: 512**-0.5 * np.minimum(np.maximum(t, 1e-9) ** -0.5, t * 40**-1.5),
        optax=False,
    ),
]
