"""Try adamx as it is installed, on the Python and the jax at hand.

    python tests/project/trial.py

Needs chex beside adamx, and no pytest. `tests/project/versions.py` runs it in one
environment after another. A warning is an error here, because a name that jax
deprecates is gone in a later jax.

Python looks for modules first in the folder of the file that it runs. This file must
not lie in `tests/`, because `tests/inspect` would shadow the standard library's
`inspect`.
"""

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

# Each program runs twice, so that XLA would spend more time on it than it saves.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# For the law of sharding.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)

# Last, so that adamx is imported as it is installed, not from the checkout.
sys.path.append(str(Path(__file__).parents[2]))

import jax
import jax.numpy as jnp

with warnings.catch_warnings():
    # Names that chex imports are not ours to change.
    warnings.simplefilter("ignore")
    import chex  # noqa: F401

with warnings.catch_warnings():
    warnings.simplefilter("error")
    import adamx
    from adamx.command.main import main as command
    from adamx.testing import LAWS, Law, NotTried, Subject, examples, public_builders
    from adamx.testing.public import public_codecs
    from tests import pages
    from tests.places import ROOT

PARAMS = {"w": jnp.linspace(-1.0, 1.0, 16).reshape(4, 4), "b": jnp.ones(4)}
GRADS = jax.tree.map(jnp.cos, PARAMS)

Check = Callable[[], None]


def two_updates(subject: Subject) -> None:
    """Initialize a transform and update it twice."""
    _, state = subject.update(GRADS, subject.init(PARAMS), PARAMS)
    updates, _ = subject.update(GRADS, state, PARAMS)
    assert all(jnp.isfinite(u).all() for u in jax.tree.leaves(updates)), updates


def builders() -> Iterator[tuple[str, Check]]:
    """Yield two updates of the first example of every public builder."""
    for name, builder in public_builders().items():
        subject = Subject.of(next(examples(builder)))
        yield name, lambda subject=subject: two_updates(subject)


def stored() -> Iterator[tuple[str, Check]]:
    """Yield two updates of Adam for every public codec of its state."""
    for name, codec in public_codecs().items():
        adam, signed = adamx.adam(0.1), codec if codec.signed else None
        tx = adamx.stored(adam, signed, min_size=0, nu=codec)
        yield name, lambda tx=tx: two_updates(Subject.of(tx))


def kept_if_tried(law: Law, subject: Subject) -> None:
    """Check a law, unless it is about transforms of another kind."""
    with contextlib.suppress(NotTried):
        law.check(subject)


def laws() -> Iterator[tuple[str, Check]]:
    """Yield every law on Adam, and sharding on an encoded state in whole grids."""
    adam = adamx.adam(0.1)
    for law in LAWS:
        if law.name == "sharding":
            tx = adamx.stored(adam, adamx.int8(), min_size=0)
            yield law.name, lambda law=law, tx=tx: law.check(Subject.of(tx, full=True))
        else:
            yield law.name, lambda law=law: kept_if_tried(law, Subject.of(adam))


def migrated() -> None:
    """Carry a state over to a changed chain."""
    old, new = adamx.adam(0.1), adamx.chain(adamx.clip(1.0), adamx.adam(0.1))
    _, report = adamx.migrate(old.init(PARAMS), new, PARAMS, old)
    assert report.complete(), report


def raced() -> None:
    """Race two optimizers."""
    result = adamx.race(
        "valley", "sgd, adam", steps=4, rates=2, seeds=1, progress=False
    )
    assert {outcome.name for outcome in result.outcomes} == {"sgd", "adam"}


def commanded() -> None:
    """Run the command line; argparse differs between versions of Python."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        for words in ([], ["--version"], ["optimizers"], ["describe", "muon(1e-3)"]):
            assert command(words) == 0, words
    assert "adam_mini" in out.getvalue()
    with contextlib.redirect_stderr(io.StringIO()) as err:
        assert command(["race", "--steps", "many"]) == 2
    assert err.getvalue().count("\n") == 1, err.getvalue()


def toured() -> None:
    """Run the code of the tour; it prints what the page shows."""
    page = (ROOT / "docs" / "tour.md").read_text("utf-8")
    assert pages.written(page) == page, pages.written(page)


def checks() -> Iterator[tuple[str, Check]]:
    """Yield all checks, by name."""
    yield from builders()
    yield from stored()
    yield from laws()
    for check in (migrated, raced, commanded, toured):
        yield check.__name__, check


def main() -> int:
    """Run all checks; print what failed, and how many checks there were."""
    warnings.simplefilter("error")
    passed = failed = 0
    for name, check in checks():
        try:
            check()
        except Exception as error:
            failed += 1
            print(f"{name}: {type(error).__name__}: {error}")
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
