// npm's `ws` against the scenario `stations`: many requests in flight, every kind of id, binary JSON, pages that tile.
// Usage: node stations.mjs ws://localhost:PORT/ws
import assert from "node:assert/strict";
import WebSocket from "ws";

const socket = new WebSocket(process.argv[2]);
await new Promise((resolve, reject) => {
  socket.once("open", resolve);
  socket.once("error", reject);
});
const answers = [];
const waiting = [];
socket.on("message", (data, binary) => {
  assert.equal(binary, false);
  const text = data.toString();
  const next = waiting.shift();
  if (next) next(text);
  else answers.push(text);
});
const answer = () =>
  answers.length > 0 ? Promise.resolve(answers.shift()) : new Promise((resolve) => waiting.push(resolve));
const request = (id, data, action = "getStations") =>
  `{"type":"request","action":"${action}","data":${JSON.stringify(data)},"requestId":${id}}`;

// 200 in flight, answered in order.
for (let n = 0; n < 200; n++) socket.send(request(n, { pagination: { page: 1 + (n % 4), limit: 25 } }));
const pages = new Map();
for (let n = 0; n < 200; n++) {
  const { requestId, data } = JSON.parse(await answer());
  assert.equal(requestId, n);
  pages.set(data.page, data.stations.map((station) => station.id));
}
assert.equal(new Set([...pages.values()].flat()).size, 100, "pages tile");

// An id of any JSON type comes back with its very text.
for (const id of ["12345678901234567", "1.50", '"текст"', "null", "true", '{"a":[1, 2]}', "[]", "-0", "1e3"]) {
  socket.send(request(id, {}));
  assert.ok((await answer()).endsWith(`"requestId":${id}}`), id);
}

// A binary frame of JSON is read the same way.
socket.send(Buffer.from(request(1, { fields: ["status", "id", "status"], pagination: { limit: 1 } })));
const [station] = JSON.parse(await answer()).data.stations;
assert.deepEqual(Object.keys(station), ["status", "id"], "fields in the request's order, each once");

socket.close(1000);
await new Promise((resolve) => socket.once("close", resolve));
console.log("stations: ok");
