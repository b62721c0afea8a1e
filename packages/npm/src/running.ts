/** The mocks that this process started and that still run. */
import type { Mock } from "./types.js";

const KEY = Symbol.for("ws-mock-server.running");
const shared = globalThis as { [KEY]?: Set<Mock<any>> };

// On `globalThis`, since a project may load this package as ESM and as CommonJS.
export const running: Set<Mock<any>> = (shared[KEY] ??= new Set());

export const resetAll = async () => void (await Promise.all([...running].map((mock) => mock.reset())));
export const stopAll = async () => void (await Promise.all([...running].map((mock) => mock.stop())));
