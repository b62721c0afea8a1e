// Messages: every frame of every peer, under what caused it.

import { call, get, isRun, root } from "./api.js";
import { button, clockTime, copyText, fill, grouped, h, isolated, plural, put, size, splitter, visible } from "./dom.js";
import { KEYS, complete, matches, parseFilter, statusOf } from "./filter.js";
import { virtualList } from "./list.js";
import { go, note, place } from "./nav.js";
import { messagePane } from "./pane.js";
import { searchLine } from "./search.js";
import { socketUrl } from "./send.js";
import { clearRows, insert, pause, store, takeBatch, watch } from "./store.js";

const COLUMNS = ["time", "⇅", "peer", "name", "ms", "size", "preview"];
const ARROWS = { in: "▲", out: "▼", "": "●" };
const DEEP_EVERY = 1000; // a text deep in a long message is looked for on the server, at most this often

export function messagesView(/** @type {HTMLElement} */ el, /** @type {AbortSignal} */ life) {
  let rows = /** @type {Row[]} */ ([]);
  let terms = parseFilter("").terms;
  let chosen = /** @type {Row | undefined} */ (undefined);
  let [follow, fresh] = [!place.params.has("at"), 0];
  /** Numbers of messages that have a text. @type {Map<string, { seqs: Set<number>, upTo: number, asked: number }>} */
  const deep = new Map();
  /** @type {Knowledge} */
  const know = {
    members: (room) => store.rooms.find(({ name }) => name.toLowerCase() === room)?.connections ?? [],
    deep: (text) => deep.get(text)?.seqs,
  };
  const fits = (/** @type {Row} */ row) => matches(row, terms, know);
  const pinned = () => (place.params.get("pin") ?? "").split(",").filter(Boolean).map(Number);
  const asked = () => store.bySeq.get(Number(place.params.get("at")));

  const search = searchLine({
    label: "Filter messages", placeholder: "filter: action:getStations dir:in ~text",
    change: (text) => {
      const { terms: next, problem } = parseFilter(text);
      note("q", text.trim());
      const differs = JSON.stringify(next) !== JSON.stringify(terms);
      terms = next;
      if (differs) rebuild();
      return problem;
    },
    complete: (before) => complete(before, KEYS, knownValues()),
  });
  const [count, empty] = [h("span.count", { role: "status" }), h("div.empty")];
  const pauseButton = button("Pause", () => pause(!store.paused));
  const followButton = button("Follow", () => setFollow(!follow));
  const freshButton = button("", () => setFollow(true), { class: "fresh" });
  const pins = h("span.chips", { role: "group", "aria-label": "Pinned" });
  const exported = button("Export", () => location.assign(`${root}journal.html`), { title: "this run as one HTML file that opens anywhere" });
  const files = [["json", "journal?limit=1000000", "journal.json"], ["tape", "tape", "tape.jsonl"]];
  const links = files.map(([words, path, download]) => h("a", { href: root + path, download }, words));
  const list = virtualList({
    label: "Messages", height: 20, count: () => rows.length, draw, move, pick: (at) => choose(rows[at], false),
    make: () => h("div.row.cells", COLUMNS.map((_, at) => h("span", { role: "gridcell" }, at === 0 && [h("i"), h("span")]))),
    head: h("div.cells", { role: "row" }, COLUMNS.map((name) => h("span", { role: "columnheader" }, name))),
    selected: () => (chosen ? rows.lastIndexOf(chosen) : -1),
    scrolled: (upwards) => {
      follow &&= !upwards && list.atEnd();
      controls();
    },
  });
  const pane = messagePane({ open: (row) => choose(row, true), close: hidePane, pin: ({ seq }) => setPins([...pinned(), seq]) });
  const body = h("div.split", h("div.side", list.el, empty, freshButton), splitter(pane.el, "pane"), pane.el);
  const clear = button("Clear", () => call("DELETE", "journal").then(clearRows));
  fill(el, h("div.bar", search.el, count, !isRun && pauseButton, followButton, !isRun && [clear, exported, links], pins), body);
  function setPins(/** @type {number[]} */ seqs) {
    note("pin", [...new Set(seqs)].join(","));
    fill(pins, pinned().map((seq) => h("span.chip",
      button(`#${seq} ${visible(store.bySeq.get(seq)?.name ?? "")}`, () => choose(store.bySeq.get(seq), true), { class: "link" }), " ",
      button("✕", () => setPins(seqs.filter((one) => one !== seq)), { class: "link", "aria-label": `Unpin #${seq}` }))));
  }
  function setFollow(/** @type {boolean} */ on) {
    follow = on;
    if (on) list.toEnd();
    controls();
  }

  function controls() {
    const total = plural(store.rows.length, "row");
    const waiting = store.paused ? ` · paused, ${grouped(store.held.length)} waiting` : "";
    if (follow || list.atEnd()) fresh = 0;
    put(pauseButton, store.paused ? "Resume" : "Pause");
    followButton.setAttribute("aria-pressed", String(follow));
    put(count, (terms.length ? `${grouped(rows.length)} of ${total}` : total) + waiting);
    freshButton.hidden = fresh === 0;
    put(freshButton, `↓ ${grouped(fresh)} new`);
    const nothingFits = [h("p", `None of ${total} fits the filter.`), button("Remove the filter", () => search.set(""))];
    if (!rows.length) fill(empty, store.rows.length ? nothingFits : store.link !== "connecting" && nothingYet());
    empty.hidden = rows.length > 0;
  }
  function shown() {
    for (const { key, values } of terms) if (key === "~") lookDeep(values[0]);
    // A hidden list cannot scroll.
    list.el.classList.toggle("none-yet", !rows.length);
    list.refresh();
    if (follow) list.toEnd();
    controls();
  }
  function rebuild() {
    takeBatch();
    rows = terms.length ? store.rows.filter(fits) : [...store.rows];
    shown();
  }

  function take() {
    const { added, trimmed, reset } = takeBatch();
    if (reset) return rebuild();
    if (trimmed.length) {
      const gone = new Set(trimmed);
      const kept = rows.filter((row) => !gone.has(row));
      list.shift(kept.length - rows.length);
      rows = kept;
    }
    let { first } = list.seen();
    for (const row of added) {
      // An answer may make its request fit.
      const head = terms.length && row.head && !rows.includes(row.head, -1000) ? [row.head] : [];
      for (const one of [...head, row].filter(fits)) {
        fresh++;
        if (insert(rows, one) >= first) continue;
        list.shift(1);
        first++;
      }
    }
    shown();
  }

  async function lookDeep(/** @type {string} */ text) {
    const known = deep.get(text) ?? { seqs: new Set(), upTo: 0, asked: 0 };
    const last = store.rows.findLast(({ seq }) => seq)?.seq ?? 0;
    if (isRun || text.length < 2 || last === known.upTo || Date.now() - known.asked < DEEP_EVERY) return;
    deep.set(text, Object.assign(known, { asked: Date.now() }));
    const path = `journal?body=false&limit=10000&after=${known.upTo}&text=${encodeURIComponent(text)}`;
    const { items } = await get(path).catch(() => ({ items: [] }));
    known.upTo = last;
    for (const { seq } of items) known.seqs.add(seq);
    if (items.length && !life.aborted) rebuild();
  }

  /** @param {Row | undefined} row @param {boolean} scroll from elsewhere: shows it even where the filter does not */
  function choose(row, scroll) {
    if (!row) return;
    chosen = row;
    note("at", row.seq ? String(row.seq) : "");
    body.classList.add("open");
    if (follow) setFollow(false);
    if (scroll && !rows.includes(row)) search.set("");
    if (scroll) list.show(rows.indexOf(row));
    list.refresh();
    pane.show(row);
  }

  function hidePane() {
    if (body.classList.contains("wide")) return body.classList.remove("wide");
    chosen = undefined;
    note("at", "");
    body.classList.remove("open");
    list.refresh();
    list.el.focus();
  }
  function move(/** @type {number} */ by) {
    const from = chosen ? rows.indexOf(chosen) : by > 0 ? list.seen().first - 1 : list.seen().last + 1;
    const to = Math.max(0, Math.min(rows.length - 1, from + by));
    list.show(to);
    choose(rows[to], false);
  }

  function draw(/** @type {HTMLElement} */ row, /** @type {number} */ at) {
    const of = rows[at];
    const [time, arrow, peer, name, ms, bytes, preview] = row.children;
    const [minute, before] = [of, rows[at - 1]].map((one) => clockTime(one?.time).slice(0, 6));
    put(time.children[0], minute === before ? "" : minute);
    put(time.children[1], clockTime(of.time, 3).slice(6));
    put(arrow, ARROWS[of.dir]);
    put(peer, of.peer);
    const [failed, message] = [of.dir === "in" && statusOf(of).includes("error"), of.kind === "message"];
    const called = visible(of.kind === "edit" ? of.name.slice(of.name.indexOf("/") + 1) : of.name) || "(no name)";
    put(name, `${of.head ? "└ " : ""}${called}${of.cause && !message ? ` (${of.kind})` : ""}${failed ? " ✗" : ""}`);
    put(ms, of.took === undefined ? "" : of.took.toFixed(of.took < 10 ? 1 : 0));
    put(bytes, message ? size(of.size) : "");
    put(preview, describe(of, failed));
    row.className = `row cells ${of.kind} ${of.dir} ${statusOf(of)}`;
  }

  watch("rows", take, life);
  watch("info link timers rooms connections coverage", controls, life);
  search.set(place.params.get("q") ?? "");
  rebuild();
  setPins(pinned());
  choose(asked(), true);
  // The history may still be on its way.
  const late = place.params.get("at");
  watch("rows", () => !chosen && late && late === place.params.get("at") && choose(asked(), true), life);
  return {
    keys: {
      j: () => move(1), k: () => move(-1), Escape: hidePane, p: () => pause(!store.paused), f: () => setFollow(!follow),
      Enter: () => (chosen ? body.classList.toggle("wide") : move(1)),
      "g c": () => chosen?.peer && go("Connections", { at: chosen.peer }),
    },
    navigated: () => {
      search.set(place.params.get("q") ?? "");
      choose(asked(), true);
    },
  };
}

