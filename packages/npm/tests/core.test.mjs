import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { MockError, connectMock, startMock } from "ws-mock-server";
import { getStations, isAlive, open, until, without } from "./support.mjs";

const CLOCK = "2024-01-20T10:30:00Z";

let mock;
before(async () => {
  mock = await startMock("stations", { clock: CLOCK, seed: 2 });
});
beforeEach(async () => {
  await mock.disconnect();
  await until("all connections closed", async () => (await mock.connections()).length === 0);
  await mock.reset();
});
after(() => mock?.stop());

test("received finds past and future messages", async () => {
  const awaited = mock.received({ action: "getStations", data: { filters: { city: "казань" } } });
  const client = await open(mock.ws);
  client.send(getStations(7, { city: "казань" }));
  const entry = await awaited;
  assert.equal(entry.message.requestId, 7);
  assert.equal(entry.direction, "in");
  assert.equal((await mock.received({ requestId: 7 }, { name: "getStations" })).seq, entry.seq);
  await assert.rejects(mock.received({ requestId: 7 }, { after: entry.seq, timeout: 50 }), /within 50ms/);
  assert.deepEqual((await mock.journal({ direction: "in" })).map(({ seq }) => seq), [entry.seq]);
});

test("connected awaits the first client", async () => {
  const awaited = mock.connected();
  await open(mock.ws);
  const [connection] = await mock.connections();
  assert.equal((await awaited).id, connection.id);
});

test("connected times out with the URL", async () => {
  await assert.rejects(mock.connected({ timeout: 30 }), { message: `no client connected to ${mock.ws} within 30 ms` });
});

test("edits of data are pushed", async () => {
  const client = await open(mock.ws);
  client.send(getStations(1));
  await client.next();
  const { stations } = mock.data;

  assert.equal((await stations.patch("station_007", { status: "error" })).status, "error");
  assert.equal((await client.next()).data.updates[0].stationId, "station_007");
  assert.equal((await stations.get("station_007")).status, "error");
  assert.equal((await stations.list({ status: "error" })).some(({ id }) => id === "station_007"), true);
  assert.equal((await stations.list()).length, 100);
  assert.equal((await stations.list({ limit: 3, page: 2 }))[0].id, "station_004");
  await stations.insert({ id: "station_901", status: "active" });
  assert.deepEqual(await stations.put("station_901", { status: "error" }), { id: "station_901", status: "error" });
  await stations.remove("station_901");
  await assert.rejects(stations.get("station_901"), (error) => error instanceof MockError && error.status === 404);
  await assert.rejects(mock.data.station.list(), /stations/);
});

test("list follows all pages", async (t) => {
  const large = await startMock("stations", { args: ["--count", "stations=2345"] });
  t.after(large.stop);
  const found = await large.data.stations.list();
  assert.equal(new Set(found.map(({ id }) => id)).size, 2345);
});

test("the clock is moved by hand", async () => {
  const client = await open(mock.ws);
  assert.equal(await mock.clock.now(), "2024-01-20T10:30:00.000Z");
  assert.equal(await mock.clock.advance("30s"), "2024-01-20T10:30:30.000Z");
  assert.equal((await client.next()).action, "stationUpdate");
  assert.equal(await mock.clock.advance(500), "2024-01-20T10:30:30.500Z");
  await mock.clock.run();
  await assert.rejects(mock.clock.advance("1s"), { status: 409 });
  await mock.clock.hold();
});

test("the clock is set to a time", { skip: without("clock-set") }, async () => {
  assert.equal(await mock.clock.set("2024-01-20T11:00:00Z"), "2024-01-20T11:00:00.000Z");
});

test("timers are listed, changed and fired", async () => {
  const client = await open(mock.ws);
  await mock.timers.set("stationUpdate", { every: "5s" });
  assert.equal((await mock.timers.list())[0].every, "5s");
  await mock.fire("stationUpdate");
  assert.equal((await client.next()).action, "stationUpdate");
  await assert.rejects(mock.fire("stationUpdates"), /stationUpdate/);
});

