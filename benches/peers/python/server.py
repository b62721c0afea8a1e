"""The obvious Python mock of the stations back end: what ws-mock is compared with."""

import argparse
import asyncio
import json
import logging
import math
import random
import ssl
from datetime import datetime, timedelta, timezone

from websockets.asyncio.server import broadcast, serve

CITIES = [("Москва", 55.7558, 37.6176), ("Санкт-Петербург", 59.9311, 30.3609), ("Новосибирск", 55.0084, 82.9357),
          ("Екатеринбург", 56.8431, 60.6454), ("Казань", 55.8304, 49.0661), ("Нижний Новгород", 56.2965, 43.9361)]
DISTRICTS = ["Центральная", "Северная", "Южная", "Восточная", "Западная"]
OWNERS = ["РосЭнерго", "ЭлектроСеть", "GreenCharge", "PowerNet", "EcoStation", "ChargeMaster"]
APPS = ["ChargeApp", "EcoDriver", "PowerGO", "ElectricWay", "GreenRoute"]
STATUSES = ["active", "inactive", "maintenance", "error", "offline"]


def ago(minutes):
    moment = datetime.now(timezone.utc) - timedelta(minutes=minutes)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def station(n):
    city, lat, lng = CITIES[n % len(CITIES)]
    sessions = random.randint(50, 1000)
    return {"id": f"station_{n + 1:03}", "name": f"ЭЗС-{n + 1:03} {random.choice(DISTRICTS)}", "city": city,
            "owner": random.choice(OWNERS), "connectedApp": random.choice(APPS), "status": random.choice(STATUSES),
            "totalEnergy": random.randint(10000, 500000), "currentPower": random.randint(0, 150),
            "lastUpdate": ago(random.randint(0, 1440)),
            "coordinates": {"lat": round(lat + random.uniform(-0.3, 0.3), 6),
                            "lng": round(lng + random.uniform(-0.5, 0.5), 6)},
            "totalSessions": sessions, "successfulSessions": random.randint(math.ceil(sessions * 0.8), sessions),
            "errorsCount": random.randint(0, 50), "utilization": random.randint(20, 95)}


STATIONS = [station(n) for n in range(100)]


def matches(item, filters):
    for key, wanted in filters.items():
        if wanted is None or wanted == "" or key not in item:
            continue
        if key in ("city", "owner"):
            if str(wanted).lower() not in item[key].lower():
                return False
        elif item[key] != wanted:
            return False
    return True


def get_stations(data):
    pagination = data.get("pagination") or {}
    page, limit = pagination.get("page", 1), pagination.get("limit", 50)
    found = [item for item in STATIONS if matches(item, data.get("filters") or {})]
    shown = found[(page - 1) * limit:page * limit]
    if fields := data.get("fields"):
        shown = [{field: item[field] for field in fields if field in item} for item in shown]
    return {"stations": shown, "total": len(found), "page": page, "limit": limit}


def answer(text):
    request_id = None
    try:
        request = json.loads(text)
        request_id = request.get("requestId")
        if request["action"] != "getStations":
            raise ValueError(f"неизвестное действие {request['action']}")
        data = get_stations(request.get("data") or {})
        return {"type": "response", "action": request["action"], "data": data, "requestId": request_id}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return {"type": "error", "error": {"code": "INVALID_REQUEST", "message": str(error)}, "requestId": request_id}


def to_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


async def talk(socket):
    async for message in socket:
        await socket.send(to_json(answer(message)))


async def push(server, seconds):
    while True:
        await asyncio.sleep(seconds)
        updates = []
        for item in random.sample(STATIONS, 5):
            change = {"status": random.choice(STATUSES), "currentPower": random.randint(0, 150), "lastUpdate": ago(0)}
            item.update(change)
            updates.append({"stationId": item["id"], "updates": change})
        data = {"updates": updates, "timestamp": ago(0)}
        broadcast(server.connections, to_json({"type": "update", "action": "stationUpdate", "data": data}))


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--push", type=int, default=0, help="milliseconds; 30000 is the real back end's, 0 is off")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    options = parser.parse_args()
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)
    async with serve(talk, "127.0.0.1", options.port, ssl=tls, backlog=1024) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        pushing = push(server, options.push / 1000) if options.push else asyncio.Event().wait()
        await pushing


asyncio.run(main())
