from __future__ import annotations

import os
import sys
from pathlib import Path


def binary() -> str:
    """The binary: `WS_MOCK_BINARY`, else the one in this package."""
    named = os.environ.get("WS_MOCK_BINARY")
    if named:
        return named
    own = Path(__file__).parent / "bin" / ("ws-mock.exe" if sys.platform == "win32" else "ws-mock")
    if not own.exists():
        raise FileNotFoundError(
            f"`{own}` is missing: this is not an installed wheel\nhint: name a binary in `WS_MOCK_BINARY`"
        )
    return str(own)
