const { once } = require("node:events");
const { WS, default: Default } = require("ws-mock-server/ws");
const { expect, test, afterEach } = require("@jest/globals");
const { open } = require("./client.cjs");

afterEach(() => WS.clean());

test("messages are asserted as they come", async () => {
  expect(Default).toBe(WS);
  const server = new WS("ws://localhost:0", { jsonProtocol: true });
  await server.ready;
  const client = await open(server.url);
  await server.connected;
  client.send('{"type":"GREETING"}');
  await expect(server).toReceiveMessage({ type: "GREETING" });
  expect(server).toHaveReceivedMessages([{ type: "GREETING" }]);
  await expect(expect(server).toReceiveMessage({}, { timeout: 5 })).rejects.toThrow("no message was received within 5 ms");

  const heard = once(client, "message");
  server.send({ type: "CHITCHAT" });
  expect(String((await heard)[0])).toBe('{"type":"CHITCHAT"}');
  const closed = once(client, "close");
  server.close();
  await server.closed;
  expect((await closed)[0]).toBe(1000);
});
