"""A mock in a test's hands: the control API of one world."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Union
from urllib.parse import quote, urlsplit

from ._control import MockError, call, query_text
from ._text import nothing_fits

CONNECTION_CHECK_SECONDS = 0.01
PAGE_ITEMS = 1_000
LAST_MESSAGES = 3

Entry = dict[str, Any]
Item = dict[str, Any]
Connection = dict[str, Any]
Timer = dict[str, Any]
Fault = dict[str, Any]
# Some classes have a method `list`, which hides the type.
Items = list[Item]
Key = Union[str, int]
# "300ms", or a number of milliseconds.
Time = Union[str, int, float]
Address = Union[str, Mapping[str, Any]]


class Mock:
    """One world of a running mock."""

    def __init__(self, ws: str, http: str, control: str, stop: Callable[[], None], name: str = "main") -> None:
        self.name = name
        self.ws = ws
        self.http = http
        self.control = control
        self.data = Data(self)
        self.timers = Timers(self)
        self.clock = Clock(self)
        self.faults = Faults(self)
        self._stop = stop
        self._main = self

    def connected(self, timeout: float = 5.0) -> Connection:
        """The newest open connection, awaited for `timeout` seconds if there is none."""
        end = time.monotonic() + timeout
        while True:
            connections = self.connections()
            if connections:
                return connections[-1]
            if time.monotonic() > end:
                raise TimeoutError(f"no client connected to {self.ws} within {timeout:g} s")
            time.sleep(CONNECTION_CHECK_SECONDS)

    def received(
        self, match: object = None, *, timeout: Time = "5s", name: str | None = None, after: int | None = None
    ) -> Entry:
        """The first message of a client that has everything in `match`, awaited if none has come yet."""
        wanted = {"match": match, "direction": "in", "timeout": timeout, "name": name, "after": after}
        body = {key: value for key, value in wanted.items() if value is not None}
        try:
            return self._object("POST", "journal/wait", body)
        except MockError as error:
            if error.status != 408:
                raise
            nearest = error.answer.get("nearest")
            last = self.journal(direction="in", limit=LAST_MESSAGES) if nearest is None else []
            message = nothing_fits(match, within(timeout), nearest or [], last)
        # A failing test shows what was near, and not how it was asked.
        raise AssertionError(message)

    def send(self, message: object, to: Address = "all", *, event: str | None = None) -> int:
        """Returns the number of clients that it was sent to."""
        body = {"to": {"all": True} if to == "all" else to, "message": message}
        sent = self._object("POST", "send", body if event is None else {**body, "event": event})["sent"]
        return int(sent)

    def trigger(self, name: str, args: Mapping[str, Any] | None = None) -> None:
        self._call("POST", f"triggers/{quoted(name)}", dict(args or {}))

    def fire(self, timer: str) -> None:
        """Runs a timer's turn now."""
        self._call("POST", f"timers/{quoted(timer)}/fire")

    def connections(self) -> list[Connection]:
        return self._items("connections")

    def disconnect(self, *, code: int = 1000, connection: str | None = None) -> None:
        """Closes one connection, or all."""
        if connection is not None:
            self._call("DELETE", f"connections/{quoted(connection)}?code={code}")
            return
        for each in self.connections():
            try:
                self.disconnect(code=code, connection=each["id"])
            except MockError as error:
                # It went by itself meanwhile.
                if error.status != 404:
                    raise

    def journal(
        self,
        *,
        name: str | None = None,
        connection: str | None = None,
        direction: str | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        query = {"name": name, "connection": connection, "direction": direction, "after": after, "limit": limit}
        return self._items(f"journal{query_text(query)}")

    def tape(self) -> bytes:
        return self._call("GET", "tape")

    def reset(self, *, seed: int | None = None) -> None:
        """Data, timers, faults, journal and clock as at the start; connections stay."""
        self._call("POST", "reset", {} if seed is None else {"seed": seed})

    def world(self, name: str, *, seed: int | None = None, clock: str | None = None) -> Mock:
        """Another world of the same process; with a seed or a clock it is made now, else on first use."""
        main = self._main
        if seed is not None or clock is not None:
            options = {"name": name, "seed": seed, "clock": clock}
            given = {key: value for key, value in options.items() if value is not None}
            call(main.control, "POST", "worlds", given)

        def remove() -> None:
            call(main.control, "DELETE", f"worlds/{quoted(name)}")

        inside = [in_world(url, name) for url in (main.ws, main.http, main.control)]
        other = Mock(inside[0], inside[1].rstrip("/"), inside[2], remove, name)
        other._main = main
        return other

    def stop(self) -> None:
        """Ends the process, or this world."""
        self._stop()

    def __enter__(self) -> Mock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<ws-mock {self.ws}>"

    def _call(self, method: str, path: str, body: object = None) -> bytes:
        return call(self.control, method, path, body)

    def _object(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._call(method, path, body))
        return answer

    def _items(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._object("GET", path)["items"]
        return items


class Data:
    """Collections by name: `mock.data.stations`, or `mock.data["chat-messages"]`."""

    def __init__(self, mock: Mock) -> None:
        self._mock = mock

    def __getattr__(self, name: str) -> Collection:
        # Python itself asks any object for these.
        if name.startswith("__"):
            raise AttributeError(name)
        return Collection(self._mock, name)

    def __getitem__(self, name: str) -> Collection:
        return Collection(self._mock, name)


class Collection:
    def __init__(self, mock: Mock, name: str) -> None:
        self._mock = mock
        self._path = f"data/{quoted(name)}"

    def list(self, **query: Any) -> Items:
        """All items, or those that `query` asks for: fields, `page` and `limit`."""
        if "page" in query or "limit" in query:
            return self._mock._items(self._path + query_text(query))
        found: Items = []
        page = 1
        while True:
            text = query_text({**query, "page": page, "limit": PAGE_ITEMS})
            answer = self._mock._object("GET", self._path + text)
            found += answer["items"]
            if not answer["items"] or len(found) >= answer["total"]:
                return found
            page += 1

    def get(self, key: Key) -> Item:
        return self._one("GET", key)

    def insert(self, item: Mapping[str, Any]) -> Item:
        return self._mock._object("POST", self._path, dict(item))

    def patch(self, key: Key, part: Mapping[str, Any]) -> Item:
        return self._one("PATCH", key, dict(part))

    def put(self, key: Key, item: Mapping[str, Any]) -> Item:
        return self._one("PUT", key, dict(item))

    def remove(self, key: Key) -> Item:
        return self._one("DELETE", key)

    def _one(self, method: str, key: Key, body: object = None) -> Item:
        return self._mock._object(method, f"{self._path}/{quoted(key)}", body)


class Timers:
    def __init__(self, mock: Mock) -> None:
        self._mock = mock

    def list(self) -> Items:
        return self._mock._items("timers")

    def set(self, name: str, *, every: Time | None = None, paused: bool | None = None) -> None:
        options = {"every": every, "paused": paused}
        self._mock._call(
            "PATCH", f"timers/{quoted(name)}", {key: value for key, value in options.items() if value is not None}
        )


class Clock:
    """Each method returns the mock's time."""

    def __init__(self, mock: Mock) -> None:
        self._mock = mock

    def now(self) -> str:
        return str(self._mock._object("GET", "clock")["now"])

    def hold(self) -> str:
        return self._change(mode="manual")

    def run(self) -> str:
        return self._change(mode="real")

    def advance(self, time: Time) -> str:
        return self._change(advance=time)

    def set(self, time: str) -> str:
        return self._change(set=time)

    def _change(self, **change: Time) -> str:
        return str(self._mock._object("POST", "clock", change)["now"])


class Faults:
    def __init__(self, mock: Mock) -> None:
        self._mock = mock

    def set(self, faults: Sequence[Fault]) -> Items:
        items: Items = self._mock._object("PUT", "faults", [*faults])["items"]
        return items

    def clear(self) -> None:
        self._mock._call("DELETE", "faults")

    def list(self) -> Items:
        return self._mock._items("faults")


def connect_mock(url: str) -> Mock:
    """A mock that something else started, such as `http://localhost:10009`; `stop` leaves it running."""
    there = urlsplit(url)
    origin = f"{there.scheme}://{there.netloc}"
    control = f"{origin}/__mock/"
    addresses: list[str] = json.loads(call(control, "GET", "info"))["addresses"]
    path = next((urlsplit(address).path for address in addresses if address.startswith("ws")), "/")
    return Mock(origin.replace("http", "ws", 1) + path, origin, control, lambda: None)


def in_world(url: str, name: str) -> str:
    there = urlsplit(url)
    return there._replace(path=f"/@{quoted(name)}{there.path or '/'}").geturl()


def quoted(name: Key) -> str:
    return quote(str(name), safe="")


def within(timeout: Time) -> str:
    if timeout == 0:
        return "so far"
    return f"within {timeout}" if isinstance(timeout, str) else f"within {timeout:g}ms"
