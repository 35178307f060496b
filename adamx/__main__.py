"""`python -m adamx`: the command `adamx`, if that is not on the PATH."""

import sys

from adamx.command.main import main

if __name__ == "__main__":
    sys.exit(main())
