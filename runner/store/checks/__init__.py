"""The checks of the store conformance suite, by subject."""
