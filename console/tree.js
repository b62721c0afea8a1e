// A JSON value as a tree: folded below two levels, moved through by the arrow keys, searched.

import { button, h, visible } from "./dom.js";
import { prettyLines } from "./json.js";

const PART = 200; // elements of a list that are shown at first
const [OPEN_LEVELS, MAX_HITS, ITEM] = [2, 1000, "[role=treeitem]"];

/** @type {WeakMap<Element, { json: Json, path: string, open: (wanted: boolean) => void }>} */
const nodes = new WeakMap();

export function jsonTree(/** @type {Json} */ json) {
  const tree = h("div.tree", { role: "tree", "aria-label": "Message" }, item(json, "", "", 1));
  /** @type {HTMLElement} */ (tree.firstElementChild).tabIndex = 0;
  tree.addEventListener("click", ({ target }) => {
    const el = /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest(ITEM));
    if (!el || /** @type {Element} */ (target).matches("button")) return;
    focus(tree, el);
    if (/** @type {Element} */ (target).matches(".fold")) nodes.get(el)?.open(el.getAttribute("aria-expanded") !== "true");
  });
  tree.addEventListener("keydown", (event) => {
    const all = /** @type {HTMLElement[]} */ ([...tree.querySelectorAll(ITEM)]).filter((el) => el.checkVisibility());
    const el = /** @type {HTMLElement} */ (document.activeElement);
    const [at, open] = [all.indexOf(el), el.getAttribute("aria-expanded")];
    const parent = all.indexOf(/** @type {HTMLElement} */ (el.parentElement?.closest(ITEM)));
    const inward = { ArrowRight: open === "true" ? at + 1 : at, ArrowLeft: open === "true" ? at : parent };
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, ...inward }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to === at) nodes.get(el)?.open(event.key === "ArrowRight");
    else if (all[to]) focus(tree, all[to]);
  });
  return tree;
}

function focus(/** @type {HTMLElement} */ tree, /** @type {HTMLElement} */ el) {
  for (const old of tree.querySelectorAll("[tabindex='0']")) /** @type {HTMLElement} */ (old).tabIndex = -1;
  el.tabIndex = 0;
  el.focus({ preventScroll: true });
  el.firstElementChild?.scrollIntoView({ block: "nearest" });
}

function item(/** @type {Json} */ json, /** @type {string} */ key, /** @type {string} */ path, /** @type {number} */ level) {
  const many = json.items.length > 0;
  const label = key && [h("bdi.key", visible(key)), ": "];
  const line = h("div.tree-line", h(many ? "span.fold" : "span.nofold"), label, summary(json));
  const el = h("div", { role: "treeitem", "aria-level": level, tabindex: -1 }, line);
  const group = h("div", { role: "group" });
  const open = (/** @type {boolean} */ wanted) => {
    if (!many) return;
    el.setAttribute("aria-expanded", String(wanted));
    if (wanted && !group.parentElement) {
      addPart(group, json, path, level, 0);
      el.append(group);
    }
    group.hidden = !wanted;
  };
  nodes.set(el, { json, path, open });
  open(level <= OPEN_LEVELS);
  return el;
}

/** @param {HTMLElement} group @param {Json} json @param {string} path @param {number} level @param {number} from */
function addPart(group, json, path, level, from) {
  const part = json.items.slice(from, from + PART).map((child, n) => {
    const key = json.kind === "object" ? json.keys[from + n] : String(from + n);
    const plain = /^[\p{L}_$][\p{L}\w$]*$/u.test(key);
    const step = json.kind === "array" ? `[${key}]` : plain ? `${path && "."}${key}` : `[${JSON.stringify(key)}]`;
    return item(child, key, path + step, level + 1);
  });
  group.append(...part);
  const rest = json.items.length - from - PART;
  if (rest <= 0) return;
  const more = button(`… ${rest} more`, () => {
    more.remove();
    addPart(group, json, path, level, from + PART);
  });
  group.append(more);
}

/** A value's own line: a scalar, or what a list or an object has inside. @param {Json} json */
function summary({ kind, raw, value, keys, items }) {
  if (kind === "array") return h("span.dim", `[${items.length || ""}]`);
  if (kind === "object") return h("span.folded", visible(`{ ${keys.slice(0, 5).join(", ")}${keys.length > 5 ? ", …" : ""} }`));
  return kind === "string" ? ['"', h("bdi.string", visible(value)), '"'] : h(`span.${kind}`, raw);
}

/** Where the keyboard is in a tree. @param {ParentNode} within */
export function chosenPart(within) {
  const node = nodes.get(within.querySelector(`${ITEM}[tabindex='0']`) ?? document.body);
  return node && { path: node.path, value: node.json.kind === "string" ? node.json.value : prettyLines(node.json).join("\n") };
}

/** Unfolds what contains a text and marks every place of it. @param {HTMLElement} within @param {string} words */
export function find(within, words) {
  const wanted = words.toLowerCase();
  const ranges = /** @type {Range[]} */ ([]);
  for (let opened = wanted !== ""; opened; ) {
    opened = false;
    for (const el of within.querySelectorAll("[aria-expanded='false']")) {
      const node = nodes.get(el);
      if (!node?.json.raw.toLowerCase().includes(wanted)) continue;
      node.open(true);
      opened = true;
    }
  }
  const walk = document.createTreeWalker(within, NodeFilter.SHOW_TEXT);
  while (wanted && walk.nextNode() && ranges.length < MAX_HITS) {
    const text = /** @type {Text} */ (walk.currentNode);
    const lower = text.parentElement?.className === "folded" ? "" : text.data.toLowerCase();
    for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, at + wanted.length)) {
      const range = new Range();
      range.setStart(text, at);
      range.setEnd(text, Math.min(text.length, at + wanted.length));
      ranges.push(range);
    }
  }
  CSS.highlights?.set("found", new Highlight(...ranges));
  return ranges;
}
