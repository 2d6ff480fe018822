"""Thin entry points that Prefect loads."""
