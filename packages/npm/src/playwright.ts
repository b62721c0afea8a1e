/** `test` with a `mock` fixture: one process a run, a world a test. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestInfo, expect as baseExpect, test as base } from "@playwright/test";
import { request } from "./control.js";
import { type Mock, type StartOptions, connectMock } from "./index.js";
import { toHaveReceived } from "./matchers.js";
import { mainWorld } from "./mock.js";
import { type Urls, sleep, startShared } from "./process.js";
import { journalText } from "./text.js";

export interface MockOptions extends StartOptions {
  /** A bundled scenario's name, or a file. */
  scenario?: string;
  /** A mock that is there already, such as `http://localhost:10009`, instead of one that is started. */
  url?: string;
}

/** The options of this kit, for the type of a configuration. */
export interface Options {
  mockOptions: MockOptions;
}

// Read at once: a worker whose runner is killed gets another parent.
const runner = process.ppid;

const START_CHECK_MS = 10;
const FOLDER = "ws-mock-playwright-";
const NAME_CHARACTERS = 40;
const COOKIE = "ws-mock-world";

export const test = base.extend<{ mock: Mock }, Options & { mockProcess: Mock }>({
  mockOptions: [{}, { scope: "worker", option: true }],

  mockProcess: [
    async ({ mockOptions }, use) => {
      await use(mockOptions.url === undefined ? await joined(mockOptions) : await connectMock(mockOptions.url));
    },
    { scope: "worker", box: true },
  ],

  mock: [
    async ({ mockProcess, mockOptions: { seed, clock } }, use, info) => {
      const world = mockProcess.world(worldName(info), { seed: seed === "random" ? undefined : seed, clock });
      await world.ready;
      try {
        await use(world);
        if (info.status !== info.expectedStatus) await attach(world, info);
      } finally {
        await world.stop();
      }
    },
    { box: true },
  ],

  context: async ({ context, mock, baseURL }, use) => {
    const urls = new Set([mock.http, baseURL ?? mock.http].map((url) => new URL(url).origin));
    await context.addCookies([...urls].map((url) => ({ name: COOKIE, value: mock.name, url })));
    await use(context);
  },
});

export const expect = baseExpect.extend({ toHaveReceived });

let tests = 0;

/** Readable in the console, and unique also where an earlier run was killed and left its worlds behind. */
function worldName({ title }: TestInfo): string {
  const words = title.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").slice(0, NAME_CHARACTERS);
  return `${words}-${process.pid}-${++tests}`.replace(/^-/, "");
}

async function attach(world: Mock, info: TestInfo): Promise<void> {
  await info.attach("ws-mock journal", { body: journalText(await world.journal()), contentType: "text/plain" });
  await info.attach("ws-mock tape", { body: Buffer.from(await world.tape()), contentType: "application/jsonl" });
}

/** The process of this run: the first worker starts it, the others find its ready file. */
async function joined({ scenario, seed, clock, ...options }: MockOptions): Promise<Mock> {
  const key = createHash("sha1").update(JSON.stringify([scenario, options])).digest("hex").slice(0, 12);
  removeOldFolders();
  const folder = join(tmpdir(), `${FOLDER}${runner}-${key}`);
  const [lock, readyFile] = [join(folder, "lock"), join(folder, "ready.json")];
  mkdirSync(folder, { recursive: true });
  while (taken(lock)) {
    const urls = await found(readyFile);
    if (urls) return mainWorld(urls, async () => {});
    await sleep(START_CHECK_MS);
  }
  try {
    const urls = await found(readyFile);
    const started = urls ?? (await startShared(scenario, { seed, clock, ...options }, { folder, parent: runner }));
    return mainWorld(started, async () => {});
  } finally {
    rmSync(lock);
  }
}

/** The mock of a ready file, if it still answers. */
async function found(readyFile: string): Promise<Urls | undefined> {
  try {
    const urls: Urls = JSON.parse(readFileSync(readyFile, "utf8"));
    return (await request("GET", `${urls.control}health`)).status === 200 ? urls : undefined;
  } catch {
    return undefined;
  }
}

/** Takes the lock, unless a worker that is alive has it. */
function taken(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  if (!isAlive(holder(lock))) rmSync(lock, { force: true });
  return true;
}

function holder(lock: string): number {
  try {
    return Number(readFileSync(lock, "utf8")) || process.pid;
  } catch {
    return process.pid; // Released meanwhile: not abandoned.
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Those of runs that have ended. */
function removeOldFolders(): void {
  for (const name of readdirSync(tmpdir())) {
    const runner = name.startsWith(FOLDER) && Number(name.slice(FOLDER.length).split("-")[0]);
    if (runner && !isAlive(runner)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}
