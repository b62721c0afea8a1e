"""Python's websockets against the scenario `towers`. Usage: towers.py WS_URL HTTP_URL"""

import asyncio
import json
import sys
import urllib.request

import websockets


def control(path, body, method="POST"):
    request = urllib.request.Request(
        f"{sys.argv[2]}/__mock/{path}",
        method=method,
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

        await socket.send(json.dumps({"type": "subscribe"}))
        topics = {json.loads(await socket.recv())["subscription"] for _ in welcome["available_subscriptions"]}
        assert topics == set(welcome["available_subscriptions"]), topics
        for load in [90, 90.5]:
            await asyncio.to_thread(control, "data/towers/7", {"current_load": load}, "PATCH")
        alert = json.loads(await socket.recv())
        assert (alert["type"], alert["data"]["tower_id"]) == ("alert", 7), alert

        # Before this one: three messages in; a welcome, six confirmations, an update, a pong and an alert out.
        await socket.send(json.dumps({"type": "get_server_stats"}))
        stats = json.loads(await socket.recv())["stats"]
        assert stats["messages_received"] >= 3 and stats["messages_sent"] >= 10, stats
    print("towers: ok")


asyncio.run(main())
