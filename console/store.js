// The only state: what came from the events and the control API. Views watch topics and read.

import { get, isRun, listen, request } from "./api.js";
import { member, parseJson } from "./json.js";

/** @typedef {keyof typeof PATHS} Resource */

const [MAX_ROWS, TRIM] = [200_000, 20_000]; // the page keeps this many rows; bodies stay on the server
const MAX_HELD = 200_000; // events that wait while the page is paused
const MAX_CAUSES = 2_000; // causes that may still get rows below them
const HISTORY = 10_000; // the journal's default bound
const NEAR_END = 400; // a row goes below its head if that is among the last so many; else it is the last
const READ_EVERY = 200; // the least time between two readings of the same resource

/** Where the control API has what the store keeps under these names. */
const PATHS = {
  info: "info", connections: "connections", rooms: "rooms", worlds: "worlds", timers: "timers", plans: "plans", triggers: "triggers",
  faults: "faults", collections: "data", coverage: "coverage", scenario: "scenario",
};
const list = () => /** @type {any[]} */ ([]);

export const store = {
  connections: list(), rooms: list(), worlds: list(), timers: list(), plans: list(), triggers: list(), faults: list(),
  collections: list(), coverage: list(), held: list(), info: /** @type {any} */ ({}), scenario: /** @type {any} */ (null),
  /** Of each resource that was asked for: the refusal, or nothing. */
  known: /** @type {Partial<Record<Resource, string>>} */ ({}),
  clock: { mode: "real", now: Date.now(), at: 0 },
  link: /** @type {"connecting" | "live" | "lost" | "run"} */ (isRun ? "run" : "connecting"),
  rows: /** @type {Row[]} */ ([]), bySeq: /** @type {Map<number, Row>} */ (new Map()), paused: false,
  /** Messages in the last second. */
  rate: 0,
};

/** @template T @param {Listeners<T>} map @param {string} key @param {(detail: T) => void} follow @param {AbortSignal} [life] */
function register(map, key, follow, life) {
  const set = map.get(key) ?? new Set();
  map.set(key, set.add(follow));
  life?.addEventListener("abort", () => set.delete(follow));
}

const watchers = /** @type {Listeners<void>} */ (new Map());
const [dirty, stale] = [/** @type {Set<string>} */ (new Set()), new Set(Object.keys(PATHS))];
let scheduled = false;

/** Calls back, once a frame, when a topic changed: a resource, `rows clock link data`. @param {AbortSignal} [life] */
export function watch(/** @type {string} */ topics, /** @type {() => void} */ follow, life) {
  for (const topic of topics.split(" ")) {
    register(watchers, topic, follow, life);
    if (stale.has(topic)) load(/** @type {Resource} */ (topic));
  }
}

function changed(/** @type {string[]} */ ...topics) {
  for (const topic of topics) dirty.add(topic);
  if (scheduled) return;
  scheduled = true;
  const turn = () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    scheduled = false;
    takeEvents();
    const follow = [...dirty].flatMap((topic) => [...(watchers.get(topic) ?? [])]);
    dirty.clear();
    for (const one of new Set(follow)) one();
  };
  // A hidden page has no frames.
  const timer = setTimeout(turn, 250);
  const frame = requestAnimationFrame(turn);
}

const loading = /** @type {Map<Resource, { done: Promise<void>, again: boolean }>} */ (new Map());
/** Reads a resource; wishes while it is being read make one more reading, not many. @returns {Promise<void>} */
export function load(/** @type {Resource} */ name) {
  const busy = loading.get(name);
  if (busy) return Object.assign(busy, { again: true }).done;
  stale.delete(name);
  const take = (/** @type {any} */ answer) => {
    store.known[name] = "";
    /** @type {any} */ (store)[name] = answer.items ?? answer;
    if (name === "info") setClock(answer.clock);
  };
  const done = get(PATHS[name]).then(take, ({ message }) => void (store.known[name] = message)).finally(() => {
    if (loading.get(name)?.again) setTimeout(load, READ_EVERY, name);
    loading.delete(name);
    changed(name);
  });
  loading.set(name, { done, again: false });
  return done;
}

/** Works regularly while a view is shown and the server answers. @param {number} ms @param {() => void} work @param {AbortSignal} life */
export function every(ms, work, life) {
  const timer = setInterval(() => store.link === "live" && work(), ms);
  life.addEventListener("abort", () => clearInterval(timer));
}

/** Reads again what a view shows; the rest when a view wants it. @param {Resource[]} names */
function outdated(...names) {
  for (const name of names) {
    if (watchers.get(name)?.size) load(name);
    else stale.add(name);
  }
}

function refresh() {
  outdated(.../** @type {Resource[]} */ (Object.keys(PATHS)));
  changed("data");
}

/** @param {{ mode: string, now: string }} clock */
export function setClock({ mode, now }) {
  store.clock = { mode, now: Date.parse(now), at: performance.now() };
  changed("clock");
}

