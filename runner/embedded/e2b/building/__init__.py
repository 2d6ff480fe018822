"""Templates that people build: what upon, by which steps, and what is remembered of them."""
