"""What a box is made of and held by: files, namespaces, users, the filter of system calls."""
