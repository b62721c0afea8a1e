// Scenario: the source, what is wrong with it, how often each handler and step ran.

import { call, isRun, root } from "./api.js";
import { button, chip, clockTime, fill, grouped, h, link, plural, put, say, visible } from "./dom.js";
import { virtualList } from "./list.js";
import { go, note, place } from "./nav.js";
import { every, load, store, watch } from "./store.js";

const YAML = /((?:^|\s)#.*$)|((?<=^\s*|[-{,] +)"?[\w./*$-][^:"#{}[\],]*"?(?=:(?:\s|$)))|(\$\{.*?\})|("(?:[^"\\]|\\.)*"|'[^']*')/g;
const CLASSES = ["comment", "key", "expression", "string"];
const AROUND = 8; // lines around one that was asked for

export function scenarioView(/** @type {HTMLElement} */ el, /** @type {AbortSignal} */ life) {
  let lines = /** @type {SourceLine[]} */ ([]);
  let asked = "";
  const files = h("span.chips", { role: "group", "aria-label": "Files" });
  const state = h("span.count", { role: "status" });
  const exported = h("span.chips");
  const covered = button("", nextUncovered, { class: "quiet", title: "to the next handler or step that never ran" });
  const reload = button("Reload", () => call("POST", "reload").then(() => say("the scenario was read again")));
  const chosen = () => lines.findIndex(({ line }) => line !== undefined && String(line) === place.params.get("line"));
  const list = virtualList({
    label: "Source", height: 19, count: () => lines.length, draw, selected: chosen,
    head: h("div.cells", { role: "row" }, ["runs", "line", "source"].map((name) => h("span", { role: "columnheader" }, name))),
    make: () => h("div.row.cells", [1, 2, 3].map(() => h("span", { role: "gridcell" }))),
    pick: (at) => choose(at),
    move: (by) => choose(Math.max(0, Math.min(lines.length - 1, chosen() + by))),
  });
  fill(el, h("div.bar", !isRun && reload, state, files, h("span.grow"), covered, exported), list.el);
  function choose(/** @type {number} */ at, around = 0) {
    note("line", String(lines[at]?.line ?? ""));
    list.show(Math.max(0, at - around));
    list.show(Math.min(lines.length - 1, at + around));
    list.refresh();
  }

  function build() {
    const { scenario, coverage } = store;
    if (!scenario) return put(state, store.known.scenario ?? "");
    const shown = scenario.refused ?? scenario;
    const file = shown.files.find((/** @type {any} */ { name }) => name === place.params.get("file")) ?? shown.files[0];
    const counts = countsOf(file.name);
    const problems = shown.problems.filter((/** @type {any} */ one) => one.file === file.name);
    lines = file.text.replace(/\n$/, "").split("\n").flatMap((/** @type {string} */ text, /** @type {number} */ at) => [
      { line: at + 1, text, count: shown === scenario ? counts.get(at + 1) : undefined },
      ...problems.flatMap((/** @type {any} */ problem) => (problem.line === at + 1 ? [{ text: "", problem }] : [])),
    ]);
    const fileChip = (/** @type {any} */ { name }) => chip(name, () => go("Scenario", { file: name }), name === file.name);
    fill(files, shown.files.length > 1 && shown.files.map(fileChip));
    fill(state, stateWords());
    const exports = isRun ? [] : (scenario.exports ?? []);
    fill(exported, exports.map((/** @type {string} */ name) => h("a", { href: `${root}export/${name}`, download: "" }, name)));
    put(covered, `${coverage.filter(({ count }) => count > 0).length} of ${plural(coverage.length, "handler")} ran`);
    list.refresh();
    // A line that was asked for comes into sight once; later the reader scrolls.
    const wanted = `${place.params.get("file")}:${place.params.get("line")}`;
    if (chosen() >= 0 && wanted !== asked) choose(chosen(), AROUND);
    asked = wanted;
  }
  function stateWords() {
    const { bundled, loaded, files, problems, refused } = store.scenario;
    const read = `${bundled ? "bundled, " : ""}read at ${clockTime(Date.parse(loaded))}`;
    if (!refused) return [h("b", files[0].name), ` ${read}`, problems.length > 0 && h("span.warn", ` · ${plural(problems.length, "warning")}`)];
    const words = `the version of ${clockTime(Date.parse(refused.time))} has ${plural(refused.problems.length, "problem")}`;
    const toFirst = () => choose(lines.findIndex(({ problem }) => problem) - 1, AROUND);
    return [h("span.error", "✗ "), link(words, toFirst), `; the one ${read} goes on`];
  }
  function nextUncovered() {
    const from = chosen() + 1;
    const at = lines.map((_, n) => (n + from) % lines.length).find((n) => lines[n].count === 0);
    if (at !== undefined) choose(at, AROUND);
  }

  function draw(/** @type {HTMLElement} */ row, /** @type {number} */ at) {
    const { line = "", text, count, problem } = lines[at];
    const [runs, number, code] = row.children;
    row.className = `row cells${problem ? " problem" : ""}`;
    put(runs, count === undefined ? "" : `${grouped(count)}×`);
    runs.className = count === 0 ? "never" : "";
    put(number, String(line));
    if (!problem) return fill(code, highlighted(text));
    const hint = problem.hint && h("small", `hint: ${visible(problem.hint)}`);
    fill(code, `${" ".repeat(Math.max(0, problem.column - 1))}^ ${visible(problem.message)}`, hint);
  }
  watch("scenario coverage", build, life);
  build();
  every(2000, () => load("coverage"), life);
  return { keys: { n: nextUncovered }, navigated: build };
}

/** How often each line of a file ran. @param {string} file */
function countsOf(file) {
  const counts = /** @type {Map<number, number>} */ (new Map());
  for (const { source, count, steps = [] } of store.coverage) {
    for (const step of [{ source, count }, ...steps]) {
      const [, name, line] = /^(.*):(\d+)$/.exec(step.source ?? "") ?? [];
      if (name === file) counts.set(Number(line), (counts.get(Number(line)) ?? 0) + step.count);
    }
  }
  return counts;
}

/** @param {string} text a line of YAML */
function highlighted(text) {
  const parts = /** @type {(Node | string)[]} */ ([]);
  let from = 0;
  for (const found of text.matchAll(YAML)) {
    const kind = CLASSES[found.slice(1).findIndex((group) => group !== undefined)];
    parts.push(visible(text.slice(from, found.index)), h(`span.${kind}`, visible(found[0])));
    from = found.index + found[0].length;
  }
  return [...parts, visible(text.slice(from))];
}
