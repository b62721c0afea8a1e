// The stock socket.io-client against the scenario `containers`, by each of its transports.
// Usage: node socketio.mjs http://localhost:PORT
import assert from "node:assert/strict";
import { io } from "socket.io-client";

const url = process.argv[2];
const control = async (method, path, body) => {
  const answer = await fetch(`${url}/__mock/${path}`, {
    method,
    headers: body ? { "content-type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
};

const within = (promise, what) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`no ${what} in time`)), 10_000)),
  ]);
const heard = (socket, event) => within(new Promise((resolve) => socket.once(event, resolve)), event);

const transports = { default: undefined, websocket: ["websocket"], polling: ["polling"] };

for (const [name, list] of Object.entries(transports)) {
  const options = list ? { transports: list, forceNew: true } : { forceNew: true };
  const socket = io(url, options);
  const hello = await heard(socket, "connection_response");
  assert.deepEqual(hello, { data: "Connected to EcoTracker server" });

  socket.emit("join_company", { company_id: 1 });
  assert.deepEqual(await heard(socket, "joined_company"), { company_id: 1 });

  const acknowledged = await within(
    new Promise((resolve) => socket.emit("join_company", { company_id: 2 }, resolve)),
    "acknowledgement",
  );
  assert.deepEqual(acknowledged, { company_id: 2 });

  // Any id is joined, known or not, in an object or bare; without one there is an error.
  for (const [sent, id] of [[{ company_id: 99 }, 99], ["company_123", "company_123"], [7, 7]]) {
    socket.emit("join_company", sent);
    assert.deepEqual(await heard(socket, "joined_company"), { company_id: id });
  }
  socket.emit("join_company");
  assert.equal(typeof (await heard(socket, "error")).message, "string");

  if (name === "default") {
    if (socket.io.engine.transport.name !== "websocket") {
      await within(new Promise((resolve) => socket.io.engine.once("upgrade", resolve)), "upgrade");
    }
    assert.equal(socket.io.engine.transport.name, "websocket");
  }

  // Two at once: a push to the room reaches both, each once.
  const other = io(url, options);
  await heard(other, "connection_response");
  other.emit("join_company", { company_id: 1 });
  await heard(other, "joined_company");
  const { items } = await control("GET", "rooms");
  assert.equal(items.find((room) => room.name === "company_1").count, 2);
  const both = Promise.all([heard(socket, "container_updated"), heard(other, "container_updated")]);
  await control("POST", "clock", { advance: "10s" });
  for (const update of await both) {
    assert.ok(update.container.id && update.location.status);
  }

  // Binary is refused politely, and the connection lives on.
  socket.emit("join_company", { company_id: 1 }, Buffer.from([1, 2, 3]));
  assert.match((await heard(socket, "error")).message, /binary/);
  socket.emit("join_company", { company_id: 3 });
  assert.deepEqual(await heard(socket, "joined_company"), { company_id: 3 });

  // As much at once as a client may hold back while it connects: all of it is acknowledged, in order.
  const order = [];
  const burst = Array.from(
    { length: 2000 },
    (_, n) => new Promise((resolve) => socket.emit("join_company", { company_id: 1 + (n % 3) }, () => resolve(order.push(n)))),
  );
  await within(Promise.all(burst), "end of the burst");
  assert.deepEqual(order, [...burst.keys()]);

  // The server closes: the client comes back by itself.
  const { items: here } = await control("GET", "connections");
  assert.equal(here.length, 2);
  const gone = heard(socket, "disconnect");
  await control("DELETE", `connections/${here[0].id}?code=1012`);
  assert.notEqual(await gone, "io server disconnect");
  await heard(socket, "connect");
  socket.emit("join_company", { company_id: 2 });
  assert.deepEqual(await heard(socket, "joined_company"), { company_id: 2 });

  other.disconnect();
  socket.disconnect();
  for (let left = 1; left > 0; ) {
    left = (await control("GET", "connections")).items.length;
  }
  console.log(`${name}: ok`);
}

// Another namespace is refused in the words of the reference server.
const elsewhere = io(`${url}/elsewhere`, { forceNew: true });
assert.equal((await heard(elsewhere, "connect_error")).message, "Invalid namespace");
elsewhere.disconnect();
console.log("namespaces: ok");
process.exit(0);
