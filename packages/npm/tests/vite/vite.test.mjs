import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build, createServer, preview, resolveConfig } from "vite";
import { wsMock } from "ws-mock-server/vite";
import { getStations, open, until } from "../support.mjs";

let root;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "ws-mock-vite-"));
  await writeFile(join(root, "index.html"), "<!doctype html><title>app</title>");
});
after(() => rm(root, { recursive: true }));

const config = (options) => ({
  root,
  configFile: false,
  logLevel: "silent",
  server: { port: 0, host: "localhost" },
  preview: { port: 0, host: "localhost" },
  plugins: [wsMock(options)],
});

async function serving(t, options) {
  const server = await createServer(config(options));
  t.after(() => server.close());
  return server.listen();
}

const origin = ({ httpServer }) => `ws://localhost:${httpServer.address().port}`;

test("a development server proxies to its mock", async (t) => {
  const server = await serving(t, { scenario: "stations", seed: 5 });
  const mock = server.config.server.proxy["/ws"].target;

  const client = await open(`${origin(server)}/ws`, { origin: origin(server).replace("ws", "http") });
  client.send(getStations(1));
  assert.equal((await client.next()).requestId, 1);
  await client.close();

  await server.close();
  await until("the mock is gone", () => fetch(`${mock}/__mock/health`).then(() => false, () => true));
});

test("a restarted development server keeps its mock", async (t) => {
  const server = await serving(t, { scenario: "stations" });
  const before = server.config.server.proxy["/ws"].target;
  await server.restart();
  assert.equal(server.config.server.proxy["/ws"].target, before);
  await (await open(`${origin(server)}/ws`)).close();
});

test("HTTP below a given path is proxied too", async (t) => {
  const server = await serving(t, { scenario: "schedule", path: "/api" });
  const url = `${origin(server)}/api/schedule/tasks`;
  assert.equal((await fetch(url.replace("ws", "http"))).status, 200);
  await (await open(`${origin(server)}/api/ws`)).close();
});

test("a preview has the mock as well", async () => {
  const options = config({ scenario: "stations" });
  await build(options);
  const server = await preview(options);
  await (await open(`${origin(server)}/ws`)).close();
  const closed = once(server.httpServer, "close");
  await server.close();
  await closed;
});

test("different options start different mocks", async (t) => {
  const servers = await Promise.all([1, 2].map((seed) => serving(t, { scenario: "stations", seed })));
  const [one, other] = servers.map((server) => server.config.server.proxy["/ws"].target);
  assert.notEqual(one, other);
});

test("neither a build nor Vitest starts a mock", async (t) => {
  const options = config({ scenario: "no such scenario" });
  await resolveConfig(options, "build");
  process.env.VITEST = "true";
  t.after(() => delete process.env.VITEST);
  await resolveConfig(options, "serve", "test");
});

test("an unknown scenario stops Vite with the reason", async () => {
  await assert.rejects(createServer(config({ scenario: "statoins" })), /did not start[^]*statoins/);
});
