"""Run the oracles that are libraries and store what they do, with their versions.

    pip install -e '.[test,oracles]' && python -m tests.golden.make [names]

Rewrites tests/golden/<spec>.npz and tests/golden/versions.json; with names, only those
specs whose names have one of them in it.
"""

import importlib.metadata
import json
import sys
from pathlib import Path

import jax
import numpy as np

from adamx.testing import trajectory
from tests.specs import SPECS

HERE = Path(__file__).parent
SEEDS = (0, 1)


def main(wanted: list[str]) -> None:
    file = HERE / "versions.json"
    versions = json.loads(file.read_text()) if file.exists() else {}
    for spec in SPECS:
        if spec.library and (not wanted or any(name in spec.name for name in wanted)):
            with jax.enable_x64(True):
                paths = [trajectory(spec.oracle, seed).path for seed in SEEDS]
            arrays = {
                f"{seed}/{leaf}": steps
                for seed, path in zip(SEEDS, paths, strict=True)
                for leaf, steps in path.items()
            }
            np.savez_compressed(HERE / f"{spec.name}.npz", **arrays)  # pyright: ignore
            versions[spec.name] = {
                name: importlib.metadata.version(name)
                for name in sorted({spec.library, "torch", "numpy", "jax"})
            }
    file.write_text(json.dumps(dict(sorted(versions.items())), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
