"""The kernels of the code interpreter's server: processes that run code piece by piece and keep their state."""
