"""Requests to the control API of a running mock."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlencode, urlsplit

# A minute is the longest that `journal/wait` waits.
TIMEOUT_SECONDS = 70.0


class MockError(Exception):
    """An answer of the control API that is an error."""

    def __init__(self, message: str, status: int, code: str, answer: dict[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.answer = answer


def call(root: str, method: str, path: str, body: object = None) -> bytes:
    url = urlsplit(root)
    payload = None if body is None else json.dumps(body)
    headers = {} if payload is None else {"content-type": "application/json"}
    connection = connect(url.scheme, url.netloc)
    try:
        connection.request(method, url.path + path, payload, headers)
        response = connection.getresponse()
        content = response.read()
    except OSError as error:
        message = f"the mock at {root} does not answer: {error}\nhint: it may have been stopped before this call"
        raise ConnectionError(message) from error
    finally:
        connection.close()
    if response.status >= 400:
        raise failure(f"{method} {path}", response.status, content)
    return content


def connect(scheme: str, netloc: str) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(netloc, timeout=TIMEOUT_SECONDS)
    # The mock runs on this machine, and Python does not trust its development certificate.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(netloc, timeout=TIMEOUT_SECONDS, context=context)


def failure(what: str, status: int, content: bytes) -> MockError:
    try:
        answer: dict[str, Any] = json.loads(content)
    except ValueError:
        answer = {}
    error = answer.pop("error", {})
    message = error.get("message", f"status {status}")
    return MockError(f"{what}: {message}", status, error.get("code", ""), answer)


def query_text(query: dict[str, Any]) -> str:
    given = {name: str(value) for name, value in query.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""
