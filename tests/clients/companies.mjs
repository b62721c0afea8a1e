// Two tabs of a dashboard come and go, so that the log of the scenario `containers` can be read afterwards.
// Usage: node companies.mjs http://localhost:PORT
import assert from "node:assert/strict";
import { io } from "socket.io-client";

const url = process.argv[2];
const heard = (socket, event) => new Promise((resolve) => socket.once(event, resolve));
const open = async (company) => {
  const socket = io(url, { forceNew: true, transports: ["websocket"] });
  await heard(socket, "connect");
  socket.emit("join_company", company);
  await heard(socket, "joined_company");
  return socket;
};

const first = await open({ company_id: 1 });
const second = await open("1");
const both = Promise.all([heard(first, "container_updated"), heard(second, "container_updated")]);
const advanced = await fetch(`${url}/__mock/clock`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ advance: "10s" }),
});
assert.ok(advanced.ok);
await both;
await new Promise((resolve) => first.emit("leave_company", { company_id: 1 }, resolve));
second.disconnect();
first.disconnect();
for (let left = 1; left > 0; ) {
  left = (await (await fetch(`${url}/__mock/connections`)).json()).items.length;
}
process.exit(0);
