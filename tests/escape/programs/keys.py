# tries: the kernel's keyrings, which namespaces share
# must: each call is refused
# as: user, root
from attempt import contained, refused

for ring in (-1, -2, -3, -4, -5):
    refused("keyctl", 0, ring, 1, 0, 0)
    refused("add_key", b"user", b"k", b"secret", 6, ring)
refused("request_key", b"user", b"k", 0, -3)
contained()
