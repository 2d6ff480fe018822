"""`python -m runner.embedded.e2b [--port 0] [--state FOLDER]`."""

import sys

from runner.embedded.e2b.server import main

if __name__ == "__main__":
    sys.exit(main())
