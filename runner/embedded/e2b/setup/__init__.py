"""Making what templates need beyond the host's own programs: layers that `runner setup` puts into the data folder."""
