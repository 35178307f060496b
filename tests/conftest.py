"""Shared by all tests: eight virtual devices, quick compilation, kept programs."""

import os
from importlib import metadata

from tests.places import ROOT

# The LAPACK threads of two workers wait for each other: an eigh takes 50 times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Most of the time of tests is compilation: of a program of three leaves XLA's older
# emitters, in one piece, need half as long. Nobody asks where its lines come from.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_force_host_platform_device_count=8"
    + " --xla_cpu_parallel_codegen_split_count=1"
)
# jaxlib 0.11.2 has no older emitters, and a flag that XLA does not know ends Python.
if tuple(map(int, metadata.version("jaxlib").split(".")[:3])) < (0, 11, 2):
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
# To hand a tiny program to another thread takes longer than to run it: a fifth of the
# time of tests that compute operation by operation.
os.environ.setdefault("JAX_CPU_ENABLE_ASYNC_DISPATCH", "false")
# Workers, later runs and the thorough tier read what one has compiled. To write what
# takes no time to compile costs a first run 5 %.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.02")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import gc
import itertools
import pathlib
import time
import warnings

import jax
import pytest

jax.config.update("jax_platforms", "cpu")

with warnings.catch_warnings():
    # Optax and chex use names that jax has since deprecated; not ours to fix.
    warnings.simplefilter("ignore")
    import chex  # noqa: F401
    import optax  # noqa: F401


CACHE = ROOT / ".jax_cache"
MAPS = pathlib.Path("/proc/self/maps")
MOST_MAPS = 8_000
_run = itertools.count(1)


def pytest_configure(config):
    """Delete programs older than a week, which no present code may need."""
    if not hasattr(config, "workerinput"):
        old = time.time() - 7 * 24 * 3600
        for program in CACHE.glob("*"):
            if program.stat().st_mtime < old:
                program.unlink()


def pytest_collection_modifyitems(items):
    """Run the optimized tests last: each change of mode drops what was compiled."""
    items.sort(key=lambda item: item.get_closest_marker("optimized") is not None)


def pytest_collection_finish():
    """Spare the garbage collector what stays, which it would look through each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)


@pytest.fixture(autouse=True)
def forget_programs():
    """Drop what was compiled, when it is much; and spare the collector what is new.

    Each program is mapped into memory, and Linux allows a process 65,530 maps; XLA
    crashes at the next one. With 8,000 a worker holds some 3 GB. A collection looks
    through all objects, a second long, and fifty tests ask for one.
    """
    yield
    if next(_run) % 20:
        return
    if MAPS.exists():
        with MAPS.open() as lines:
            if sum(1 for _ in lines) > MOST_MAPS:
                jax.clear_caches()
                gc.unfreeze()
                gc.collect()
    gc.freeze()


@pytest.fixture
def x64():
    """Enable float64 for one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(autouse=True)
def compiled_quickly(request):
    """Most programs run a few times here: what XLA gains by optimizing, it loses."""
    quickly = request.node.get_closest_marker("optimized") is None
    if jax.config.read("jax_disable_most_optimizations") != quickly:
        # What was compiled otherwise would be found again.
        jax.clear_caches()
        jax.config.update("jax_disable_most_optimizations", quickly)
