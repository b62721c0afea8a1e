// The page: the line at the top, tabs, one view at a time, the keys.

import { call, isRun, root } from "./api.js";
import { connectionsView, worldPath } from "./connections.js";
import { dataView } from "./data.js";
import { button, clockTime, copyText, dialog, fill, grouped, h, plural, put, recall, remember, say, select, span } from "./dom.js";
import { faultsView } from "./faults.js";
import { messagesView } from "./messages.js";
import { VIEWS, go, place } from "./nav.js";
import { scenarioView } from "./scenario.js";
import { mockNow, onEvent, start, store, watch } from "./store.js";
import { advance, nextDue, timeView, toNext } from "./time.js";

/** @type {Record<string, (el: HTMLElement, life: AbortSignal) => View>} */
const MOUNT = {
  Messages: messagesView, Data: dataView, Time: timeView, Connections: connectionsView, Faults: faultsView, Scenario: scenarioView,
};
const HELP = {
  "/": "filter", "j k": "move down, up", Enter: "open, then full width; edit a cell (Data)", Esc: "close", p: "pause or resume", f: "follow",
  ".": "to the next timer", h: "hold the clock or let it run (Time)", "1 – 6": "views", e: "edit and send; edit a cell (Data)",
  n: "add an item (Data); to what never ran (Scenario)", Delete: "remove an item", "g c": "to the message's connection", "?": "these keys",
};
const THEMES = /** @type {Record<string, string>} */ ({ auto: "◐", light: "○", dark: "●" });

/** The line at the top: which mock and world this is, whether the page hears it, what time it has. Answers what follows a change of view. */
function header(/** @type {HTMLElement} */ el) {
  const [name, about] = [h("summary"), h("div.menu")];
  const world = select([], { onchange: () => location.assign(worldPath(world.value)) });
  const worldField = h("label.field", h("span", "world"), world);
  const link = h("span.link-state", { role: "status" });
  const time = button("", () => go("Time"), { class: "quiet clock", title: "to the Time view" });
  const due = h("span", { "aria-hidden": true });
  const next = button(["Next timer ", due], toNext, { "data-key": ".", title: "hold the clock and advance it to what is due next" });
  const clockPart = h("span.chips", button("+1s", () => advance("1s"), { title: "hold the clock and advance it by a second" }), next);
  const colours = button("", () => {
    const names = Object.keys(THEMES);
    remember("theme", names[(names.indexOf(recall("theme") ?? "auto") + 1) % names.length]);
    themed();
    // Pictures take their colours when they are painted.
    shown = "";
    show();
  }, { class: "quiet" });
  const resetTitle = "data, timers, journal, faults and clock as at the start";
  const reset = button("Reset", () => call("POST", "reset", {}).then(() => say("as at the start")), { title: resetTitle });
  const keys = button("?", () => help(), { class: "quiet", "aria-label": "Keys", "data-key": "?" });
  fill(el, h("h1", "ws-mock"), h("details.about", name, about), worldField, link, h("span.grow"), time, !isRun && clockPart, colours, keys);

  function themed() {
    const theme = recall("theme") ?? "auto";
    document.documentElement.style.colorScheme = theme === "auto" ? "light dark" : theme;
    put(colours, THEMES[theme]);
    colours.setAttribute("aria-label", `Colours: ${theme}`);
  }

  function info() {
    const { scenario = "…", title, version, seed, uptime, addresses = [] } = store.info;
    put(name, scenario);
    document.title = `${scenario} · ws-mock`;
    const copy = (/** @type {string} */ one) => button("copy", () => copyText(one, "address"), { class: "quiet", title: one });
    const list = addresses.map((/** @type {string} */ one) => h("p", h("code", one), " ", copy(one)));
    const links = ["info", "metrics"].map((path) => [" ", h("a", { href: root + path }, path)]);
    const facts = h("p.dim", `ws-mock ${version} · seed ${seed} · up ${uptime}`);
    fill(about, h("p", title), list, facts, !isRun && h("p", reset, links));
    const here = store.info.world ?? "main";
    worldField.hidden = isRun || Boolean(store.known.worlds);
    fill(world, [...select([...new Set([here, ...store.worlds.map((one) => one.name)])]).children]);
    world.value = here;
  }

  function state() {
    const [live, run] = [`● live ${grouped(store.rate)} msg/s`, `a recorded run of ${plural(store.rows.length, "row")}`];
    put(link, { connecting: "○ connecting", live, lost: "✕ ws-mock does not answer; trying again", run }[store.link]);
    document.body.dataset.link = store.link;
  }

  function clock() {
    const first = nextDue();
    put(time, `${clockTime(mockNow())}${store.clock.mode === "real" ? "" : " held"}`);
    put(due, first ? span(Math.max(0, first.due - mockNow())) : "");
    next.disabled = !first;
    // There the Time view has them.
    clockPart.hidden = place.view === "Time";
  }
  watch("info worlds", info);
  watch(isRun ? "link rows" : "link", state);
  watch("clock timers plans", clock);
  setInterval(clock, 500);
  for (const draw of [themed, info, state, clock]) draw();
  return clock;
}

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const [stage, tabs] = [byId("view"), byId("tabs")];
let life = new AbortController();
let [shown, prefix] = ["", ""];
let view = /** @type {View} */ ({ keys: {} });

const viewChanged = header(byId("header"));
for (const name of VIEWS) byId(`tab-${name}`).addEventListener("click", () => go(name));
tabs.addEventListener("keydown", ({ key }) => {
  const by = { ArrowRight: 1, ArrowLeft: VIEWS.length - 1 }[key];
  if (!by) return;
  go(VIEWS[(VIEWS.indexOf(place.view) + by) % VIEWS.length]);
  byId(`tab-${place.view}`).focus();
});

function show() {
  for (const tab of tabs.children) {
    tab.setAttribute("aria-selected", String(tab.textContent === place.view));
    tab.setAttribute("tabindex", tab.textContent === place.view ? "0" : "-1");
  }
  viewChanged();
  if (shown === place.view) return view.navigated?.();
  shown = place.view;
  life.abort();
  life = new AbortController();
  stage.replaceChildren();
  stage.classList.remove(...VIEWS.map((name) => name.toLowerCase()));
  stage.classList.add(shown.toLowerCase());
  stage.setAttribute("aria-labelledby", `tab-${shown}`);
  view = MOUNT[shown](stage, life.signal);
}

const help = () => dialog("Keys", [h("dl.keys", Object.entries(HELP).map(([key, words]) => [h("dt", h("kbd", key)), h("dd", words)]))]);

addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.matches("input:not([type=checkbox], [type=range]), textarea, select") || document.querySelector("dialog[open]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || (event.key === "Enter" && target.matches("button, a, summary"))) return;
  const key = prefix + event.key;
  prefix = event.key === "g" ? "g " : "";
  const marked = /** @type {HTMLElement | null} */ (document.querySelector(`[data-key="${CSS.escape(key)}"]`));
  if (view.keys[key]) view.keys[key]();
  else if (marked) marked.matches("input") ? marked.focus() : marked.click();
  else if (VIEWS[Number(key) - 1]) go(VIEWS[Number(key) - 1]);
  else return;
  event.preventDefault();
});

addEventListener("popstate", show);
// A removed world would come into being again by being asked about.
const leave = (/** @type {any} */ { action, name }) => action === "removed" && name === store.info.world && location.assign(worldPath("main"));
onEvent("world", leave);
watch("link", () => stage.classList.toggle("dimmed", store.link === "lost"));
show();
start();
