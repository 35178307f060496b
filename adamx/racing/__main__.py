"""`python -m adamx.racing race`, where the command `adamx` is not on the path."""

import sys

from adamx.racing.cli import main

if __name__ == "__main__":
    sys.exit(main())
