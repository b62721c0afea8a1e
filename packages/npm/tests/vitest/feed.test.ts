import { type Mock, startMock } from "ws-mock-server";
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { getStations, open } from "../support.mjs";

interface Station {
  id: string;
  city: string;
  status: string;
}
interface Stations {
  data: { stations: Station };
  received: { type: "request"; action: string; requestId: number; data: { filters: { city?: string } } };
}

let mock: Mock<Stations>;
beforeAll(async () => {
  mock = await startMock<Stations>("stations", { clock: "2024-01-20T10:30:00Z" });
});
afterEach(() => mock.disconnect());

test("toHaveReceived finds a part of a message", async () => {
  const client = await open(mock.ws);
  client.send(getStations(1, { city: "казань" }));
  await expect(mock).toHaveReceived({ action: "getStations", data: { filters: { city: "казань" } } });
  await expect(mock).not.toHaveReceived({ action: "getStationById" });
});

test("a failing matcher says what was awaited", async () => {
  await expect(expect(mock).toHaveReceived({ action: "x" }, { timeout: 1 })).rejects.toThrow('within 1ms has {"action":"x"}');
  const client = await open(mock.ws);
  client.send(getStations(4));
  await client.next();
  await expect(expect(mock).not.toHaveReceived({ requestId: 4 })).rejects.toThrow(/should not have been received was: #\d+ \{/);
  await expect(expect({} as Mock).toHaveReceived({})).rejects.toThrow("must be asked of a mock");
});

test("what one test changes", async () => {
  await mock.data.stations.patch("station_001", { city: "Elsewhere" });
  await mock.clock.advance("1h");
  await mock.faults.set([{ kind: "drop" }]);
});

test("is reset for the next", async () => {
  const station: Station = await mock.data.stations.get("station_001");
  expect(station.city).not.toBe("Elsewhere");
  expect(await mock.clock.now()).toBe("2024-01-20T10:30:00.000Z");
  expect(await mock.faults.list()).toEqual([]);
  expect(await mock.journal()).toEqual([]);
});

test("fake timers and fetch leave the mock alone", async () => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", () => Promise.reject(new Error("no network")));
  onTestFinished(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  await using other = await startMock("echo");
  await expect(other.connected({ timeout: 20 })).rejects.toThrow("no client connected");
});

describe.concurrent("tests side by side", () => {
  test.for([1, 2, 3, 4])("mock %i", async (n) => {
    await using own = await startMock("stations");
    const client = await open(own.ws);
    client.send(getStations(n));
    await expect(own).toHaveReceived({ requestId: n });
  });
});
