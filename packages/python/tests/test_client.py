from __future__ import annotations

import ast
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ws_mock_server
from conftest import Client, until
from ws_mock_server import Mock, MockError, StartError, connect_mock, start_mock
from ws_mock_server._binary import binary

ClientOf = Callable[[Mock], Client]


def get_stations(request_id: int, **filters: str) -> dict[str, Any]:
    return {"type": "request", "action": "getStations", "requestId": request_id, "data": {"filters": filters}}


def test_received_finds_a_part_of_a_message(mock: Mock, client_of: ClientOf) -> None:
    client = client_of(mock)
    threading.Timer(0.05, client.send, [get_stations(7, city="казань")]).start()
    entry = mock.received({"action": "getStations", "data": {"filters": {"city": "казань"}}})
    assert entry["message"]["requestId"] == 7
    assert mock.received({"requestId": 7}, name="getStations")["seq"] == entry["seq"]
    with pytest.raises(AssertionError, match="within 50ms"):
        mock.received({"requestId": 7}, after=entry["seq"], timeout=50)


@pytest.mark.needs("nearest")
def test_a_missing_message_is_compared_with_the_nearest(mock: Mock, client_of: ClientOf) -> None:
    client = client_of(mock)
    client.send(get_stations(1, city="казань"))
    mock.received()
    with pytest.raises(AssertionError) as failure:
        mock.received({"data": {"filters": {"city": "москва"}}}, timeout="20ms")
    head, near, first, difference = str(failure.value).split("\n")
    assert head == 'no message received within 20ms has {"data":{"filters":{"city":"москва"}}}'
    assert near == "nearest:"
    assert "→ getStations {" in first
    assert difference == '    data.filters.city: wanted "москва", found "казань"'


def test_an_empty_journal_is_reported(mock: Mock) -> None:
    with pytest.raises(AssertionError, match="none was received at all\nhint: does the client connect"):
        mock.received({"action": "x"}, timeout=1)


def test_connected_awaits_a_client(mock: Mock, client_of: ClientOf) -> None:
    with pytest.raises(TimeoutError, match=f"no client connected to {mock.ws} within 0.03 s"):
        mock.connected(timeout=0.03)
    client_of(mock)
    assert mock.connected()["id"] == mock.connections()[0]["id"]


def test_edits_of_data_are_pushed(mock: Mock, client_of: ClientOf) -> None:
    client = client_of(mock)
    client.send(get_stations(1))
    client.next()
    stations = mock.data.stations
    assert stations.patch("station_007", {"status": "error"})["status"] == "error"
    assert client.next()["data"]["updates"][0]["stationId"] == "station_007"
    assert "station_007" in [station["id"] for station in stations.list(status="error")]
    assert len(stations.list()) == 100
    assert mock.data["stations"].list(limit=3, page=2)[0]["id"] == "station_004"
    stations.insert({"id": "station_901", "status": "active"})
    assert stations.put("station_901", {"status": "error"}) == {"id": "station_901", "status": "error"}
    stations.remove("station_901")
    with pytest.raises(MockError, match="station_901") as missing:
        stations.get("station_901")
    assert missing.value.status == 404


def test_list_follows_all_pages() -> None:
    with start_mock("stations", args=["--count", "stations=2345"]) as large:
        assert len({station["id"] for station in large.data.stations.list()}) == 2345


def test_the_clock_is_moved_by_hand(mock: Mock, client_of: ClientOf) -> None:
    client = client_of(mock)
    assert mock.clock.advance("30s") == "2024-01-20T10:30:30.000Z"
    assert client.next()["action"] == "stationUpdate"
    assert mock.clock.advance(500) == mock.clock.now() == "2024-01-20T10:30:30.500Z"
    mock.clock.run()
    with pytest.raises(MockError) as running:
        mock.clock.advance("1s")
    assert running.value.status == 409
    mock.clock.hold()


@pytest.mark.needs("clock-set")
def test_the_clock_is_set_to_a_time(mock: Mock) -> None:
    assert mock.clock.set("2024-01-20T11:00:00Z") == "2024-01-20T11:00:00.000Z"


def test_timers_are_changed_and_fired(mock: Mock, client_of: ClientOf) -> None:
    client = client_of(mock)
    mock.timers.set("stationUpdate", every="5s")
    assert mock.timers.list()[0]["every"] == "5s"
    mock.fire("stationUpdate")
    assert client.next()["action"] == "stationUpdate"


def test_a_message_goes_to_all_or_to_one(mock: Mock, client_of: ClientOf) -> None:
    one, other = client_of(mock), client_of(mock)
    assert mock.send({"type": "notice"}) == 2
    assert one.next() == other.next() == {"type": "notice"}
    assert mock.send({"type": "you"}, to={"connection": mock.connections()[1]["id"]}) == 1
    assert other.next() == {"type": "you"}


