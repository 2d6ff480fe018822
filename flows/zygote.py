"""`python -m flows.zygote SOCKET`: the process that `runner worker` copies for each flow run."""

from __future__ import annotations

import flows.run_spec  # noqa: F401 - copies have it
from runner.flow.prefork.zygote import main

if __name__ == "__main__":
    main()