test("a message goes to all or to one", async () => {
  const [one, other] = [await open(mock.ws), await open(mock.ws)];
  assert.equal(await mock.send({ type: "notice" }), 2);
  assert.deepEqual([await one.next(), await other.next()], [{ type: "notice" }, { type: "notice" }]);
  const { id } = (await mock.connections())[1];
  assert.equal(await mock.send({ type: "you" }, { to: { connection: id } }), 1);
  assert.deepEqual(await other.next(), { type: "you" });
});

test("a trigger is pulled with its arguments", async (t) => {
  const towers = await startMock("towers", { args: ["--no-timers"] });
  t.after(towers.stop);
  const client = await open(towers.ws);
  assert.equal((await client.next()).type, "welcome");
  client.send({ type: "subscribe", subscription: "alerts" });
  assert.equal((await client.next()).type, "subscription_confirmed");
  await towers.trigger("alert", { level: "critical", message: "on fire", tower_id: 3 });
  assert.match(JSON.stringify(await client.next()), /on fire/);
});

test("faults are set, listed and cleared", async () => {
  await mock.faults.set([{ kind: "error", code: "BROKEN", on: ["getStations"] }]);
  assert.equal((await mock.faults.list())[0].kind, "error");
  const client = await open(mock.ws);
  client.send(getStations(1));
  assert.equal((await client.next()).error.code, "BROKEN");
  await mock.faults.clear();
  assert.deepEqual(await mock.faults.list(), []);
});

test("clients are disconnected with a code", async () => {
  const client = await open(mock.ws);
  const closed = once(client.socket, "close");
  await mock.disconnect({ code: 1012 });
  assert.equal((await closed)[0], 1012);
});

test("reset restores the data or reseeds it", async () => {
  const before = await mock.data.stations.list();
  await mock.data.stations.patch("station_001", { status: "error", city: "Nowhere" });
  await mock.reset();
  assert.deepEqual(await mock.data.stations.list(), before);
  await mock.reset({ seed: 3 });
  assert.notDeepEqual(await mock.data.stations.list(), before);
});

