"""The stack behind `runner up --all`: what belongs to it, how it is kept alive, and what is remembered of it."""
