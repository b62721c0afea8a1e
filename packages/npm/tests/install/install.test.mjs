import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until, without } from "../support.mjs";

const dist = join(import.meta.dirname, "../../dist");

let project;
let binary;
before(() => {
  project = mkdtempSync(join(tmpdir(), "ws-mock-install-"));
  const tarballs = readdirSync(dist).map((name) => join(dist, name));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--silent", ...tarballs], { cwd: project });
  writeFileSync(join(project, "bad.yaml"), "scenario: bad\non: { hello: [{ rply: 1 }] }\n");
  const platform = `ws-mock-server-${process.platform}-${process.arch}`;
  binary = process.env.WS_MOCK_BINARY ?? createRequire(join(project, "index.js")).resolve(`${platform}/bin/ws-mock`);
});
after(() => rmSync(project, { recursive: true }));

const run = (command, ...args) => spawnSync(command, args, { cwd: project, encoding: "utf8" });
const npx = (...args) => run("npx", "ws-mock", ...args);
const said = ({ status, stdout, stderr }) => ({ status, stdout, stderr });

/** Starts a server; resolves when it listens. */
async function serving(t, command, ...args) {
  const readyFile = join(mkdtempSync(join(project, "ready-")), "ready.json");
  const options = ["--port=0", "--no-ssl", "-q", `--ready-file=${readyFile}`];
  const child = spawn(command, [...args, "serve", "echo", ...options], { cwd: project });
  let stdout = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.pipe(process.stderr);
  await until("it listens", () => existsSync(readyFile) && stdout.includes("\n"));
  const ready = JSON.parse(readFileSync(readyFile, "utf8"));
  const isGone = () => fetch(`${ready.control}health`).then(() => false, () => true);
  t.after(async () => {
    if (!(await isGone())) process.kill(ready.pid, "SIGKILL");
  });
  return { child, ready, stdout, gone: () => until("the mock is gone", isGone) };
}

const shim = () => join(project, "node_modules/.bin/ws-mock");

test("output and exit code are the binary's", () => {
  for (const args of [["--version"], ["scenarios"], ["validate", "bad.yaml"], ["serv"], ["serve", "nothing-like-it"]]) {
    assert.deepEqual(said(npx(...args)), said(run(binary, ...args)), args.join(" "));
  }
  assert.equal(npx("validate", "bad.yaml").status, 2);
});

test("standard output is the binary's own", async (t) => {
  const { child, ready, stdout } = await serving(t, "npx", "ws-mock");
  assert.equal(stdout, `listening on ${ready.ws}\n`);
  child.kill("SIGTERM");
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  test(`${signal} ends the mock gracefully`, async (t) => {
    const { child, gone } = await serving(t, shim());
    const exit = once(child, "exit");
    child.kill(signal);
    assert.deepEqual(await exit, [0, null]);
    await gone();
  });
}

test("the shim dies of the binary's signal", async (t) => {
  const { child, ready } = await serving(t, shim());
  const exit = once(child, "exit");
  process.kill(ready.pid, "SIGKILL");
  assert.deepEqual(await exit, [null, "SIGKILL"]);
});

for (const signal of ["SIGTERM", "SIGKILL"]) {
  test(`${signal} to npx leaves no mock`, async (t) => {
    const { child, gone } = await serving(t, "npx", "ws-mock");
    child.kill(signal);
    await gone();
  });
}

test("SIGKILL to the shim leaves no mock", { skip: without("exit-with-parent") }, async (t) => {
  const { child, gone } = await serving(t, shim());
  child.kill("SIGKILL");
  await gone();
});

test("both kinds of module start a mock", () => {
  const body = 'startMock("echo").then(async (mock) => { console.log(mock.ws); await mock.stop(); });';
  const esm = run("node", "--input-type=module", "-e", `import { startMock } from "ws-mock-server"; ${body}`);
  const cjs = run("node", "--input-type=commonjs", "-e", `const { startMock } = require("ws-mock-server"); ${body}`);
  for (const { stdout, stderr } of [esm, cjs]) assert.match(stdout, /^ws:\/\/localhost:\d+/, stderr);
});

test("a missing platform package is named", () => {
  const folder = mkdtempSync(join(project, "without-"));
  const main = readdirSync(dist).find((name) => /^ws-mock-server-\d/.test(name));
  writeFileSync(join(folder, "package.json"), "{}");
  execFileSync("npm", ["install", "--omit=optional", "--no-audit", "--no-fund", "--silent", join(dist, main)], { cwd: folder });
  rmSync(join(project, "node_modules", `ws-mock-server-${process.platform}-${process.arch}`), { recursive: true });
  const env = { ...process.env, WS_MOCK_BINARY: "" };
  const { status, stderr } = spawnSync(join(folder, "node_modules/.bin/ws-mock"), ["--version"], { encoding: "utf8", env });
  assert.equal(status, 1);
  assert.match(stderr, /^error: ws-mock cannot run: the package `ws-mock-server-\w+-\w+` .* is not installed\nhint: /);
});

test("the packages have no install scripts or dependencies", () => {
  const { scripts, dependencies, optionalDependencies, version } = JSON.parse(readFileSync(join(project, "node_modules/ws-mock-server/package.json"), "utf8"));
  assert.deepEqual({ scripts, dependencies }, { scripts: undefined, dependencies: undefined });
  assert.deepEqual(Object.values(optionalDependencies), [version]);
});
