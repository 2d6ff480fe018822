"""What every request passes first: the port, TLS, other origins, faults made on purpose, the way to a box."""
