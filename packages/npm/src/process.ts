/** Starts the binary and ends it. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import * as timers from "node:timers";
import binary from "./binary.cjs";

/** A time as `"300ms"` or in milliseconds. */
export type Time = string | number;

export interface StartOptions {
  /** `real` (default), `manual`, or the time to hold the clock at, such as `2024-01-20T10:30:00Z`. */
  clock?: string;
  /** Fixes every generated value; 1 unless given. */
  seed?: number | "random";
  /** A free one unless given. */
  port?: number;
  /** More options of `ws-mock serve`. */
  args?: string[];
  env?: Record<string, string>;
  /** The folder that a relative scenario file is found from. */
  cwd?: string;
  /** `false` shows the log on standard error; otherwise it has warnings only. */
  quiet?: boolean;
}

/** The ready file. */
export interface Urls {
  pid: number;
  port: number;
  ws: string;
  http: string;
  control: string;
}

// Taken now: fake timers of a test replace the originals later.
const { setTimeout, clearTimeout } = timers;
const { bigint: nanoseconds } = process.hrtime;

const READY_CHECK_MS = 5;
const STOP_MS = 6_000;

export const now = () => Number(nanoseconds() / 1_000_000n);
export const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

const children = new Set<ChildProcess>();
process.once("exit", () => children.forEach((child) => child.kill("SIGKILL")));

export interface Started extends Urls {
  stop(): Promise<void>;
}

/** Starts a mock that ends with this process, at the latest. */
export async function start(scenario: string | undefined, options: StartOptions): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), "ws-mock-"));
  const readyFile = join(folder, "ready.json");
  try {
    const child = run(scenario, options, { readyFile, parent: process.pid, stderr: "pipe" });
    const log = collected(child.stderr!);
    const urls = await Promise.race([written(readyFile, child), failed(child, log.text)]);
    log.forward();
    // A forgotten mock must not keep the test runner alive.
    child.unref();
    (child.stderr as Socket).unref();
    children.add(child);
    child.once("exit", () => children.delete(child));
    return { ...urls, stop: () => stop(child) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts a mock that outlives this process and ends with the process `parent`. Its log goes to a file in `folder`. */
export async function startShared(
  scenario: string | undefined,
  options: StartOptions,
  { folder, parent }: { folder: string; parent: number },
): Promise<Urls> {
  const readyFile = join(folder, "ready.json");
  const logFile = join(folder, "log.txt");
  const stderr = openSync(logFile, "w");
  try {
    const child = run(scenario, options, { readyFile, parent, stderr });
    const urls = await Promise.race([written(readyFile, child), failed(child, () => readFileSync(logFile, "utf8"))]);
    child.unref();
    return urls;
  } finally {
    closeSync(stderr);
  }
}

interface Run {
  readyFile: string;
  parent: number;
  stderr: "pipe" | number;
}

function run(scenario: string | undefined, options: StartOptions, { readyFile, parent, stderr }: Run): ChildProcess {
  return spawn(binary(), serveArguments(scenario, options, readyFile), {
    stdio: ["ignore", "ignore", stderr],
    cwd: options.cwd,
    env: { ...process.env, WS_MOCK_EXIT_WITH_PARENT: String(parent), ...options.env },
  });
}

function serveArguments(scenario: string | undefined, options: StartOptions, readyFile: string): string[] {
  const { clock, seed, port = 0, args = [], quiet = true } = options;
  const saysTls = args.some((arg) => /^--(no-ssl|ssl|ssl-only|cert|key)(=|$)/.test(arg));
  return [
    "serve",
    ...(scenario === undefined ? [] : [scenario]),
    `--port=${port}`,
    `--ready-file=${readyFile}`,
    ...(clock === undefined ? [] : [`--clock=${clock}`]),
    ...(seed === undefined ? [] : [`--seed=${seed}`]),
    // The development certificate is not trusted by anyone yet.
    ...(saysTls ? [] : ["--no-ssl"]),
    ...(quiet ? ["-q"] : []),
    ...args,
  ];
}

/** Keeps what the binary writes until it is known whether it started, and passes it on from then. */
function collected(stderr: Readable): { text(): string; forward(): void } {
  const chunks: Buffer[] = [];
  const keep = (chunk: Buffer) => chunks.push(chunk);
  stderr.on("data", keep);
  return {
    text: () => Buffer.concat(chunks).toString(),
    forward() {
      stderr.off("data", keep);
      stderr.on("data", (chunk: Buffer) => process.stderr.write(chunk));
      process.stderr.write(Buffer.concat(chunks));
    },
  };
}

/** The ready file appears whole, once connections are accepted. */
async function written(readyFile: string, child: ChildProcess): Promise<Urls> {
  for (;;) {
    try {
      return JSON.parse(readFileSync(readyFile, "utf8"));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    await sleep(READY_CHECK_MS);
    // `failed` says why.
    if (hasEnded(child)) return new Promise<never>(() => {});
  }
}

function failed(child: ChildProcess, log: () => string): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(new Error(`ws-mock cannot be started: ${error.message}`)));
    child.once("close", (code, signal) => {
      const end = signal ?? `exit code ${code}`;
      reject(new Error(`ws-mock did not start (${end}):\n${log().trim()}`));
    });
  });
  failure.catch(() => {}); // It ends in any case, mostly long after it started.
  return failure;
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const exit = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exit;
  clearTimeout(late);
}
