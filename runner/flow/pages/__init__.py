"""What people see of a run in Prefect's pages beside its states: names, tags, output, artifacts."""
