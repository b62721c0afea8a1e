// A page tested against ws-mock: `npm install && npm test`, with `ws-mock` on the path or its place in WS_MOCK.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";

// ---------------------------------------------------------------------------------------------------------------------
// The app: in your project this is your development server, which Playwright's `webServer` starts.

const APP = `<!doctype html>
<meta charset="utf-8">
<title>Stations</title>
<p role="status">connecting</p>
<ul></ul>
<script type="module">
  const url = new URLSearchParams(location.search).get("ws");
  const status = document.querySelector("[role=status]");
  const list = document.querySelector("ul");
  const show = (station) => {
    const line = document.getElementById(station.id) ?? list.appendChild(document.createElement("li"));
    line.id = station.id;
    line.textContent = station.id + " " + station.status;
  };
  function open() {
    const socket = new WebSocket(url);
    socket.onopen = () => {
      status.textContent = "online";
      const data = { fields: ["id", "status"], pagination: { limit: 10 } };
      socket.send(JSON.stringify({ type: "request", action: "getStations", data, requestId: 1 }));
    };
    socket.onmessage = ({ data }) => {
      const { type, data: content } = JSON.parse(data);
      if (type === "response") content.stations.forEach(show);
      if (type !== "update") return;
      for (const { stationId, updates } of content.updates) {
        if (document.getElementById(stationId)) show({ id: stationId, ...updates });
      }
    };
    socket.onclose = ({ code }) => {
      status.textContent = "offline, " + code;
      setTimeout(open, 500);
    };
  }
  open();
</script>`;

async function startApp() {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(APP));
  await once(server.listen(0, "localhost"), "listening");
  return { url: `http://localhost:${server.address().port}/`, stop: () => server.close() };
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

let app;
let mock;

test.beforeAll(async () => {
  [app, mock] = await Promise.all([startApp(), startMock("stations")]);
});
test.beforeEach(async ({ page }) => {
  // Data, timers, faults, journal and clock as at the start.
  await mock.control("POST", "reset");
  await page.goto(`${app.url}?ws=${encodeURIComponent(mock.ws)}`);
  await expect(page.getByRole("listitem")).toHaveCount(10);
});
test.afterAll(async () => {
  await mock?.stop();
  app?.stop();
});

test("the page asks for the fields that it shows", async () => {
  const asked = await mock.control("POST", "journal/wait", {
    match: { action: "getStations" },
    direction: "in",
    timeout: "5s",
  });
  expect(asked.message.data.fields).toEqual(["id", "status"]);
});

test("a station that fails shows as failed", async ({ page }) => {
  await mock.control("PATCH", "data/stations/station_007", { status: "error" });
  await expect(page.locator("#station_007")).toHaveText("station_007 error");
});

test("an hour of updates takes no time", async ({ page }) => {
  await mock.control("POST", "clock", { advance: "1h" });
  const { items } = await mock.control("GET", "data/stations?limit=10");
  for (const { id, status } of items) {
    await expect(page.locator(`#${id}`)).toHaveText(`${id} ${status}`);
  }
});

test("the page comes back after the server went away", async ({ page }) => {
  const { items } = await mock.control("GET", "connections");
  await mock.control("DELETE", `connections/${items.at(-1).id}?code=1012`);
  await expect(page.getByRole("status")).toHaveText("offline, 1012");
  await expect(page.getByRole("status")).toHaveText("online");
});
