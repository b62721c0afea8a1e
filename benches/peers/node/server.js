// The obvious Node mock of the stations back end: what ws-mock is compared with.
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const { parseArgs } = require("node:util");
const { WebSocket, WebSocketServer } = require("ws");

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    push: { type: "string", default: "0" }, // milliseconds; 30000 is the real back end's, 0 is off
    cert: { type: "string" },
    key: { type: "string" },
  },
});

const cities = [["Москва", 55.7558, 37.6176], ["Санкт-Петербург", 59.9311, 30.3609], ["Новосибирск", 55.0084, 82.9357],
  ["Екатеринбург", 56.8431, 60.6454], ["Казань", 55.8304, 49.0661], ["Нижний Новгород", 56.2965, 43.9361]];
const districts = ["Центральная", "Северная", "Южная", "Восточная", "Западная"];
const owners = ["РосЭнерго", "ЭлектроСеть", "GreenCharge", "PowerNet", "EcoStation", "ChargeMaster"];
const apps = ["ChargeApp", "EcoDriver", "PowerGO", "ElectricWay", "GreenRoute"];
const statuses = ["active", "inactive", "maintenance", "error", "offline"];
const int = (low, high) => low + Math.floor(Math.random() * (high - low + 1));
const pick = (list) => list[int(0, list.length - 1)];
const near = (centre, reach) => Number((centre + (Math.random() * 2 - 1) * reach).toFixed(6));

const stations = Array.from({ length: 100 }, (_, i) => {
  const number = String(i + 1).padStart(3, "0");
  const [city, lat, lng] = cities[i % cities.length];
  const totalSessions = int(50, 1000);
  return { id: `station_${number}`, name: `ЭЗС-${number} ${pick(districts)}`, city, owner: pick(owners),
    connectedApp: pick(apps), status: pick(statuses), totalEnergy: int(10000, 500000), currentPower: int(0, 150),
    lastUpdate: new Date(Date.now() - int(0, 86400000)).toISOString(),
    coordinates: { lat: near(lat, 0.3), lng: near(lng, 0.5) }, totalSessions,
    successfulSessions: int(Math.ceil(totalSessions * 0.8), totalSessions), errorsCount: int(0, 50),
    utilization: int(20, 95) };
});

function matches(station, filters) {
  return Object.entries(filters).every(([key, wanted]) => {
    if (wanted === null || wanted === "" || !(key in station)) return true;
    if (key !== "city" && key !== "owner") return station[key] === wanted;
    return station[key].toLowerCase().includes(String(wanted).toLowerCase());
  });
}

function getStations({ fields, filters, pagination }) {
  const { page = 1, limit = 50 } = pagination ?? {};
  const found = stations.filter((station) => matches(station, filters ?? {}));
  let shown = found.slice((page - 1) * limit, page * limit);
  if (fields?.length) {
    const known = fields.filter((field) => field in stations[0]);
    shown = shown.map((station) => Object.fromEntries(known.map((field) => [field, station[field]])));
  }
  return { stations: shown, total: found.length, page, limit };
}

function answer(text) {
  let requestId = null;
  try {
    const request = JSON.parse(text);
    requestId = request.requestId ?? null;
    if (request.action !== "getStations") throw new Error(`неизвестное действие ${request.action}`);
    return { type: "response", action: request.action, data: getStations(request.data ?? {}), requestId };
  } catch (error) {
    return { type: "error", error: { code: "INVALID_REQUEST", message: error.message }, requestId };
  }
}

const server = options.cert
  ? https.createServer({ cert: fs.readFileSync(options.cert), key: fs.readFileSync(options.key) })
  : http.createServer();
const sockets = new WebSocketServer({ server, path: "/ws" });
sockets.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (message) => socket.send(JSON.stringify(answer(message.toString()))));
});

function push() {
  const updates = Array.from({ length: 5 }, () => pick(stations)).map((station) => {
    const updates = { status: pick(statuses), currentPower: int(0, 150), lastUpdate: new Date().toISOString() };
    Object.assign(station, updates);
    return { stationId: station.id, updates };
  });
  const data = { updates, timestamp: new Date().toISOString() };
  const text = JSON.stringify({ type: "update", action: "stationUpdate", data });
  for (const socket of sockets.clients) if (socket.readyState === WebSocket.OPEN) socket.send(text);
}
if (Number(options.push) > 0) setInterval(push, Number(options.push));

server.listen(Number(options.port), "127.0.0.1", 1024, () => console.log(server.address().port));
