/** A mock in a test's hands: the control API of one world. */
import { MockError, call } from "./control.js";
import { type Urls, now, sleep } from "./process.js";
import { nothingFits } from "./text.js";
import type { Collection, Connection, Entry, Mock, Shape, Waiting } from "./types.js";

const CONNECTION_CHECK_MS = 10;
const CONNECTED_TIMEOUT_MS = 5_000;
const PAGE_ITEMS = 1_000;
const LAST_MESSAGES = 3;

export type Place = Pick<Urls, "ws" | "http" | "control">;

/** The world `main` of the process at `place`; `stop` ends the process. */
export function mainWorld<S extends Shape>(place: Place, stop: () => Promise<void>): Mock<S> {
  return handle<S>(place, { ...place, name: "main", ready: Promise.resolve(), stop });
}

interface World extends Place {
  name: string;
  ready: Promise<void>;
  stop(): Promise<void>;
}

function otherWorld<S extends Shape>(main: Place, name: string, options?: object): Mock<S> {
  const inside = (url: string) => {
    const there = new URL(url);
    there.pathname = `/@${encodeURIComponent(name)}${there.pathname}`;
    return there.href;
  };
  const made = options ? call(main.control, "POST", "worlds", { name, ...options }).then(() => {}) : Promise.resolve();
  made.catch(() => {}); // Every call of the world awaits it, and fails as it did.
  return handle<S>(main, {
    name,
    ws: inside(main.ws),
    http: inside(main.http).replace(/\/$/, ""),
    control: inside(main.control),
    ready: made,
    stop: async () => void (await call(main.control, "DELETE", `worlds/${encodeURIComponent(name)}`)),
  });
}

function handle<S extends Shape>(main: Place, world: World): Mock<S> {
  const bytes = async (method: string, path: string, body?: unknown) => {
    await world.ready;
    return call(world.control, method, path, body);
  };
  const json = async (method: string, path: string, body?: unknown) =>
    JSON.parse((await bytes(method, path, body)).toString());
  const items = async (path: string, query: object = {}) => (await json("GET", `${path}${queryText(query)}`)).items;
  const setClock = async (change: object): Promise<string> => (await json("POST", "clock", change)).now;

  const mock: Mock<S> = {
    ...world,
    data: collections(json, items) as Mock<S>["data"],
    async connected({ timeout = CONNECTED_TIMEOUT_MS } = {}) {
      for (const end = now() + timeout; ; await sleep(CONNECTION_CHECK_MS)) {
        const newest = (await mock.connections()).at(-1);
        if (newest) return newest;
        if (now() > end) throw new Error(`no client connected to ${world.ws} within ${timeout} ms`);
      }
    },
    async received(match, options: Waiting = {}) {
      try {
        return await json("POST", "journal/wait", { match, direction: "in", ...options });
      } catch (error) {
        if (!(error instanceof MockError) || error.status !== 408) throw error;
        const near = error.answer as { nearest?: [] };
        const last = near.nearest ? [] : await mock.journal({ direction: "in", limit: LAST_MESSAGES });
        throw new Error(nothingFits(match, within(options.timeout), { ...near, last }), { cause: error });
      }
    },
    async send(message, { to = "all", event } = {}) {
      const body = { to: to === "all" ? { all: true } : to, event, message };
      return (await json("POST", "send", body)).sent;
    },
    trigger: async (name, args = {}) => void (await bytes("POST", `triggers/${encodeURIComponent(name)}`, args)),
    fire: async (timer) => void (await bytes("POST", `timers/${encodeURIComponent(timer)}/fire`)),
    timers: {
      list: () => items("timers"),
      set: async (name, options) => void (await bytes("PATCH", `timers/${encodeURIComponent(name)}`, options)),
    },
    clock: {
      now: async () => (await json("GET", "clock")).now,
      hold: () => setClock({ mode: "manual" }),
      run: () => setClock({ mode: "real" }),
      advance: (time) => setClock({ advance: time }),
      set: (time) => setClock({ set: time }),
    },
    faults: {
      set: async (faults) => (await json("PUT", "faults", faults)).items,
      clear: async () => void (await bytes("DELETE", "faults")),
      list: () => items("faults"),
    },
    connections: () => items("connections"),
    async disconnect({ code = 1000, connection } = {}) {
      const close = (id: string) => bytes("DELETE", `connections/${encodeURIComponent(id)}?code=${code}`);
      if (connection !== undefined) return void (await close(connection));
      const all = (await mock.connections()).map(({ id }: Connection) => close(id).catch(unlessGone));
      await Promise.all(all);
    },
    journal: (query = {}): Promise<Entry[]> => items("journal", query),
    tape: () => bytes("GET", "tape"),
    reset: async (options = {}) => void (await bytes("POST", "reset", options)),
    world: (name, options) => otherWorld(main, name, options),
    [Symbol.asyncDispose]: world.stop,
  };
  return mock;
}

type Json = (method: string, path: string, body?: unknown) => Promise<any>;
type Items = (path: string, query?: object) => Promise<any[]>;

function collections(json: Json, items: Items): Record<string, Collection<object>> {
  // JavaScript itself asks any object for these.
  const foreign = new Set(["then", "toJSON", "asymmetricMatch", "$$typeof", "nodeType", "constructor"]);
  return new Proxy({} as Record<string, Collection<object>>, {
    get: (_, name) => (typeof name === "string" && !foreign.has(name) ? collection(name, json, items) : undefined),
  });
}

function collection(name: string, json: Json, items: Items): Collection<object> {
  const all = `data/${encodeURIComponent(name)}`;
  const one = (key: string | number) => `${all}/${encodeURIComponent(key)}`;
  return {
    list: (query = {}) => ("page" in query || "limit" in query ? items(all, query) : everyPage(json, all, query)),
    get: (key) => json("GET", one(key)),
    insert: (item) => json("POST", all, item),
    patch: (key, part) => json("PATCH", one(key), part),
    put: (key, item) => json("PUT", one(key), item),
    remove: (key) => json("DELETE", one(key)),
  };
}

async function everyPage(json: Json, path: string, query: object): Promise<object[]> {
  const found: object[] = [];
  for (let page = 1; ; page++) {
    const { items, total } = await json("GET", `${path}${queryText({ ...query, page, limit: PAGE_ITEMS })}`);
    found.push(...items);
    if (!items.length || found.length >= total) return found;
  }
}

function queryText(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}` : "";
}

function within(timeout: Waiting["timeout"] = "5s"): string {
  if (timeout === 0) return "so far";
  return `within ${typeof timeout === "number" ? `${timeout}ms` : timeout}`;
}

function unlessGone(error: unknown): void {
  if (!(error instanceof MockError) || error.status !== 404) throw error;
}
