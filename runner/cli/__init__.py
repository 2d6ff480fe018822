"""See docs/architecture.md."""

import gc

# Starting and checking make many objects and hardly any circles of them: to look for circles after every 700 takes a
# tenth of the time of `runner validate`. The processes that it starts inherit this.
gc.set_threshold(100_000)
