# tries: to raise the limits it was given
# must: each is refused
# as: user, root
import resource

from attempt import contained, must

for name in ("RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_RTPRIO", "RLIMIT_NICE"):
    which = getattr(resource, name)
    soft, hard = resource.getrlimit(which)
    must(hard != resource.RLIM_INFINITY, f"{name} has no limit")
    try:
        resource.setrlimit(which, (hard + 1, hard + 1))
    except (OSError, ValueError):
        continue
    must(False, f"{name} can be raised")
contained()
