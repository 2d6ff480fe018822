"""The boxes of one edge: made, found, paused, kept, ended."""
