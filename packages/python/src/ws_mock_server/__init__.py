"""Starts ws-mock for a test and takes it in hand."""

from ._control import MockError
from ._mock import Collection, Connection, Entry, Mock, connect_mock
from ._process import StartError, start_mock

__all__ = [
    "Collection",
    "Connection",
    "Entry",
    "Mock",
    "MockError",
    "StartError",
    "connect_mock",
    "start_mock",
]