function describe(/** @type {Row} */ of, /** @type {boolean} */ failed) {
  if (failed) return `${of.error || "no handler"}${of.near.length ? ` · did you mean ${of.near.join(" or ")}?` : ""}`;
  if (of.kind === "message") return `${of.fault ? `[${of.fault}] ` : ""}${isolated(visible(of.preview.slice(0, 256)))}`;
  const led = of.cause && `→ ${of.count ? plural(of.count, "message") : "no message"}`;
  return [visible(of.preview), ...of.changes.map(({ words }) => words), led].filter(Boolean).join(" ");
}

/** Values that the filter's keys may have, from what is there and was seen lately. */
function knownValues() {
  const lately = store.rows.slice(-5000);
  return {
    action: [...lately.map(({ name }) => name), ...store.coverage.map(({ name }) => name)],
    type: lately.flatMap(({ kind, type }) => [kind, type]),
    cause: lately.flatMap(({ cause, kind }) => (kind === "message" ? [] : [cause])),
    peer: store.connections.map(({ id }) => id), room: store.rooms.map(({ name }) => name), world: store.worlds.map(({ name }) => name),
  };
}

function nothingYet() {
  const [url, [timer]] = [socketUrl(), store.timers];
  const browser = `const socket = new WebSocket("${url}");\nsocket.onmessage = ({ data }) => console.log(data);`;
  const socketio = `const socket = io("${url.replace(/^ws/, "http").replace(/\/socket\.io.*/, "")}");`;
  const lines = store.info.protocol === "socket.io" ? socketio : browser;
  const words = "No message yet. Connect a client, or paste this into a browser's console:";
  const copy = button("Copy", () => copyText(lines, "lines"));
  return [h("p", words), h("pre", lines), copy, timer && h("p.dim", `By itself: the timer ${timer.name}, every ${timer.every}.`)];
}
