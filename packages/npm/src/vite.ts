/** A plugin that starts the mock with the development server and proxies to it, so that page and mock share an origin. */
import type { Plugin } from "vite" with { "resolution-mode": "import" };
import { type Mock, type StartOptions, startMock } from "./index.js";

export interface WsMockOptions extends StartOptions {
  scenario?: string;
  /** What is proxied: the scenario's own path unless given, `/ws` where it takes every path. */
  path?: string | string[];
}

/** By options: a server that restarts makes its successor before it closes. */
const shared = new Map<string, { mock: Promise<Mock>; users: number }>();

export function wsMock({ scenario, path, ...options }: WsMockOptions = {}): Plugin {
  const key = JSON.stringify([scenario, options]);

  function enter(): Promise<Mock> {
    const entry = shared.get(key) ?? { mock: startMock(scenario, options), users: 0 };
    entry.users++;
    shared.set(key, entry);
    entry.mock.catch(() => shared.delete(key));
    return entry.mock;
  }

  function leave(): void {
    const entry = shared.get(key);
    if (!entry || --entry.users > 0) return;
    shared.delete(key);
    void entry.mock.then((mock) => mock.stop());
  }

  return {
    name: "ws-mock",
    apply: "serve",
    async config(_, { mode }) {
      // Vitest reads the same configuration, and its tests start mocks of their own.
      if (mode === "test" && process.env.VITEST) return undefined;
      const mock = await enter();
      const proxy = Object.fromEntries(paths(path, mock).map((prefix) => [prefix, { target: mock.http, ws: true }]));
      return { server: { proxy }, preview: { proxy } };
    },
    async configureServer(server) {
      const entry = shared.get(key);
      if (!entry) return;
      const mock = await entry.mock;
      server.httpServer?.once("close", leave);
      server.httpServer?.once("listening", () => server.config.logger.info(`  ➜  ws-mock: ${mock.control}`));
    },
    configurePreviewServer: (server) => void server.httpServer.once("close", leave),
  };
}

function paths(path: WsMockOptions["path"], mock: Mock): string[] {
  if (path !== undefined) return [path].flat();
  const own = new URL(mock.ws).pathname;
  return [own === "/" ? "/ws" : own];
}
