"""Specs as deployments of a Prefect server: planned, compared, applied, taken back. Imports no Prefect."""
