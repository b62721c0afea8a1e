"""Python's websockets against the scenario `towers`. Usage: towers.py WS_URL HTTP_URL"""

import asyncio
import json
import sys
import urllib.request

import websockets


def control(path, body):
    request = urllib.request.Request(
        f"{sys.argv[2]}/__mock/{path}",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


async def main():
    async with websockets.connect(sys.argv[1]) as socket:
        welcome = json.loads(await socket.recv())
        assert welcome["type"] == "welcome", welcome
        await socket.send(json.dumps({"type": "subscribe", "subscription": "kpi"}))
        confirmed = json.loads(await socket.recv())
        assert confirmed["type"] == "subscription_confirmed", confirmed
        await asyncio.to_thread(control, "clock", {"advance": "25s"})
        text = await socket.recv()
        update = json.loads(text)
        assert update["type"] == "kpi_update", update
        assert "\\u" not in text, "Arabic is not escaped"
        await asyncio.to_thread(control, "triggers/alert", {"level": "info", "message": "x", "tower_id": 1})
        await socket.send(json.dumps({"type": "ping"}))
        assert json.loads(await socket.recv())["type"] == "pong", "alerts go to their subscribers only"
    print("towers: ok")


asyncio.run(main())
