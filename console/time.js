// Time: lanes of what happened and what is due. Dragging the line of now moves the mock's clock.

import { call, isRun, root } from "./api.js";
import { attempt, button, clockTime, copyText, dialog, dragging, duration, field, fill, h, link, put, region, say, span, table } from "./dom.js";
import { go } from "./nav.js";
import { penOf } from "./plot.js";
import { every, load, mockNow, setClock, store, watch } from "./store.js";

const [LANE, LABELS, RULER] = [24, 150, 20];
/** Marks of one lane ahead (a fast timer has no end of them); the last rows among which pushes are looked for. */
const [MAX_AHEAD, LOOK_BACK] = [200, 20_000];
const SPANS = ["10s", "1m", "5m", "30m", "2h"];
const GRID = ["1s", "2s", "5s", "10s", "30s", "1m", "5m", "10m", "30m", "1h"].map(duration);

/** Holds the clock or lets it run. */
const hold = async (/** @type {boolean} */ held) => setClock(await call("POST", "clock", { mode: held ? "manual" : "real" }));

/** Advances the clock, which stands from then on; goes back where the time is negative. @param {string} text such as `30s` */
export async function advance(text) {
  const by = duration(text);
  if (!by) throw new Error(`a time is such as 30s or 5m, found ${text || "nothing"}`);
  if (text.trim().startsWith("-")) return back(mockNow() - by);
  if (store.clock.mode === "real") await hold(true);
  setClock(await call("POST", "clock", { advance: `${by}ms` }));
  return load("timers");
}

/** The first timer or plan that is due. @returns {{ name: string, due: number } | undefined} */
export function nextDue() {
  const waiting = [...store.timers.filter(({ paused, due }) => !paused && due), ...store.plans];
  return waiting.map(({ name, due }) => ({ name, due: Date.parse(due) })).sort((a, b) => a.due - b.due)[0];
}

export async function toNext() {
  const next = nextDue();
  if (!next) throw new Error("nothing is due: no timer runs and nothing is planned");
  await advance(`${Math.max(1, Math.ceil(next.due - mockNow()))}ms`);
}

function lanes() {
  const found = /** @type {Map<string, Lane>} */ (new Map());
  const lane = (/** @type {string} */ mark, /** @type {string} */ name) => {
    const known = found.get(mark + name) ?? { name, mark, past: [], ahead: [] };
    found.set(mark + name, known);
    return known;
  };
  for (const { name, every, due, paused } of store.timers) {
    const { ahead } = lane("◷", name);
    for (let at = Date.parse(due); !paused && duration(every) && ahead.length < MAX_AHEAD; at += duration(every)) ahead.push(at);
  }
  for (const { due } of store.plans) lane("◇", "plans").ahead.push(Date.parse(due));
  for (const { kind, name, dir, head, time } of store.rows.slice(-LOOK_BACK)) {
    if (kind === "timer" && found.has(`◷${name}`)) lane("◷", name).past.push(time);
    else if (kind === "message" && dir === "out" && head?.kind !== "message") lane("▼", name).past.push(time);
  }
  return [...found.values()];
}

