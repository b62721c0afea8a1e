// An app's socket tested against ws-mock: `npm install && npm test`, with `ws-mock` on the path or its place in WS_MOCK.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import WebSocket from "ws";

// ---------------------------------------------------------------------------------------------------------------------
// The app: in your project this is imported.

class StationFeed {
  stations = new Map();
  #asked = new Map();
  #next = 1;

  static async open(url) {
    const feed = new StationFeed();
    feed.socket = new WebSocket(url);
    feed.socket.on("message", (data) => feed.#hear(JSON.parse(data)));
    await once(feed.socket, "open");
    return feed;
  }

  load(filters) {
    const requestId = this.#next++;
    const answer = new Promise((resolve, reject) => this.#asked.set(requestId, { resolve, reject }));
    this.socket.send(JSON.stringify({ type: "request", action: "getStations", data: { filters }, requestId }));
    return answer;
  }

  close() {
    this.socket.close();
    return once(this.socket, "close");
  }

  #hear({ type, data, error, requestId }) {
    if (type === "update") {
      for (const { stationId, updates } of data.updates) {
        this.stations.set(stationId, { ...this.stations.get(stationId), ...updates });
      }
      return;
    }
    const { resolve, reject } = this.#asked.get(requestId);
    this.#asked.delete(requestId);
    if (type === "error") return reject(new Error(error.code));
    for (const station of data.stations) this.stations.set(station.id, station);
    resolve(data);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The mock: on a free port, at a time that stands still.

async function startMock(scenario) {
  const folder = await mkdtemp(join(tmpdir(), "ws-mock-"));
  const readyFile = join(folder, "ready.json");
  const options = ["--port", "0", "--no-ssl", "--ready-file", readyFile, "--clock", "2024-01-20T10:30:00Z", "--seed", "1"];
  const child = spawn(process.env.WS_MOCK ?? "ws-mock", ["serve", scenario, "-q", ...options], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`ws-mock ended with ${code}`)));
  });
  ended.catch(() => {});
  const { ws, control } = await Promise.race([ended, written(readyFile)]);

  return {
    ws,
    async control(method, path, body) {
      const response = await fetch(control + path, {
        method,
        headers: { "content-type": "application/json" },
        body: body && JSON.stringify(body),
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer.error.message}`);
      return answer;
    },
    async stop() {
      const exit = once(child, "exit");
      child.kill();
      await exit;
      await rm(folder, { recursive: true });
    },
  };
}

// The file is there once connections are accepted, and whole from its first moment.
async function written(file) {
  for (;;) {
    try {
      return JSON.parse(await readFile(file, "utf8"));
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

let mock;
let feed;

beforeAll(async () => {
  mock = await startMock("stations");
});
beforeEach(async () => {
  feed = await StationFeed.open(mock.ws);
});
afterEach(async () => {
  await feed.close();
  // Data, timers, faults, journal and clock as at the start.
  await mock.control("POST", "reset");
});
afterAll(() => mock?.stop());

test("the filter reaches the back end", async () => {
  const { stations } = await feed.load({ city: "казань" });
  expect(new Set(stations.map((station) => station.city))).toEqual(new Set(["Казань"]));

  const asked = await mock.control("POST", "journal/wait", {
    match: { action: "getStations", data: { filters: { city: "казань" } } },
    direction: "in",
    timeout: "5s",
  });
  expect(asked.message.requestId).toBe(1);
});

test("half a minute brings five updates", async () => {
  await feed.load();
  const before = new Map(feed.stations);

  await mock.control("POST", "clock", { advance: "30s" });

  const changed = () => [...feed.stations.values()].filter((station) => station !== before.get(station.id));
  await expect.poll(() => changed().length).toBe(5);
  expect(changed().map((station) => station.lastUpdate)).toEqual(Array(5).fill("2024-01-20T10:30:30.000Z"));
});

test("a station that fails shows as failed", async () => {
  await feed.load();
  await mock.control("PATCH", "data/stations/station_007", { status: "error" });
  await expect.poll(() => feed.stations.get("station_007").status).toBe("error");
});

test("an error is told, and the next attempt works", async () => {
  await mock.control("PUT", "faults", [{ kind: "error", code: "SCENARIO_ERROR", on: ["getStations"], times: 1 }]);
  await expect(feed.load()).rejects.toThrow("SCENARIO_ERROR");
  expect((await feed.load()).total).toBe(100);
});
