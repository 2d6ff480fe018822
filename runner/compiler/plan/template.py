"""Templates of boxes: whether one is the same in every run, and what it is called without its version."""

from __future__ import annotations

import re

_PINNED = re.compile(r".+@sha256:[0-9a-f]{64}|.+:(?!latest$|stable$|main$|default$)[^:@/]*|[a-z0-9]{20}")


def is_pinned(template: str) -> bool:
    """Whether a template names a version, a digest or an id, and so cannot change under the spec's feet."""
    return _PINNED.fullmatch(template) is not None


def family(template: str) -> str:
    """The name of a template without its version or digest."""
    return template.partition("@")[0].partition(":")[0]
