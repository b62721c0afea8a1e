// Connections: who is there, in which rooms and worlds; each can be closed, torn down, stalled, sent to.

import { call, isRun, root } from "./api.js";
import { button, dialog, field, fill, h, region, say, size, span, table, visible } from "./dom.js";
import { setFaults } from "./faults.js";
import { href, place } from "./nav.js";
import { closePeer, sendTo } from "./send.js";
import { every, load, mockNow, store, watch } from "./store.js";

const MAX_SHOWN = 500; // more rows than a person reads; a filter of the messages finds the others
const PEER = ["id", "since", "address", "path", "rooms", "session", "in", "out", "waiting", "last pong", "world", ""];

export function connectionsView(/** @type {HTMLElement} */ el, /** @type {AbortSignal} */ life) {
  const [peers, rooms, worlds] = [h("tbody"), h("tbody"), h("tbody")];
  const refuse = h("input", { type: "number", min: 1, value: "3", "aria-label": "Handshakes to refuse" });
  const refuseNext = async () => {
    await setFaults([...store.faults, { kind: "refuse", times: Number(refuse.value) }]);
    say(`the next ${refuse.value} handshakes are refused · `, h("a", { href: href("Faults") }, "faults"));
  };
  const all = [button("Send to all", () => sendTo({})), button("Add a world", createWorld)];
  const tables = [
    table("Connections", PEER, peers, "Connections"), table("Rooms", ["room", "peers", ""], rooms, "Rooms"),
    table("Worlds", ["world", "connections", "since", "used", ""], worlds, "Worlds"),
  ];
  const bar = h("div.bar", h("span", "refuse the next"), refuse, button("Refuse", refuseNext), h("span.grow"), all);
  fill(el, !isRun && bar, region("Connections, rooms, worlds", tables));
  function draw() {
    fillRows(peers, store.connections, peerRow, `No client is connected. ${(store.info.addresses ?? []).join(" · ")}`);
    fillRows(rooms, store.rooms, roomRow, "No rooms. A handler's `join:` puts a connection into one.");
    fillRows(worlds, store.worlds, worldRow, store.known.worlds || "One world.");
  }
  watch("connections rooms worlds info faults", draw, life);
  draw();
  // Counters change with every message; a second is often enough to look at.
  every(1000, () => load("connections"), life);
  return { keys: {} };
}

/** @param {HTMLElement} body @param {any[]} items @param {(item: any) => HTMLElement} row @param {string} none */
function fillRows(body, items, row, none) {
  // A button keeps the keyboard while the counters beside it change.
  const focused = [...body.querySelectorAll("button, a")].indexOf(/** @type {Element} */ (document.activeElement));
  const more = items.length - MAX_SHOWN;
  const words = items.length ? more > 0 && `and ${more} more` : none;
  fill(body, items.slice(0, MAX_SHOWN).map(row), words && h("tr", h("td.dim", { colspan: PEER.length }, words)));
  /** @type {HTMLElement | undefined} */ (body.querySelectorAll("button, a")[focused])?.focus();
}

/** @param {any} peer */
function peerRow({ id, since, address, path, rooms, session = {}, messages, queue, pong, world, stalled, replayed }) {
  const at = `connections/${encodeURIComponent(id)}`;
  const abort = () => call("DELETE", `${at}?abort=true`).then(() => say(`${id} torn down`));
  const stall = () => call("PATCH", at, { stalled: true }).then(() => load("connections"));
  const actions = [
    button("Close…", () => closePeer(id), { title: "with a code" }), button("abort", abort, { title: "torn down without a Close frame" }),
    button("stall", stall, { title: "neither read nor written any more", disabled: stalled }), button("send", () => sendTo({ connection: id })),
  ];
  const state = [stalled && h("span.warn", "stalled"), replayed && h("span.dim", "replayed")];
  return h("tr", { "aria-selected": place.params.get("at") === id },
    h("td", h("a", { href: href("Messages", { q: `peer:${id}` }) }, id)),
    h("td", { title: since }, span(mockNow() - Date.parse(since))),
    h("td", address), h("td", h("bdi", visible(path))), h("td", chips(rooms)),
    h("td", chips(Object.entries(session).map(([key, value]) => `${key}: ${JSON.stringify(value)}`))),
    [messages?.in, messages?.out, queue?.frames ? `${queue.frames} · ${size(queue.bytes)}` : 0].map((figure) => h("td.number", figure)),
    h("td", pong && span(Date.now() - Date.parse(pong))), h("td", world),
    h("td.actions", state, !isRun && actions));
}

/** @param {any} room */
function roomRow({ name, connections }) {
  const link = h("a", { href: href("Messages", { q: `room:${/\s/.test(name) ? `"${name}"` : name}` }) }, visible(name));
  return h("tr", h("td", link), h("td", chips(connections)), h("td.actions", !isRun && button("send", () => sendTo({ room: name }))));
}

/** @param {any} world */
function worldRow({ name, connections, since, used }) {
  const remove = () => call("DELETE", `worlds/${encodeURIComponent(name)}`).then(() => load("worlds"));
  const times = [since, used].map((time) => h("td", { title: time }, `${span(Date.now() - Date.parse(time))} ago`));
  const action = !isRun && button(name === "main" ? "reset" : "remove", remove);
  const here = h("a", { href: worldPath(name), "aria-current": store.info.world === name }, name);
  return h("tr", h("td", here), h("td.number", connections), times, h("td.actions", action));
}

/** Where the console of a world is. */
export const worldPath = (/** @type {string} */ name) => root.replace(/(\/@[^/]+)?\/__mock\/$/, `/@${name}/__mock/${location.hash}`);

function createWorld() {
  const name = h("input", { autofocus: true });
  const seed = h("input", { inputmode: "numeric", size: 8 });
  dialog("A new world", [field("Name", name), field("Seed, else that of the start", seed)], "Create", async () => {
    await call("POST", "worlds", { name: name.value, ...(seed.value ? { seed: Number(seed.value) } : {}) });
    await load("worlds");
  });
}

function chips(/** @type {string[]} */ texts = []) {
  return [...texts.slice(0, 12).map((text) => h("span.chip", visible(text.slice(0, 60)))), texts.length > 12 && `+${texts.length - 12}`];
}
