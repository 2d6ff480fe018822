# tries: new namespaces of every kind, where it would have rights again
# must: each is refused, by every way to ask
# as: user, root
import errno

from attempt import call, contained, must, refused

for flag in (0x80, 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x7E020080):
    refused("unshare", flag)
    if flag != 0x80:
        must(call("clone", flag | 17, 0, 0, 0, 0) in (-errno.EPERM, -errno.EINVAL), f"clone with {flag:#x}")
must(call("clone3", 0, 0) == -errno.ENOSYS, "clone3")
contained()
