#!/usr/bin/env node
"use strict";
// The command `ws-mock`: runs the binary with this process's streams and signals, and ends as it ends.

const { execFileSync, spawn } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { constants } = require("node:os");
const binary = require("../dist/cjs/binary.cjs");

// Elsewhere than on Linux each check starts `ps`.
const PARENT_CHECK_MS = process.platform === "linux" ? 250 : 2_000;

function fail(error) {
  console.error(`error: ws-mock cannot run: ${error.message}`);
  process.exit(1);
}

function run(file) {
  // A shim that is killed by SIGKILL cannot forward anything: the binary watches for that itself.
  const env = { ...process.env, WS_MOCK_EXIT_WITH_PARENT: String(process.pid) };
  const child = spawn(file, process.argv.slice(2), { stdio: "inherit", env });
  child.once("error", fail);

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]) {
    if (signal in constants.signals) process.on(signal, () => child.kill(signal));
  }

  // A killed `npx` or test runner leaves this process behind, with another parent.
  const before = parents();
  const watch = setInterval(() => parents() !== before && child.kill("SIGTERM"), PARENT_CHECK_MS);

  child.once("exit", (code, signal) => {
    clearInterval(watch);
    if (!signal) process.exit(code);
    // Die of the same signal, so that a shell sees 128 + N as from the binary.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** This process's parent and, where that is the shell of a package manager, the manager. */
function parents() {
  const parent = process.ppid;
  if (process.platform === "win32") return isAlive(parent);
  return process.env.npm_execpath ? `${parent} ${parentOf(parent)}` : String(parent);
}

function parentOf(pid) {
  try {
    if (process.platform !== "linux") return execFileSync("ps", ["-o", "ppid=", "-p", pid], { encoding: "utf8" }).trim();
    // After the name, which may hold blanks and brackets: the state, then the parent.
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").pop().split(" ")[1];
  } catch {
    return "";
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

try {
  run(binary());
} catch (error) {
  fail(error);
}
