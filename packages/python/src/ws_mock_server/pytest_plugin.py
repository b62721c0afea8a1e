"""The fixture `ws_mock`: one process a worker, reset before each test, its journal in a failing test's report."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from . import Mock, MockError, start_mock
from ._text import journal_text

OPTIONS = ("scenario", "clock", "seed")
Mocks = dict[tuple[Any, ...], Mock]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("ws_mock_scenario", "the scenario of the fixture `ws_mock`: a bundled one's name, or a file")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ws_mock(scenario=, clock=, seed=): what the fixture `ws_mock` plays")


@pytest.fixture(scope="session")
def ws_mock_processes() -> Iterator[Mocks]:
    """The processes of this worker, one for each scenario, clock and seed that its tests ask for."""
    mocks: Mocks = {}
    yield mocks
    for mock in mocks.values():
        mock.stop()


@pytest.fixture
def ws_mock(request: pytest.FixtureRequest, ws_mock_processes: Mocks) -> Mock:
    """A running mock, as new."""
    options = marked(request)
    key = tuple(options.get(name) for name in OPTIONS)
    mock = ws_mock_processes.get(key)
    if mock is None:
        mock = ws_mock_processes[key] = start_mock(**options, cwd=request.config.rootpath)
    else:
        mock.reset()
    return mock


def marked(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The nearest marker's words, over those of the class and the module, over the ini file's."""
    scenario = request.config.getini("ws_mock_scenario")
    options: dict[str, Any] = {"scenario": scenario} if scenario else {}
    for marker in reversed(list(request.node.iter_markers("ws_mock"))):
        unknown = sorted(set(marker.kwargs) - set(OPTIONS))
        if unknown or marker.args:
            found = ", ".join([f"`{name}`" for name in unknown] + [repr(value) for value in marker.args])
            raise pytest.UsageError(f"the marker `ws_mock` takes scenario=, clock= and seed=, got {found}")
        options.update(marker.kwargs)
    return options


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    mock = getattr(item, "funcargs", {}).get("ws_mock")
    if report.when == "call" and report.failed and isinstance(mock, Mock):
        report.sections.append(("ws-mock journal", journal_of(mock)))
    return report


def journal_of(mock: Mock) -> str:
    try:
        return journal_text(mock.journal())
    except (ConnectionError, MockError) as error:
        return str(error)