/** The mock's time. */
export function mockNow({ mode, now, at } = store.clock) {
  return mode === "real" && !isRun ? now + performance.now() - at : now;
}

const causes = /** @type {Map<string, Row>} */ (new Map());
let batch = { added: /** @type {Row[]} */ ([]), trimmed: /** @type {Row[]} */ ([]), reset: false };

/** What this frame did to the rows, for a view that keeps a filtered list. */
export function takeBatch() {
  const taken = batch;
  batch = { added: [], trimmed: [], reset: false };
  return taken;
}

const NAMES = ["action", "event", "method", "topic", "type"].map((key) => new RegExp(`"${key}"\\s*:\\s*"([^"\\\\]{1,80})"`));
const EVENT = /^\["((?:[^"\\]|\\.)*)"/;

/** A push has no handler's name: it has its event's, or what the message calls itself. @param {any} entry @param {string} preview */
function nameOf(entry, preview) {
  if (entry.name && entry.name !== "push") return entry.name;
  return [EVENT, ...NAMES].map((pattern) => pattern.exec(preview)?.[1]).find(Boolean) ?? entry.name ?? "";
}

/** @param {Partial<Row>} more @returns {Row} */
function newRow(more) {
  const texts = { peer: "", name: "", preview: "", type: "", handler: "", source: "", cause: "", error: "", fault: "", world: "" };
  return { ...texts, seq: 0, kind: "message", time: Number.NaN, dir: "", size: 0, near: [], count: 0, changes: [], ...more };
}

/** @param {any} entry of the journal, with its message or a preview of it */
function messageRow({ message, time, connection: peer, direction: dir, input, answers, ...entry }) {
  const preview = entry.preview ?? (typeof message === "string" ? message : JSON.stringify(message)).slice(0, isRun ? 65_536 : 256);
  const given = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== null));
  const cause = String(entry.cause ?? "");
  const own = { time: Date.parse(time), peer, dir, preview, cause, name: nameOf(entry, preview), type: NAMES[4].exec(preview)?.[1] ?? "" };
  const row = newRow({ ...given, ...own });
  const request = store.bySeq.get(Number(answers ?? cause));
  row.head = request ?? (Number.isNaN(Number(cause)) ? causeRow(cause, input, row.time) : undefined);
  if (request && answers) {
    request.answer = row;
    request.error ||= row.error;
  }
  if (row.head) row.head.count++;
  store.bySeq.set(row.seq, row);
  add(row);
}

/** The row of a timer, an edit, a trigger, an HTTP request: one for each input. @param {string} cause @param {number | undefined} input */
function causeRow(cause, input, /** @type {number} */ time) {
  const key = `${cause}#${input ?? time}`;
  const known = causes.get(key);
  if (known) return known;
  const [kind] = cause.split(":", 1);
  const row = newRow({ kind, time, name: cause.slice(kind.length + 1), cause });
  causes.set(key, row);
  if (causes.size > MAX_CAUSES) causes.delete(/** @type {string} */ (causes.keys().next().value));
  return add(row);
}

function add(/** @type {Row} */ row) {
  insert(store.rows, row);
  batch.added.push(row);
  return row;
}

/** @param {Row[]} rows @param {Row} row @returns {number} where it is */
export function insert(rows, row) {
  for (let at = rows.length - 1; row.head && at >= 0 && at > rows.length - NEAR_END; at--) {
    if (rows[at] !== row.head && rows[at].head !== row.head) continue;
    rows.splice(at + 1, 0, row);
    return at + 1;
  }
  return rows.push(row) - 1;
}

export function clearRows() {
  for (const kept of [store.bySeq, causes]) kept.clear();
  [store.rows, store.held] = [[], []];
  batch = { added: [], trimmed: [], reset: true };
  changed("rows");
}

export function pause(/** @type {boolean} */ paused) {
  store.paused = paused;
  if (!paused) for (const event of store.held.splice(0)) ROWS[event.type](event);
  changed("rows");
}

