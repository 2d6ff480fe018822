"""The local WebContainer: the servers of its page and its engine, npm, the tunnel to its ports, the shared browser."""
