"""`python -m runner.embedded.e2b [SETTINGS]`."""

import sys

from runner.embedded.e2b.server import main

if __name__ == "__main__":
    sys.exit(main())
