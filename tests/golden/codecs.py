"""Run bitsandbytes and torchao and store what they keep, with their versions.

    pip install -e '.[test,oracles]' && python -m tests.golden.codecs

Rewrites tests/golden/codecs.npz and its lines in tests/golden/versions.json.
"""

import importlib.metadata
import json
from pathlib import Path

import numpy as np

from tests import codec_oracles

HERE = Path(__file__).parent


def main() -> None:
    found = codec_oracles.bitsandbytes() | codec_oracles.torchao()
    np.savez_compressed(HERE / "codecs.npz", **found)  # pyright: ignore
    file = HERE / "versions.json"
    versions = json.loads(file.read_text())
    names = ("bitsandbytes", "numpy", "torch", "torchao")
    versions["codecs"] = {name: importlib.metadata.version(name) for name in names}
    file.write_text(json.dumps(dict(sorted(versions.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