export function timeView(/** @type {HTMLElement} */ el, /** @type {AbortSignal} */ life) {
  let width = duration(SPANS[1]) * 2;
  let dragged = /** @type {number | undefined} */ (undefined); // to which mock time
  const canvas = h("canvas.lanes", { role: "img", "aria-label": "What happened and what is due, around now" });
  const now = h("output.clock");
  const by = h("input", { size: 7, value: "30s", "aria-label": "Time", title: "such as 30s, 5m, 1h 30m; -30s goes back" });
  const holdButton = button("hold", () => hold(store.clock.mode === "real"));
  const advanceButton = button("Advance", () => advance(by.value), { class: "primary" });
  const jumps = ["1s", "30s"].map((text) => button(`+${text}`, () => advance(text)));
  const next = button("Next timer", toNext, { "data-key": "." });
  const spans = SPANS.map((text) => button(`±${text}`, () => {
    width = duration(text) * 2;
    paint();
  }));
  const zoom = h("span.segments", { role: "group", "aria-label": "Span" }, spans);
  const [timers, triggers] = [h("tbody"), h("tbody")];
  const tables = [table("Timers", ["timer", "every", "due in", "", ""], timers), table("Triggers", ["trigger", ""], triggers)];
  const bar = h("div.bar", now, !isRun && [holdButton, by, advanceButton, jumps, next], h("span.grow"), zoom);
  fill(el, bar, canvas, region("Timers and triggers", tables));
  const room = () => canvas.clientWidth - LABELS;
  const toX = (/** @type {number} */ time) => LABELS + ((time - mockNow()) / width + 0.5) * room();
  const toTime = (/** @type {number} */ x) => mockNow() + ((x - LABELS) / room() - 0.5) * width;

  function paint() {
    const all = lanes();
    canvas.style.height = `${RULER + Math.max(2, all.length) * LANE}px`;
    const { pen, width: wide, height, inks } = penOf(canvas);
    const within = (/** @type {number} */ time) => toX(time) > LABELS && toX(time) < wide;
    pen.textBaseline = "middle";
    const step = GRID.find((one) => width / one < 14) ?? width;
    for (let time = Math.ceil(toTime(LABELS) / step) * step; toX(time) < wide; time += step) {
      pen.fillStyle = inks.line;
      pen.fillRect(toX(time), RULER, 1, height);
      pen.fillStyle = inks.dim;
      pen.fillText(clockTime(time), toX(time) - 24, RULER / 2);
    }
    all.forEach(({ name, mark, past, ahead }, n) => {
      const [top, middle] = [RULER + n * LANE, RULER + (n + 0.5) * LANE];
      pen.fillStyle = inks.ink;
      pen.fillText(name.length > 18 ? `${name.slice(0, 17)}…` : name, 24, middle);
      pen.fillStyle = pen.strokeStyle = mark === "▼" ? inks.out : inks.accent;
      pen.fillText(mark, 8, middle);
      for (const time of past.filter(within)) pen.fillRect(toX(time) - 1, top + 5, 2, LANE - 10);
      for (const time of ahead.filter(within)) pen.strokeRect(toX(time) - 3, middle - 3, 6, 6);
      pen.fillStyle = inks.line;
      pen.fillRect(0, top + LANE - 1, wide, 1);
    });
    const to = dragged ?? mockNow();
    pen.fillStyle = dragged === undefined ? inks.error : inks.accent;
    pen.fillRect(toX(to) - 1, 0, 2, height);
    if (dragged !== undefined) pen.fillText(`${to >= mockNow() ? "+" : "−"}${span(to - mockNow())}`, toX(to) + 6, RULER + 8);
  }
  function drag(/** @type {PointerEvent | undefined} */ event) {
    dragged = event && toTime(Math.max(LABELS, event.offsetX));
    paint();
  }
  function drop() {
    const ms = Math.round((dragged ?? mockNow()) - mockNow());
    drag(undefined);
    if (ms) attempt(canvas, () => advance(`${ms}ms`));
  }

  function tick() {
    const held = store.clock.mode !== "real";
    put(holdButton, held ? "run" : "hold");
    put(now, `${clockTime(mockNow(), 3)} ${held ? "held" : ""}`);
    for (const cell of timers.querySelectorAll("td[title]")) put(cell, span(Math.max(0, Date.parse(cell.getAttribute("title") ?? "") - mockNow())));
    if (dragged === undefined) paint();
  }

  function draw() {
    const noTimers = emptyRow("No timers. A scenario has them under `timers:`, each with `every:` and `do:`.");
    // An input that is being typed in is not taken away.
    if (!document.activeElement?.matches("td input")) fill(timers, store.timers.length ? store.timers.map(timerRow) : noTimers);
    fill(triggers, store.triggers.length ? store.triggers.map(triggerRow) : emptyRow("No triggers."));
    tick();
  }

  if (!isRun) dragging(canvas, drag, drop);
  watch("timers triggers plans", draw, life);
  watch("rows clock", tick, life);
  every(100, () => store.clock.mode === "real" && tick(), life);
  new ResizeObserver(() => life.aborted || paint()).observe(el);
  draw();
  return { keys: { h: () => holdButton.click() } };
}

const emptyRow = (/** @type {string} */ words) => h("tr", h("td.dim", { colspan: 5 }, words));

/** @param {any} timer */
function timerRow({ name, every, due, paused }) {
  const path = `timers/${encodeURIComponent(name)}`;
  const set = (/** @type {object} */ part) => call("PATCH", path, part).then(() => load("timers"));
  const input = h("input", { value: every, size: 8, "aria-label": `every, of ${name}`, disabled: isRun });
  input.addEventListener("change", async () => (await attempt(input, () => set({ every: input.value }))) && input.blur());
  return h("tr",
    h("td", link(name, () => go("Messages", { q: `cause:timer:${name}` }))),
    h("td", input),
    paused ? h("td", "paused") : h("td", { title: due }),
    h("td", !isRun && button("Fire", () => call("POST", `${path}/fire`))),
    h("td", !isRun && button(paused ? "go on" : "pause", () => set({ paused: !paused }))));
}

/** @param {any} trigger */
function triggerRow({ name }) {
  const start = () => {
    const args = h("textarea", { rows: 6, value: "{}", spellcheck: "false" });
    dialog(`Start ${name}`, [field("Arguments", args)], "Start", async () => {
      await call("POST", `triggers/${encodeURIComponent(name)}`, JSON.parse(args.value));
      say(`${name} started · `, link("show", () => go("Messages", { q: `cause:trigger:${name}` })));
    });
  };
  return h("tr", h("td", name), h("td", !isRun && button("Start…", start)));
}

/** To a moment that has passed, as far as the tape has it. */
async function back(/** @type {number} */ to) {
  const time = new Date(to).toISOString();
  try {
    await call("POST", "tape", { to: time });
    say(`back at ${clockTime(to, 3)}`);
  } catch (error) {
    const command = `ws-mock replay tape.jsonl --to ${time} --serve`;
    const tape = h("a", { href: `${root}tape`, download: "tape.jsonl" }, "Download the tape");
    const words = [h("p.problem", /** @type {Error} */ (error).message), h("p", "The tape can be replayed to this moment:"), h("pre", command)];
    dialog(`Go back to ${clockTime(to, 3)}`, [...words, h("div.chips", tape, button("Copy the command", () => copyText(command, "command")))]);
  }
}
