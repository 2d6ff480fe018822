"""State stores: SurrealDB for real use, memory for tests and dry runs, one conformance suite for both."""
