"""Run every oracle of tests/specs.py and store what it does, with the versions.

    pip install -e '.[test,oracles]' && python -m tests.golden.make

Rewrites tests/golden/golden.npz and tests/golden/versions.json.
"""

import importlib.metadata
import json
from pathlib import Path

import jax
import numpy as np

from tests.oracles import reference
from tests.specs import SPECS

HERE = Path(__file__).parent
SEEDS = (0, 1)


def main() -> None:
    arrays = {}
    with jax.enable_x64(True):
        for spec in SPECS:
            for seed in SEEDS:
                for leaf, steps in reference(spec, seed).path.items():
                    arrays[f"{spec.name}/{seed}/{leaf}"] = steps
    np.savez_compressed(HERE / "golden.npz", **arrays)
    names = ["torch", "keras", "jax", "numpy"]
    versions = {name: importlib.metadata.version(name) for name in names}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
