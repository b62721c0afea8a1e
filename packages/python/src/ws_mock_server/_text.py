"""The journal as text: one line a message, and why no message fits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

PREVIEW_CHARACTERS = 400


def line(entry: dict[str, Any]) -> str:
    arrow = "→" if entry["direction"] == "in" else "←"
    broken = f" ({entry['fault']})" if entry.get("fault") else ""
    head = f"#{entry['seq']} {entry['time'][11:23]} {entry['connection']} {arrow} {entry['name']}{broken}"
    return f"{head} {shown(entry['message'])}"


def journal_text(entries: Iterable[dict[str, Any]]) -> str:
    return "\n".join(line(entry) for entry in entries)


def nothing_fits(
    match: object, within: str, nearest: Sequence[dict[str, Any]], last: Sequence[dict[str, Any]]
) -> str:
    """`nearest` is what the server found; `last` the last messages, where it looked for none."""
    head = f"no message received {within} has {shown(match)}"
    if nearest:
        return "\n".join([head, "nearest:", *(text for near in nearest for text in near_miss(near))])
    if last:
        return "\n".join([head, "received last:", *(f"  {line(entry)}" for entry in last)])
    return f"{head}: none was received at all\nhint: does the client connect to this mock, and to this world?"


def near_miss(near: dict[str, Any]) -> list[str]:
    return [f"  {line(near['entry'])}", *(f"    {differs(each)}" for each in near["differences"])]


def differs(difference: dict[str, Any]) -> str:
    found = shown(difference["found"]) if "found" in difference else "nothing"
    return f"{difference['path'] or 'the message'}: wanted {shown(difference['wanted'])}, found {found}"


def shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= PREVIEW_CHARACTERS else f"{text[:PREVIEW_CHARACTERS]}…"
