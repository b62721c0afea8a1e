from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect
from ws_mock_server import Mock, start_mock

pytest_plugins = ["pytester"]

HAS = os.environ.get("WS_MOCK_HAS", "").split(",")
FAR = 10.0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*names): capabilities of the binary, see packages/capabilities")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            if name not in HAS:
                pytest.skip(f"the binary has no {name} (packages/capabilities)")


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, message: object) -> None:
        self.socket.send(json.dumps(message))

    def next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=FAR))
        return message


@pytest.fixture
def client_of() -> Iterator[Callable[[Mock], Client]]:
    with ExitStack() as sockets:
        yield lambda mock: Client(sockets.enter_context(connect(mock.ws)))


@pytest.fixture(scope="module")
def stations() -> Iterator[Mock]:
    with start_mock("stations", clock="2024-01-20T10:30:00Z", seed=2) as mock:
        yield mock


@pytest.fixture
def mock(stations: Mock) -> Mock:
    stations.disconnect()
    until("all connections closed", lambda: not stations.connections())
    stations.reset()
    return stations


def until(what: str, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + FAR
    while not condition():
        assert time.monotonic() < end, f"not within {FAR} s: {what}"
        time.sleep(0.01)
