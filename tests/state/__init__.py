"""What tests of shared state are made of: a wire that fails, and processes that write."""
