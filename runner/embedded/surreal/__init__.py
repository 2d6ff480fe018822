"""SurrealDB's own protocol in front of the engine in this process: a folder that many processes share."""