/** The row of an event; it waits while the page is paused. @type {Handlers} */
const ROWS = {
  message: (event) => store.bySeq.has(event.seq) || messageRow(event),
  connection: ({ action, connection, time, path, address, closed }) => {
    const preview = closed ? `${closed.code} ${closed.reason} by the ${closed.by}` : `${path} from ${address}`;
    add(newRow({ kind: "connection", time: Date.parse(time), peer: connection, name: action === "opened" ? "connected" : action, preview }));
  },
  data: ({ collection, created, updated, removed, counts, cause, input, time }) => {
    const words = Object.entries(counts).flatMap(([what, n]) => (n ? [`${n} ${what}`] : []));
    const key = store.collections.find(({ name }) => name === collection)?.key ?? "id";
    const keys = [...[...created, ...updated].map((item) => String(item[key])), ...removed.map(String)];
    const row = store.bySeq.get(Number(cause)) ?? (cause ? causeRow(String(cause), input, Date.parse(time)) : undefined);
    row?.changes.push({ collection, keys, words: `${collection}: ${words.join(", ")}` });
  },
  clock: ({ advanced, mode, now }) => {
    const name = advanced ? "advanced" : mode === "real" ? "runs" : "held";
    add(newRow({ kind: "clock", time: Date.parse(now), name, preview: advanced ? `by ${advanced}` : "" }));
  },
  timer: ({ action, name, input, time }) => action === "fired" && causeRow(`timer:${name}`, input, Date.parse(time)),
  limit: ({ limit, connection: peer = "", message, time }) => {
    add(newRow({ kind: "limit", time: Date.parse(time), peer, name: limit, preview: message, error: "LIMIT" }));
  },
  reload: ({ ok, problems }) => {
    const refused = ok ? {} : { error: "PROBLEMS", preview: `${problems} problems in the scenario; the old version goes on` };
    add(newRow({ kind: "reload", time: mockNow(), name: ok ? "reloaded" : "refused", ...refused }));
  },
  missed: ({ count }) => {
    const preview = `${count} events came too fast for this page, or too long ago`;
    add(newRow({ kind: "missed", time: mockNow(), name: "missed", error: "MISSED", preview }));
  },
};

/** What an event changes at once, paused or not. @type {Handlers} */
const STATE = {
  clock: setClock,
  timer: ({ name, every, due, paused }) => Object.assign(store.timers.find((timer) => timer.name === name) ?? {}, { every, due, paused }),
  world: ({ action }) => {
    if (action === "reset" || action === "cleared") clearRows();
    if (action === "reset") refresh();
  },
  missed: refresh,
};

/** What an event leaves outdated. @type {Record<string, Resource[]>} */
const OUTDATES = {
  connection: ["connections", "rooms", "worlds", "info"], room: ["connections", "rooms"], data: ["collections", "plans"],
  clock: ["timers", "plans"], timer: ["timers", "plans"], fault: ["faults"], world: ["worlds"],
  reload: ["scenario", "coverage", "collections", "timers", "triggers", "info"],
};

let [queue, historyRead] = [list(), false];
const listeners = /** @type {Listeners<any>} */ (new Map());
/** Hears each event of a type. @param {string} type @param {(event: any) => void} hear @param {AbortSignal} [life] */
export const onEvent = (type, hear, life) => register(listeners, type, hear, life);

function takeEvents() {
  if (!historyRead || !queue.length) return;
  const events = queue;
  queue = [];
  for (const event of events) {
    STATE[event.type]?.(event);
    if (!store.paused) ROWS[event.type]?.(event);
    else if (ROWS[event.type] && store.held.length < MAX_HELD) store.held.push(event);
    for (const hear of listeners.get(event.type) ?? []) hear(event);
  }
  if (store.rows.length > MAX_ROWS) {
    batch.trimmed.push(...store.rows.splice(0, TRIM));
    for (const row of batch.trimmed) store.bySeq.delete(row.seq);
  }
  for (const type of new Set(events.map((event) => event.type))) outdated(...(OUTDATES[type] ?? []));
  dirty.add("rows");
}

let runJournal = /** @type {Json | undefined} */ (undefined);
/** The journal's entry of a row, with the whole message. */
export async function entryOf(/** @type {Row} */ { seq }) {
  const read = async (/** @type {string} */ path) => parseJson((await request("GET", path)).text);
  if (isRun) runJournal ??= await read("journal");
  const entries = member(runJournal ?? (await read(`journal?after=${seq - 1}&limit=1`)), "items")?.items ?? [];
  const entry = entries.find((one) => Number(member(one, "seq")?.raw) === seq);
  if (!entry) throw new Error("the journal no longer has this message; limits.journal_messages keeps more");
  return entry;
}

async function readHistory() {
  const { items } = await get(isRun ? "journal" : `journal?body=false&limit=${HISTORY}`).catch(() => ({ items: [] }));
  for (const entry of items) messageRow(entry);
  historyRead = true;
  changed("rows");
}

export async function start() {
  if (isRun) return Promise.all([readHistory(), load("info")]);
  let [started, counted] = ["", 0];
  const link = (/** @type {typeof store.link} */ state) => {
    store.link = state;
    changed("link");
  };
  const event = (/** @type {any} */ event) => {
    counted += event.type === "message" ? 1 : 0;
    queue.push(event);
    changed();
  };
  const open = async () => {
    const before = started;
    await load("info");
    started = store.info.started ?? "unknown";
    // Another process has another journal: its numbers begin anew.
    if (before !== started) {
      historyRead = false;
      clearRows();
      await readHistory();
    }
    if (before) refresh();
    link("live");
  };
  listen({ event, open, lost: () => link("lost") });
  setInterval(() => {
    if (store.rate !== counted) changed("link");
    [store.rate, counted] = [counted, 0];
  }, 1000);
}
