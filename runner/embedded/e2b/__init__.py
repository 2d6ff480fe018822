"""E2B's protocol on loopback, without an account. docs/architecture.md gives the order in which to read it."""