test("a missing message is compared with the nearest", { skip: without("nearest") }, async () => {
  const client = await open(mock.ws);
  client.send(getStations(1, { city: "казань" }));
  client.send({ type: "request", action: "getStationById", requestId: 2, data: { stationId: "station_001" } });
  await mock.received({ requestId: 2 });
  const wanted = { action: "getStations", data: { filters: { city: "москва" } } };
  await assert.rejects(mock.received(wanted, { timeout: "20ms" }), ({ message }) => {
    const [head, near, first, difference] = message.split("\n");
    assert.equal(head, `no message received within 20ms has ${JSON.stringify(wanted)}`);
    assert.equal(near, "nearest:");
    assert.match(first, /^ {2}#\d+ 10:30:00\.000 c\d+ → getStations \{"type":"request"/);
    assert.equal(difference, '    data.filters.city: wanted "москва", found "казань"');
    return true;
  });
});

test("a missing message shows the last ones", { skip: !without("nearest") && "the binary compares" }, async () => {
  const client = await open(mock.ws);
  client.send(getStations(1));
  await mock.received();
  await assert.rejects(mock.received({ action: "x" }, { timeout: 1 }), /received last:\n {2}#\d+ .* getStations/);
});

test("an empty journal is reported", async () => {
  await assert.rejects(mock.received({ action: "x" }, { timeout: 1 }), /none was received at all\nhint: does the app connect/);
});

test("worlds have their own data, clock, seed", { skip: without("worlds") }, async () => {
  const other = mock.world("other", { seed: 9, clock: "2030-01-01T00:00:00Z" });
  await other.ready;
  const client = await open(other.ws);
  await other.connected();
  assert.deepEqual(await mock.connections(), []);

  await other.data.stations.patch("station_007", { city: "Elsewhere" });
  assert.notEqual((await mock.data.stations.get("station_007")).city, "Elsewhere");
  assert.equal(await other.clock.now(), "2030-01-01T00:00:00.000Z");
  assert.notDeepEqual(await other.data.stations.get("station_001"), await mock.data.stations.get("station_001"));

  await client.close();
  await other.stop();
  assert.equal(await mock.clock.now(), "2024-01-20T10:30:00.000Z");
});

test("a world of first use begins fresh", { skip: without("worlds") }, async () => {
  await mock.data.stations.patch("station_007", { city: "Elsewhere" });
  const fresh = mock.world("fresh");
  assert.notEqual((await fresh.data.stations.get("station_007")).city, "Elsewhere");
  await fresh.stop();
});

test("a taken world name fails every call", { skip: without("worlds") }, async () => {
  await mock.world("taken", {}).ready;
  const again = mock.world("taken", { seed: 4 });
  await assert.rejects(again.ready, { status: 409 });
  await assert.rejects(again.journal(), { status: 409 });
});

test("the tape is downloaded", { skip: without("tape") }, async () => {
  const [header] = Buffer.from(await mock.tape()).toString().split("\n");
  assert.equal(typeof JSON.parse(header), "object");
});

test("connectMock uses a running mock", async () => {
  const same = await connectMock(mock.http);
  assert.deepEqual({ ws: same.ws, control: same.control }, { ws: mock.ws, control: mock.control });
  await same.stop();
  assert.equal(await mock.clock.now(), await same.clock.now());
});

test("an unsound scenario fails with its problems", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "ws-mock-test-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "bad.yaml"), "scenario: bad\non: { hello: [{ rply: 1 }] }\n");
  await assert.rejects(startMock("bad.yaml", { cwd: folder }), /did not start \(exit code 2\):[^]*bad\.yaml:2[^]*rply/);
});

test("a taken port is reported", async () => {
  const port = Number(new URL(mock.http).port);
  await assert.rejects(startMock("echo", { port }), /did not start \(exit code 1\):\n.*port `\d+`/);
});

test("a missing binary is named", async () => {
  const before = process.env.WS_MOCK_BINARY;
  process.env.WS_MOCK_BINARY = "/nowhere/ws-mock";
  try {
    await assert.rejects(startMock("echo"), /cannot be started: .*\/nowhere\/ws-mock/);
  } finally {
    if (before === undefined) delete process.env.WS_MOCK_BINARY;
    else process.env.WS_MOCK_BINARY = before;
  }
});

test("a stopped mock says so", async () => {
  const short = await startMock("echo");
  await short.stop();
  await assert.rejects(short.clock.now(), /does not answer: .*\nhint: it may have been stopped/s);
});

test("sixteen mocks run side by side", async () => {
  const mocks = await Promise.all(Array.from({ length: 16 }, () => startMock("echo")));
  assert.equal(new Set(mocks.map(({ ws }) => ws)).size, 16);
  await Promise.all(mocks.map((each) => each.stop()));
});

const FORGETFUL = `
  import { startMock } from "ws-mock-server";
  import { readFileSync } from "node:fs";
  const mock = await startMock("echo");
  console.log(mock.control);
`;

/** A process that starts a mock and forgets it; resolves with the mock's address. */
async function forgetful(t, more = "") {
  const child = spawn(process.execPath, ["--input-type=module", "-e", FORGETFUL + more], { cwd: import.meta.dirname });
  t.after(() => child.kill("SIGKILL"));
  const [line] = await once(child.stdout, "data");
  return { child, control: line.toString().trim() };
}

const isGone = (control) => fetch(`${control}health`).then(() => false, () => true);

test("a forgotten mock ends with its process", async (t) => {
  const { child, control } = await forgetful(t);
  if (child.exitCode === null) await once(child, "exit");
  assert.equal(child.exitCode, 0);
  await until("the mock is gone", () => isGone(control));
});

test("a killed process leaves no mock", { skip: without("exit-with-parent") }, async (t) => {
  const { child, control } = await forgetful(t, "setInterval(() => {}, 1000);");
  assert.equal(await isGone(control), false);
  child.kill("SIGKILL");
  await until("the mock is gone", () => isGone(control));
  assert.equal(isAlive(child.pid), false);
});
