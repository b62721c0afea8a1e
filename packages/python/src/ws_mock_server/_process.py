"""Starts the binary and ends it."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ._binary import binary
from ._mock import Mock

READY_CHECK_SECONDS = 0.005
STOP_SECONDS = 6.0
TLS_OPTIONS = ("--no-ssl", "--ssl", "--ssl-only", "--cert", "--key")


class StartError(Exception):
    """The binary ended before it listened; the message is what it wrote."""


def start_mock(
    scenario: str | None = None,
    *,
    clock: str | None = None,
    seed: int | str | None = None,
    port: int = 0,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    quiet: bool = True,
) -> Mock:
    """A process of its own, on a free port, playing a bundled scenario or a file.

    `clock` is `real` (default), `manual`, or the time to hold the clock at, such as `2024-01-20T10:30:00Z`.
    `args` are more options of `ws-mock serve`. `quiet=False` shows the log, otherwise it has warnings only.
    """
    with tempfile.TemporaryDirectory(prefix="ws-mock-") as folder:
        ready = Path(folder, "ready.json")
        child = subprocess.Popen(
            [binary(), "serve", *serve_arguments(scenario, clock, seed, port, args, quiet), f"--ready-file={ready}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, "WS_MOCK_EXIT_WITH_PARENT": str(os.getpid()), **(env or {})},
        )
        assert child.stderr
        log = Log(child.stderr)
        urls = written(ready, child, log)
    log.forward()
    atexit.register(child.kill)
    return Mock(urls["ws"], urls["http"], urls["control"], lambda: stop(child))


def serve_arguments(
    scenario: str | None, clock: str | None, seed: int | str | None, port: int, args: Sequence[str], quiet: bool
) -> list[str]:
    says_tls = any(arg.split("=")[0] in TLS_OPTIONS for arg in args)
    return [
        *([] if scenario is None else [scenario]),
        f"--port={port}",
        *([] if clock is None else [f"--clock={clock}"]),
        *([] if seed is None else [f"--seed={seed}"]),
        # The development certificate is not trusted by anyone yet.
        *([] if says_tls else ["--no-ssl"]),
        *(["-q"] if quiet else []),
        *args,
    ]


class Log(threading.Thread):
    """Keeps what the binary writes until it is known whether it started, and passes it on from then.

    To `sys.stderr` and not to the inherited descriptor, so that pytest shows it with the test.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._kept: list[str] | None = []
        self._lock = threading.Lock()
        self.start()

    def run(self) -> None:
        for line in self._stream:
            text = line.decode(errors="replace")
            with self._lock:
                if self._kept is None:
                    sys.stderr.write(text)
                else:
                    self._kept.append(text)

    def forward(self) -> None:
        with self._lock:
            sys.stderr.write(self.text())
            self._kept = None

    def text(self) -> str:
        return "".join(self._kept or [])


def written(ready: Path, child: subprocess.Popen[bytes], log: Log) -> dict[str, Any]:
    """The ready file appears whole, once connections are accepted."""
    while not ready.exists():
        if child.poll() is not None:
            log.join()
            raise StartError(f"ws-mock did not start (exit code {child.returncode}):\n{log.text().strip()}")
        time.sleep(READY_CHECK_SECONDS)
    urls: dict[str, Any] = json.loads(ready.read_text())
    return urls


def stop(child: subprocess.Popen[bytes]) -> None:
    atexit.unregister(child.kill)
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
