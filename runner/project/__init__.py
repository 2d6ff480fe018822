"""Specs on disk: finding and reading files, their settings, what is asked of other programs."""
