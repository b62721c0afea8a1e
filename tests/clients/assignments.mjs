// npm's `ws` against the scenario `assignments`: a master's day in two tabs, an order's chat, the administrator's figures.
// Usage: node assignments.mjs http://localhost:PORT MASTER_TOKEN CLIENT_TOKEN ADMIN_TOKEN; the master is user 5.
import assert from "node:assert/strict";
import WebSocket from "ws";

const [url, master, client, admin] = process.argv.slice(2);

async function open(token) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws`);
  const messages = [];
  const waiting = [];
  socket.on("message", (data) => {
    const message = JSON.parse(data);
    const next = waiting.shift();
    if (next) next(message);
    else messages.push(message);
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const tab = {
    socket,
    say: (message) => socket.send(JSON.stringify(message)),
    hear: () => (messages.length > 0 ? messages.shift() : new Promise((resolve) => waiting.push(resolve))),
    // What was sent before the pong has come before it.
    async silent() {
      tab.say({ type: "ping" });
      assert.deepEqual(await tab.hear(), { type: "pong" });
    },
  };
  if (token) {
    tab.say({ type: "auth", token });
    assert.equal((await tab.hear()).type, "auth_success");
  }
  return tab;
}

async function http(method, path, token, body) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  return [response.status, await response.json()];
}
const advance = async (time) => assert.equal((await http("POST", "/__mock/clock", null, { advance: time }))[0], 200);

// A bad token: the words, then 1008.
const stranger = await open();
stranger.say({ type: "auth", token: `${master}x` });
assert.equal((await stranger.hear()).type, "auth_error");
assert.equal(await new Promise((resolve) => stranger.socket.once("close", resolve)), 1008);

// Two tabs of one master, of which one is subscribed: that one gets the offer, with exactly these parts.
const [tab, other, app] = [await open(master), await open(master), await open(client)];
tab.say({ type: "subscribe_assignments" });
assert.equal((await tab.hear()).type, "subscribed_assignments");
await advance("20s");
const { type, assignment } = await tab.hear();
assert.equal(type, "new_assignment");
const parts = "id order_id device_type address problem_description expires_at attempt_number latitude longitude";
assert.deepEqual(Object.keys(assignment), parts.split(" "));
await other.silent();
assert.deepEqual(await http("GET", "/api/assignments/my", master), [200, [assignment]]);
assert.equal((await http("GET", "/api/assignments/my"))[0], 401);

// Taken: everyone of the order hears of it; its master is the master's own id, not the user's.
const orderId = assignment.order_id;
const [status, { order }] = await http("POST", `/api/assignments/${assignment.id}/accept`, master);
assert.deepEqual([status, order.status, order.masterId], [200, "assigned", 3]);
for (const one of [tab, other, app]) {
  const { timestamp, ...update } = await one.hear();
  assert.deepEqual(update, { type: "order_status_update", orderId, newStatus: "assigned" });
}
const changed = await app.hear();
assert.deepEqual(Object.keys(changed), ["type", "orderId", "status", "message", "masterName"]);
assert.equal((await http("POST", `/api/assignments/${assignment.id}/reject`, master))[0], 409);

// The chat: joined or not, each socket of the two gets a message once; what was not sent is left out.
app.say({ type: "join_order_chat", orderId: String(orderId) });
assert.deepEqual(await app.hear(), { type: "joined_order_chat", orderId });
const sent = { text: { message: "Еду", messageType: "text" }, image: { imageUrl: "https://example.test/1.jpg" } };
for (const [messageType, content] of Object.entries(sent)) {
  other.say({ type: "chat_message", orderId, ...content });
  const names = ["orderId", "messageId", "senderId", "senderName", "messageType"];
  const shown = Object.keys(content).filter((name) => name !== "messageType");
  for (const one of [tab, other, app]) {
    const message = await one.hear();
    assert.deepEqual(Object.keys(message), ["type", ...names, ...shown, "createdAt"]);
    assert.equal(message.messageType, messageType);
    await one.silent();
  }
}

// Every open connection is counted; one is subscribed.
const [, stats] = await http("GET", "/api/admin/websocket/stats", admin);
assert.deepEqual([stats.totalConnected, stats.totalSubscribed, stats.onShiftSubscriptions], [3, 1, 1]);
const { lastPing, ...subscription } = stats.subscriptions[0];
assert.deepEqual(subscription, { userId: 5, masterId: 3, subscribed: true, onShift: true, isActive: true });

// Of many messages in a second thirty are answered, each of the others is refused, and the connection lives.
const hasty = await open();
for (let n = 0; n < 300; n++) hasty.say({ type: "ping" });
const answers = [];
for (let n = 0; n < 300; n++) answers.push(await hasty.hear());
const refused = answers.filter(({ type }) => type === "error");
assert.ok(answers.slice(0, 30).every(({ type }) => type === "pong"));
assert.ok(refused.length > 0 && refused.every(({ message }) => message.includes("не больше 30 в секунду")));
assert.equal(hasty.socket.readyState, WebSocket.OPEN);

console.log("assignments: ok");
process.exit(0);
