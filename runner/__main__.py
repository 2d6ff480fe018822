"""`python -m runner` is the same as `runner`."""

from runner.cli.main import main

main()
