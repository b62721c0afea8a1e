"""The command `ws-mock`: becomes the binary."""

from __future__ import annotations

import os
import subprocess
import sys

from ._binary import binary


def main() -> None:
    try:
        file = binary()
        command = [file, *sys.argv[1:]]
        if sys.platform != "win32":
            os.execv(file, command)
        sys.exit(subprocess.call(command))
    except OSError as error:
        sys.exit(f"error: ws-mock cannot run: {error}")


if __name__ == "__main__":
    main()
