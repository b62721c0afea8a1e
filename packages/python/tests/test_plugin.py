from __future__ import annotations

import os

import pytest

SUITE = """
import json

import pytest
from websockets.sync.client import connect


def ask(mock):
    with connect(mock.ws) as socket:
        socket.send(json.dumps({"type": "request", "action": "getStations", "requestId": 1, "data": {}}))
        return json.loads(socket.recv(timeout=10))


@pytest.mark.parametrize("n", range(12))
def test_is_alone(ws_mock, n):
    assert ws_mock.journal() == []
    assert ws_mock.data.stations.get("station_001")["city"] != "Elsewhere"
    ws_mock.data.stations.patch("station_001", {"city": "Elsewhere"})
    assert ask(ws_mock)["requestId"] == 1
    assert len(ws_mock.journal(direction="in")) == 1
"""


@pytest.fixture(autouse=True)
def ini(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nws_mock_scenario = stations\n")


@pytest.mark.parametrize("workers", ["0", "3"])
def test_each_test_is_alone(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(SUITE)
    pytester.runpytest_subprocess("-n", workers).assert_outcomes(passed=12)


def test_one_process_serves_all_tests_of_a_worker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        seen = set()

        def test_one(ws_mock):
            seen.add(ws_mock.ws)

        def test_other(ws_mock):
            assert seen == {ws_mock.ws}
        """
    )
    pytester.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=2)


def test_a_failing_test_shows_the_journal(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE + "\n\ndef test_fails(ws_mock):\n    ask(ws_mock)\n    assert False\n")
    result = pytester.runpytest_subprocess("-n", "2", "-k", "test_fails")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [r"-+ ws-mock journal -+", r"#\d+ .* → getStations \{\"type\":\"request\"", r"#\d+ .* ← getStations \{"]
    )


def test_the_nearest_marker_decides(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.ws_mock(clock="2024-01-20T10:30:00Z")

        def test_of_the_module(ws_mock):
            assert ws_mock.clock.now() == "2024-01-20T10:30:00.000Z"
            ws_mock.clock.advance("1h")

        def test_is_back(ws_mock):
            assert ws_mock.clock.now() == "2024-01-20T10:30:00.000Z"

        @pytest.mark.ws_mock(scenario="own.yaml", seed=3)
        def test_of_its_own(ws_mock):
            assert ws_mock.clock.now() == "2024-01-20T10:30:00.000Z"
            assert ws_mock.data.messages.list() == [{"id": 1}]
        """
    )
    pytester.makefile(".yaml", own="scenario: own\ndata: { messages: { key: id, items: [{ id: 1 }] } }\n")
    # A file is found from the root of the project, wherever pytest is run.
    os.chdir(pytester.mkdir("elsewhere"))
    pytester.runpytest_subprocess("..").assert_outcomes(passed=3)


def test_an_unknown_word_of_the_marker_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.ws_mock(scenari="echo")
        def test_it(ws_mock):
            pass
        """
    )
    result = pytester.runpytest_subprocess()
    result.stdout.fnmatch_lines(["*the marker `ws_mock` takes scenario=, clock= and seed=, got `scenari`*"])


def test_an_unknown_scenario_is_reported(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n\n@pytest.mark.ws_mock(scenario='statoins')\ndef test_it(ws_mock):\n    pass\n")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ws-mock did not start (exit code 2)*", "*statoins*"])
