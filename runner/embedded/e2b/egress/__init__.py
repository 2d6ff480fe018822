"""The way out of a box: the proxy that looks, resolves and dials."""
