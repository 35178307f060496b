"""What all tests share: eight virtual devices, and parameters of awkward shapes."""

import os

# The LAPACK threads of two workers wait for each other: an eigh takes 50 times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
).strip()

import itertools
import warnings

import jax
import pytest

jax.config.update("jax_platforms", "cpu")

with warnings.catch_warnings():
    # Optax and chex use names that jax has since deprecated; not ours to fix.
    warnings.simplefilter("ignore")
    import chex  # noqa: F401
    import optax  # noqa: F401


PROGRAMS_OF_TESTS = 100
_run = itertools.count(1)


@pytest.fixture(autouse=True)
def forget_programs():
    """Drop what was compiled, now and then.

    Each program is mapped into memory, and Linux allows a process 65,530 maps; XLA
    crashes at the next one.
    """
    yield
    if next(_run) % PROGRAMS_OF_TESTS == 0:
        jax.clear_caches()


@pytest.fixture
def x64():
    """Enable float64 for one test."""
    with jax.enable_x64(True):
        yield
