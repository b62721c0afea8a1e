const { startMock } = require("ws-mock-server");
const { expect, test, beforeAll } = require("@jest/globals");
const { open } = require("./client.cjs");

let mock;
beforeAll(async () => {
  mock = await startMock("stations", { clock: "2024-01-20T10:30:00Z" });
});

test("toHaveReceived finds a part of a message", async () => {
  const client = await open(mock.ws);
  client.send(JSON.stringify({ type: "request", action: "getStations", requestId: 1, data: {} }));
  await expect(mock).toHaveReceived({ action: "getStations" });
  await expect(mock).not.toHaveReceived({ action: "getStationById" });
  await expect(expect(mock).toHaveReceived({ action: "x" }, { timeout: 1 })).rejects.toThrow("within 1ms has");
  client.close();
});

test("what one test changes", async () => {
  await mock.data.stations.patch("station_001", { city: "Elsewhere" });
});

test("is reset for the next", async () => {
  expect((await mock.data.stations.get("station_001")).city).not.toBe("Elsewhere");
});

test("fake timers do not concern the mock", async () => {
  jest.useFakeTimers();
  try {
    const other = await startMock("echo");
    await expect(other.connected({ timeout: 20 })).rejects.toThrow("no client connected");
    await other.stop();
  } finally {
    jest.useRealTimers();
  }
});
