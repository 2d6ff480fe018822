"""Files replaced as a whole: whoever reads them sees the old text or the new one, never a part."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to a file that exists; its rights stay, and a symbolic link stays one. Raises OSError."""
    real = path.resolve(strict=True)
    with real.open("r+b"):
        pass  # a file that may not be written is not replaced either, although its folder would let us
    handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), real.stat().st_mode & 0o7777)
        draft.replace(real)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
