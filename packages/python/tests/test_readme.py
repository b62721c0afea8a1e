from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text()

APP = """
import json
from websockets.sync.client import connect


class App:
    def __init__(self, url):
        self.socket = connect(url, legacy=True)
        self.socket.send(json.dumps({"type": "request", "action": "getStations", "requestId": 1, "data": {}}))
        self.socket.recv(timeout=10)

    def status(self, station):
        update = json.loads(self.socket.recv(timeout=10))["data"]["updates"][0]
        assert update["stationId"] == station
        return update["updates"]["status"]


connect_your_app = App
"""


def test_the_readme_runs(pytester: pytest.Pytester) -> None:
    (ini,) = re.findall(r"^```ini\n(.*?)^```$", README, re.M | re.S)
    with_pytest, without = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
    pytester.makeini(ini)
    pytester.makepyfile(APP + with_pytest)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
    assert pytester.runpython(pytester.makepyfile(script=APP + without)).ret == 0
