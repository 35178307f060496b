"""Python in a new process."""

import subprocess
import sys
from typing import Any

from tests.places import ROOT


def python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout, and return what it has printed."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        **{"check": True, **options},
    )
