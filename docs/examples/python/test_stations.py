"""A client tested against ws-mock: `pip install -r requirements.txt && pytest`, with `ws-mock` on the path or its place in WS_MOCK."""

import json
import os
import subprocess
import time
import urllib.request
from dataclasses import dataclass

import pytest
from websockets.sync.client import connect

# ----------------------------------------------------------------------------------------------------------------------
# The mock: on a free port, at a time that stands still.


@dataclass
class Mock:
    ws: str
    root: str

    def control(self, method, path, body=None):
        request = urllib.request.Request(
            self.root + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=70) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    ready = tmp_path_factory.mktemp("ws-mock") / "ready.json"
    options = ["--port", "0", "--no-ssl", "--ready-file", str(ready), "--clock", "2024-01-20T10:30:00Z", "--seed", "1"]
    binary = os.environ.get("WS_MOCK", "ws-mock")
    child = subprocess.Popen([binary, "serve", "stations", "-q", *options], stdout=subprocess.DEVNULL)
    try:
        # The file is there once connections are accepted, and whole from its first moment.
        while not ready.exists():
            assert child.poll() is None, f"ws-mock ended with {child.returncode}"
            time.sleep(0.01)
        urls = json.loads(ready.read_text())
        yield Mock(urls["ws"], urls["control"])
    finally:
        child.terminate()
        child.wait(timeout=10)


@pytest.fixture
def mock(running):
    yield running
    # Data, timers, faults, journal and clock as at the start.
    running.control("POST", "reset")


# ----------------------------------------------------------------------------------------------------------------------
# The client: in your project this is imported.


class StationFeed:
    def __init__(self, socket):
        self.socket = socket
        self.stations = {}
        self.asked = 0

    def load(self, **filters):
        self.asked += 1
        data = {"filters": filters}
        self.socket.send(json.dumps({"type": "request", "action": "getStations", "data": data, "requestId": self.asked}))
        while True:
            message = self.hear()
            if message.get("requestId") == self.asked:
                return message

    def hear(self):
        message = json.loads(self.socket.recv(timeout=10))
        data = message.get("data", {})
        for station in data.get("stations", []):
            self.stations[station["id"]] = station
        for change in data.get("updates", []):
            self.stations.setdefault(change["stationId"], {}).update(change["updates"])
        return message


@pytest.fixture
def feed(mock):
    with connect(mock.ws) as socket:
        yield StationFeed(socket)


# ----------------------------------------------------------------------------------------------------------------------


def test_the_filter_reaches_the_back_end(mock, feed):
    stations = feed.load(city="казань")["data"]["stations"]
    assert {station["city"] for station in stations} == {"Казань"}

    wanted = {"action": "getStations", "data": {"filters": {"city": "казань"}}}
    asked = mock.control("POST", "journal/wait", {"match": wanted, "direction": "in", "timeout": "5s"})
    assert asked["message"]["requestId"] == 1


def test_half_a_minute_brings_five_updates(mock, feed):
    feed.load()
    mock.control("POST", "clock", {"advance": "30s"})
    update = feed.hear()
    assert update["action"] == "stationUpdate"
    assert [change["updates"]["lastUpdate"] for change in update["data"]["updates"]] == ["2024-01-20T10:30:30.000Z"] * 5


def test_a_station_that_fails_shows_as_failed(mock, feed):
    feed.load()
    mock.control("PATCH", "data/stations/station_007", {"status": "error"})
    feed.hear()
    assert feed.stations["station_007"]["status"] == "error"


def test_an_error_is_told_and_the_next_attempt_works(mock, feed):
    mock.control("PUT", "faults", [{"kind": "error", "code": "SCENARIO_ERROR", "on": ["getStations"], "times": 1}])
    assert feed.load()["error"]["code"] == "SCENARIO_ERROR"
    assert feed.load()["data"]["total"] == 100
