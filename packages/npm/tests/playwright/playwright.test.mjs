import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { until, without } from "../support.mjs";

const cli = join(dirname(createRequire(import.meta.url).resolve("@playwright/test/package.json")), "cli.js");
const skip = without("worlds");

/** Runs a spec in Playwright; its temporary files are the test's own. */
async function playwright(t, spec, watch = async () => {}) {
  const folder = await mkdtemp(join(tmpdir(), "ws-mock-playwright-test-"));
  // The workers of a killed runner may still write.
  t.after(() => rm(folder, { recursive: true, maxRetries: 20 }));
  const report = join(folder, "report");
  const env = { ...process.env, SPEC: spec, REPORT: report, RESULTS: join(folder, "results"), TMPDIR: folder };
  const child = spawn(process.execPath, [cli, "test", "-c", import.meta.dirname], { env, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.resume();
  const exit = once(child, "exit");
  await watch(child, report);
  const [code] = await exit;
  const text = await readFile(report, "utf8");
  const left = async () => (await readdir(folder)).filter((name) => name.startsWith("ws-mock-playwright-"));
  return { code, text, tests: text.startsWith("{") ? flat(JSON.parse(text)) : [], left };
}

/** The results of a report's suites, each with its title and annotations. */
function flat({ suites = [], specs = [] }) {
  const tests = specs.flatMap(({ title, tests }) => tests.map((test) => ({ title, ...test })));
  const results = tests.flatMap(({ title, annotations, results }) =>
    results.map((result) => ({ ...result, title, annotations })),
  );
  return [...results, ...suites.flatMap(flat)];
}

/** The mocks that tests noted as annotations. */
function mocksOf(tests) {
  const notes = tests.flatMap(({ annotations }) => annotations).filter(({ type }) => type === "mock");
  return new Set(notes.map(({ description }) => description));
}

const health = (ws) => fetch(new URL("/__mock/health", ws.replace("ws:", "http:")));
const goneWith = (mocks) => until("the mock is gone", () => health([...mocks][0]).then(() => false, () => true));

test("parallel tests share a process and nothing else", { skip }, async (t) => {
  const { code, tests } = await playwright(t, "{isolation,seed}.spec.ts");
  assert.deepEqual(tests.filter(({ status }) => status !== "passed").map(({ title, error }) => [title, error]), []);
  assert.equal(code, 0);
  assert.equal(tests.length, 9);
  const mocks = mocksOf(tests);
  assert.equal(mocks.size, 1, `one process: ${[...mocks]}`);
  assert.ok(new Set(tests.map(({ workerIndex }) => workerIndex)).size > 1, "several workers");
  await goneWith(mocks);
});

test("a failing test attaches journal and tape", { skip }, async (t) => {
  const { code, tests } = await playwright(t, "failing.spec.ts");
  assert.equal(code, 1);
  assert.equal(tests.length, 2);
  assert.equal(new Set(tests.map(({ workerIndex }) => workerIndex)).size, 2);
  assert.equal(mocksOf(tests).size, 1);
  for (const { error, attachments } of tests) {
    assert.match(error.message, /no message received within 20ms has \{"action":"getNothing"\}\nnearest:\n.* getStations/);
    const [journal, tape] = ["ws-mock journal", "ws-mock tape"].map((name) => attachments.find((each) => each.name === name));
    const text = Buffer.from(journal.body, "base64").toString();
    assert.match(text, /^#\d+ 10:30:00\.000 c1 → getStations \{.*\n#\d+ 10:30:00\.000 c1 ← getStations \{/);
    assert.ok(tape.body.length > 0);
  }
});

test("a killed runner leaves no mock", { skip: skip || without("exit-with-parent") }, async (t) => {
  const { text } = await playwright(t, "killed.spec.ts", async (child, report) => {
    await until("the test runs", () => existsSync(report));
    child.kill("SIGKILL");
  });
  await goneWith([text]);
});
