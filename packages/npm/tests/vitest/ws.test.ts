import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import WebSocket from "ws";
import { WS } from "ws-mock-server/ws";

// Workers run side by side, so each takes a free port.
const URL_OF_ANY_PORT = "ws://localhost:0/feed";

afterEach(() => WS.clean());

async function connected(options?: { jsonProtocol: boolean }) {
  const server = new WS(URL_OF_ANY_PORT, options);
  await server.ready;
  const client = new WebSocket(server.url);
  return { server, client, socket: await server.connected };
}

const text = async (client: WebSocket) => (await once(client, "message"))[0].toString();

test("messages are kept, and yielded as they come", async () => {
  const { server, client } = await connected();
  client.send("hello");
  client.send("again");
  expect(await server.nextMessage).toBe("hello");
  await expect(server).toReceiveMessage("again");
  expect(server).toHaveReceivedMessages(["hello", "again"]);
  expect(server).not.toHaveReceivedMessages(["bye"]);
  expect(server.messages).toEqual(["hello", "again"]);
});

test("a message is sent to all clients", async () => {
  const { server, client, socket } = await connected();
  const other = new WebSocket(server.url);
  expect(await server.connected).not.toBe(socket);
  const heard = Promise.all([text(client), text(other)]);
  server.send("hello everyone");
  expect(await heard).toEqual(["hello everyone", "hello everyone"]);
});

test("one client is spoken to by its socket", async () => {
  const { client, socket } = await connected();
  const heard = text(client);
  socket.send("you");
  expect(await heard).toBe("you");
});

test("JSON is written and parsed", async () => {
  const { server, client } = await connected({ jsonProtocol: true });
  client.send('{ "type": "GREETING", "payload": [1] }');
  await expect(server).toReceiveMessage({ type: "GREETING", payload: [1] });
  client.send("no JSON");
  expect(await server.nextMessage).toBe("no JSON");
  const heard = text(client);
  server.send({ type: "CHITCHAT" });
  expect(await heard).toBe('{"type":"CHITCHAT"}');
});

test.each([0, 125, 126, 65_535, 65_536, 300_000])("%i bytes pass both ways", async (size) => {
  const { server, client } = await connected();
  const message = Buffer.alloc(size, "x");
  const heard = once(client, "message");
  client.send(message);
  server.send(await server.nextMessage);
  const [data, isBinary] = await heard;
  expect(isBinary).toBe(true);
  expect(data.equals(message)).toBe(true);
});

test("fragments, pings and Cyrillic letters are understood", async () => {
  const { server, client } = await connected();
  client.send("при", { fin: false });
  client.ping("are you there");
  client.send("вет", { fin: true });
  expect((await once(client, "pong"))[0].toString()).toBe("are you there");
  expect(await server.nextMessage).toBe("привет");
});

test("close sends its code and frees the port", async () => {
  const { server, client } = await connected();
  const closed = once(client, "close");
  await server.close({ code: 4001, reason: "enough" });
  await server.closed;
  const [code, reason] = await closed;
  expect([code, reason.toString()]).toEqual([4001, "enough"]);

  const next = new WS(server.url);
  await next.ready;
  new WebSocket(server.url);
  await next.connected;
});

test("clean closes all servers and forgets their messages", async () => {
  const { server, client } = await connected();
  client.send("hello");
  await server.nextMessage;
  const closed = once(client, "close");
  WS.clean();
  expect(WS.instances).toEqual([]);
  expect(server.messages).toEqual([]);
  expect((await closed)[0]).toBe(1000);
});

test("error makes the clients fail", async () => {
  const { server, client } = await connected();
  const failed = once(client, "error");
  const closed = new Promise((done) => client.once("close", done));
  server.error();
  await failed;
  expect(await closed).toBe(1006);
});

test("closed is settled when a client goes", async () => {
  const { server, client } = await connected();
  client.close(1000);
  await server.closed;
  const refused = new WS(server.url);
  await expect(refused.ready).rejects.toThrow(/cannot listen at .*EADDRINUSE.*\nhint: workers/s);
});

test("events are listened to", async () => {
  const server = new WS(URL_OF_ANY_PORT);
  await server.ready;
  server.on("connection", (socket) => socket.send("welcome"));
  server.on("message", (socket, message) => socket.send(`you said ${message}`));
  const client = new WebSocket(server.url);
  expect(await text(client)).toBe("welcome");
  client.send("hi");
  expect(await text(client)).toBe("you said hi");
});

test("an offered subprotocol is chosen", async () => {
  const server = new WS(URL_OF_ANY_PORT);
  await server.ready;
  const client = new WebSocket(server.url, ["graphql-transport-ws", "other"]);
  await once(client, "open");
  expect(client.protocol).toBe("graphql-transport-ws");
});

test("failing matchers show both sides", async () => {
  const { server, client } = await connected({ jsonProtocol: true });
  await expect(expect(server).toReceiveMessage({}, { timeout: 10 })).rejects.toThrow("no message was received within 10 ms");
  client.send('{"a":1}');
  await expect(expect(server).toReceiveMessage({ a: 2 })).rejects.toThrow(/the next message is another one[^]*"a": 2[^]*"a": 1/);
  expect(() => expect(server).toHaveReceivedMessages([{ a: 3 }])).toThrow(/some were not received[^]*"a": 3/);
  expect(() => new WS("wss://localhost:1")).toThrow("`WS` listens at ws:// only, got `wss://localhost:1`");
});