def test_a_trigger_is_pulled_with_its_arguments(client_of: ClientOf) -> None:
    with start_mock("towers", args=["--no-timers"]) as towers:
        client = client_of(towers)
        client.send({"type": "subscribe", "subscription": "alerts"})
        assert [client.next()["type"], client.next()["type"]] == ["welcome", "subscription_confirmed"]
        towers.trigger("alert", {"level": "critical", "message": "on fire", "tower_id": 3})
        assert client.next()["data"]["message"] == "on fire"


def test_faults_are_set_and_cleared(mock: Mock, client_of: ClientOf) -> None:
    assert mock.faults.set([{"kind": "error", "code": "BROKEN", "on": ["getStations"]}]) == mock.faults.list()
    client = client_of(mock)
    client.send(get_stations(1))
    assert client.next()["error"]["code"] == "BROKEN"
    mock.faults.clear()
    assert mock.faults.list() == []


def test_reset_restores_the_data_or_reseeds_it(mock: Mock) -> None:
    before = mock.data.stations.list()
    mock.data.stations.patch("station_001", {"city": "Elsewhere"})
    mock.reset()
    assert mock.data.stations.list() == before
    mock.reset(seed=3)
    assert mock.data.stations.list() != before


@pytest.mark.needs("worlds")
def test_worlds_have_their_own_data_clock_seed(mock: Mock, client_of: ClientOf) -> None:
    other = mock.world("other", seed=9, clock="2030-01-01T00:00:00Z")
    client_of(other)
    other.connected()
    assert mock.connections() == []
    other.data.stations.patch("station_007", {"city": "Elsewhere"})
    assert mock.data.stations.get("station_007")["city"] != "Elsewhere"
    assert other.clock.now() == "2030-01-01T00:00:00.000Z"
    other.stop()
    assert mock.clock.now() == "2024-01-20T10:30:00.000Z"


@pytest.mark.needs("tape")
def test_the_tape_is_downloaded(mock: Mock) -> None:
    assert mock.tape().startswith(b"{")


def test_connect_mock_uses_a_running_mock(mock: Mock) -> None:
    with connect_mock(mock.http) as same:
        assert (same.ws, same.control) == (mock.ws, mock.control)
    assert mock.clock.now() == same.clock.now()


def test_an_unsound_scenario_fails_with_its_problems(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("scenario: bad\non: { hello: [{ rply: 1 }] }\n")
    with pytest.raises(StartError, match=r"(?s)did not start \(exit code 2\):\n.*bad\.yaml:2.*rply"):
        start_mock("bad.yaml", cwd=tmp_path)


def test_a_missing_binary_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WS_MOCK_BINARY", "/nowhere/ws-mock")
    with pytest.raises(FileNotFoundError, match="/nowhere/ws-mock"):
        start_mock("echo")
    command = subprocess.run([sys.executable, "-m", "ws_mock_server"], capture_output=True, text=True)
    assert command.returncode == 1
    assert command.stderr.startswith("error: ws-mock cannot run: ")


def test_a_stopped_mock_says_so() -> None:
    mock = start_mock("echo")
    mock.stop()
    with pytest.raises(ConnectionError, match="(?s)does not answer: .*hint: it may have been stopped"):
        mock.clock.now()


FORGETFUL = "import sys, ws_mock_server; print(ws_mock_server.start_mock('echo').http, flush=True); {}"


def forgetful(then: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-c", FORGETFUL.format(then)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    return child, child.stdout.readline().strip()


def is_gone(url: str) -> bool:
    try:
        connect_mock(url)
    except ConnectionError:
        return True
    return False


def test_a_forgotten_mock_ends_with_its_process() -> None:
    child, url = forgetful("")
    assert child.wait() == 0
    until("the mock is gone", lambda: is_gone(url))


@pytest.mark.needs("exit-with-parent")
def test_a_killed_process_leaves_no_mock() -> None:
    child, url = forgetful("sys.stdin.read()")
    assert not is_gone(url)
    child.kill()
    until("the mock is gone", lambda: is_gone(url))
    child.wait()


@pytest.mark.parametrize("args", [["--version"], ["scenarios"], ["validate", "no.yaml"], ["serv"]])
def test_both_commands_say_what_the_binary_says(args: list[str]) -> None:
    def said(*command: str) -> tuple[int, str, str]:
        done = subprocess.run([*command, *args], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    expected = said(binary())
    assert said(str(Path(sys.executable).parent / "ws-mock")) == expected
    assert said(sys.executable, "-m", "ws_mock_server") == expected


def test_the_sources_are_of_python_3_9() -> None:
    for source in Path(ws_mock_server.__file__).parent.glob("*.py"):
        ast.parse(source.read_text(), feature_version=(3, 9))
