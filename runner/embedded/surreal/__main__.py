"""`python -m runner.embedded.surreal SETTINGS`: what `launch` starts."""

import sys

from runner.embedded.surreal.process import main

if __name__ == "__main__":
    sys.exit(main())
