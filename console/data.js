// Data: a collection as a table. An edit goes through the control API and says whom it reached.

import { isRun, request } from "./api.js";
import { cellText, compareCells, fieldsOf, typedJson } from "./cells.js";
import { attempt, button, chip, dialog, dragging, field, fill, grouped, h, link, plural, put, say, select, splitter, visible } from "./dom.js";
import { recall, remember } from "./dom.js";
import { compares, complete, parseFilter } from "./filter.js";
import { member, parseJson, prettyLines, textOf } from "./json.js";
import { virtualList } from "./list.js";
import { go, note, place } from "./nav.js";
import { COLOURS, coordinatesOf, geoMap, histogram } from "./plot.js";
import { searchLine } from "./search.js";
import { onEvent, store, watch } from "./store.js";

const MAX_ITEMS = 5000; // items that the page reads; a larger collection is narrowed on the server
const [PAGE, WIDTH, FLASH] = [1000, 120, 1200]; // items, pixels, milliseconds

export function dataView(/** @type {HTMLElement} */ el, /** @type {AbortSignal} */ life) {
  let [name, key, total, turn, asked, frame] = ["", "id", 0, 0, "", 0];
  let [items, rows] = [/** @type {Json[]} */ ([]), /** @type {Json[]} */ ([])];
  let [fields, terms] = [/** @type {string[]} */ ([]), parseFilter("").terms];
  let [sort, at] = [{ by: "", down: false }, { row: -1, column: 0 }];
  let widths = /** @type {Record<string, number>} */ ({});
  let locate = coordinatesOf(undefined);
  const flashes = /** @type {Map<string, number>} */ (new Map()); // until when, by `KEY FIELD`

  const [collections, count] = [h("div.chips", { role: "group", "aria-label": "Collections" }), h("span.count", { role: "status" })];
  const search = searchLine({
    label: "Filter items", placeholder: "filter: status:error ~text",
    change: (text) => {
      const filter = parseFilter(text, fields);
      terms = filter.terms;
      note("q", text.trim());
      arrange();
      if (`${narrowing()}` !== asked) read();
      return fields.length ? filter.problem : "";
    },
    complete: (before) => {
      const values = Object.fromEntries(fields.map((one) => [one, valuesOf(one)]));
      return complete(before, Object.fromEntries(fields.map((one) => [one, ""])), values);
    },
  });
  const head = h("div.cells", { role: "row" });
  const list = virtualList({
    label: "Items", height: 24, head, draw, count: () => rows.length, make: () => h("div.row.cells"), selected: () => at.row,
    move: (down, right) => choose(Math.max(0, at.row + down), at.column + right),
    pick: (row, { target }) => {
      const cell = /** @type {Element} */ (target).closest("[role=gridcell]");
      choose(row, [...(cell?.parentElement?.children ?? [])].indexOf(/** @type {Element} */ (cell)));
    },
  });
  const map = geoMap((row) => choose(row, 0));
  const colour = select([], { "aria-label": "Colours by", onchange: paintMap });
  const legend = h("span.legend");
  const side = h("section.pane.map-pane", { "aria-label": "Map" }, h("div.bar", h("span.dim", "colours by"), colour, legend), map.el);
  const body = h("div.split", h("div.side", list.el), splitter(side, "map"), side);
  const lines = "data:\n  stations:\n    items: [{ id: 1, status: active }]";
  const empty = h("div.empty", h("p", "This scenario has no data. A collection is three lines:"), h("pre", lines));
  fill(el, h("div.bar", collections, search.el, count, !isRun && button("Add", addItem)), body, empty);
  const keyOf = (/** @type {Json} */ item) => textOf(member(item, key));
  const valuesOf = (/** @type {string} */ one) => items.slice(0, PAGE).map((item) => textOf(member(item, one))).filter((text) => text.length < 40);
  const cellAt = () => /** @type {HTMLElement | null} */ (list.el.querySelector(".cells > .at"));

  function pickCollection() {
    const chosen = store.collections.find((one) => one.name === (place.params.get("of") ?? name)) ?? store.collections[0];
    const of = (/** @type {any} */ { name, count }) => chip([name, h("small", grouped(count))], () => go("Data", { of: name }), name === chosen.name);
    fill(collections, store.collections.map(of));
    empty.hidden = Boolean(chosen) || store.known.collections === undefined;
    body.hidden = !chosen;
    if (!chosen || chosen.name === name) return;
    ({ name, key } = chosen);
    widths = JSON.parse(recall(`widths.${name}`) ?? "{}");
    [sort, at, items, fields, total] = [{ by: "", down: false }, { row: -1, column: 0 }, [], [], 0];
    read();
  }

  /** What is asked of the server where there are too many items: only a plain `field:value` can be; the page does the rest. */
  function narrowing() {
    const plain = terms.filter(({ not, op, values, key: by }) => !not && !op && values.length === 1 && fields.includes(by));
    return total > MAX_ITEMS ? plain.map(({ key: by, text }) => [by, text.slice(by.length + 1).replaceAll('"', "")]) : [];
  }

  const read = () => attempt(count, readItems);
  async function readItems() {
    const mine = ++turn;
    const query = narrowing();
    asked = `${query}`;
    const found = /** @type {Json[]} */ ([]);
    let all = MAX_ITEMS;
    for (let page = 1; found.length < Math.min(all, MAX_ITEMS); page++) {
      const search = new URLSearchParams([["limit", String(PAGE)], ["page", String(page)], ...query]);
      const { text } = await request("GET", `data/${encodeURIComponent(name)}${isRun ? "" : `?${search}`}`);
      if (mine !== turn || life.aborted) return;
      const answer = parseJson(text);
      found.push(...(member(answer, "items")?.items ?? []));
      all = isRun ? found.length : Number(member(answer, "total")?.raw);
    }
    // A value that is still being typed finds nothing there.
    if (query.length && !found.length) return;
    items = found;
    if (!query.length) total = all;
    columns();
    const wanted = place.params.get("at");
    if (wanted) choose(rows.findIndex((item) => keyOf(item) === wanted), at.column);
  }

  function columns() {
    fields = fieldsOf(items);
    fill(head, fields.map(columnHead));
    locate = coordinatesOf(items[0]);
    body.classList.toggle("open", Boolean(locate));
    const few = fields.filter((one) => one !== key && new Set(items.map((item) => member(item, one)?.raw)).size <= COLOURS.length);
    const kept = [colour.value, "status", few[0]].find((one) => few.includes(one)) ?? "";
    fill(colour, few.map((one) => h("option", one)));
    colour.value = kept;
    search.set(place.params.get("q") ?? "");
  }

  function columnHead(/** @type {string} */ one) {
    const numbers = items.flatMap((item) => (member(item, one)?.kind === "number" ? [Number(member(item, one)?.raw)] : []));
    const sorter = button(visible(one), () => {
      sort = { by: one, down: sort.by === one && !sort.down };
      arrange();
    });
    const grip = h("span.grip");
    const cell = h("span", { role: "columnheader" }, sorter, numbers.length > 1 && histogram(numbers), grip);
    const resize = (/** @type {number} */ by) => {
      widths[one] = Math.max(40, (widths[one] ?? WIDTH) + by);
      cell.style.width = `${widths[one]}px`;
      list.refresh();
    };
    dragging(grip, (event) => resize(event.movementX), () => remember(`widths.${name}`, JSON.stringify(widths)));
    resize(0);
    return cell;
  }
  function fits(/** @type {Json} */ item) {
    return terms.every(({ key: by, op, values, not }) => {
      const text = (by === "~" ? item.raw : textOf(member(item, by))).toLowerCase();
      const [a, b] = Number.isNaN(Number(values[0])) ? [text, values[0]] : [Number(text), Number(values[0])];
      return (op ? compares(a, op, b) : values.some((value) => text.includes(value))) !== not;
    });
  }

  function arrange() {
    rows = items.filter(fits);
    if (sort.by) rows.sort((a, b) => compareCells(member(a, sort.by), member(b, sort.by)) * (sort.down ? -1 : 1));
    const order = sort.down ? "descending" : "ascending";
    [...head.children].forEach((cell, at) => void cell.setAttribute("aria-sort", fields[at] === sort.by ? order : "none"));
    const more = items.length >= MAX_ITEMS && total > items.length ? ` read of ${grouped(total)}: narrow with field:value` : "";
    put(count, `${terms.length ? `${grouped(rows.length)} of ` : ""}${plural(items.length, "item")}${more}`);
    list.refresh();
    paintMap();
  }

  function paintMap() {
    const groupOf = (/** @type {Json} */ item) => textOf(member(item, colour.value));
    const values = [...new Set(items.map(groupOf))].sort();
    const dots = rows.flatMap((item, row) => {
      const found = locate?.(item);
      return found ? [{ ...found, at: row, colour: COLOURS[values.indexOf(groupOf(item)) % COLOURS.length] }] : [];
    });
    fill(legend, values.slice(0, COLOURS.length).flatMap((value) => [h("i"), visible(value) || "–"]));
    for (const [n, dot] of legend.querySelectorAll("i").entries()) dot.style.background = COLOURS[n];
    map.show(dots, at.row);
  }

  function draw(/** @type {HTMLElement} */ row, /** @type {number} */ index) {
    const item = rows[index];
    if (row.children.length !== fields.length) fill(row, fields.map(() => h("span", { role: "gridcell", ondblclick: editCell })));
    fields.forEach((one, column) => {
      const cell = /** @type {HTMLElement} */ (row.children[column]);
      const value = member(item, one);
      const flash = (flashes.get(`${keyOf(item)} ${one}`) ?? 0) > performance.now();
      put(cell, cellText(value));
      cell.style.width = `${widths[one] ?? WIDTH}px`;
      cell.className = `${value?.kind ?? "none"}${index === at.row && column === at.column ? " at" : ""}${flash ? " flash" : ""}`;
    });
  }

  function choose(/** @type {number} */ row, /** @type {number} */ column) {
    at = { row: Math.min(row, rows.length - 1), column: Math.max(0, Math.min(fields.length - 1, column)) };
    note("at", rows[at.row] ? keyOf(rows[at.row]) : "");
    list.show(Math.max(0, at.row));
    list.refresh();
    cellAt()?.scrollIntoView({ block: "nearest", inline: "nearest" });
    paintMap();
  }

  function editCell() {
    const [cell, item, one] = [cellAt(), rows[at.row], fields[at.column]];
    if (isRun || !cell) return;
    if (one === key) return say(`${key} is the key and stays as it is`);
    const old = member(item, one);
    const input = h("input.cell-edit", { "aria-label": `${one} of ${keyOf(item)}`, value: textOf(old), dir: "auto" });
    const done = () => {
      document.querySelector(".refusal")?.remove();
      list.el.focus();
    };
    const patch = () => change("PATCH", keyOf(item), `{${JSON.stringify(one)}:${typedJson(input.value, old)}}`, "updated");
    const save = async () => (input.value === textOf(old) || (await attempt(input, patch))) && done();
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") done();
      if (event.key === "Enter") save();
    });
    input.addEventListener("blur", () => document.querySelector(".refusal") || input.remove());
    // Beside the list: its rows are used for other items as it scrolls.
    const { top, left, width, height } = cell.getBoundingClientRect();
    Object.assign(input.style, { top: `${top}px`, left: `${left}px`, width: `${Math.max(width, 160)}px`, height: `${height}px` });
    el.append(input);
    input.select();
  }

  /** Edits an item and says whom that reached. @param {string} method @param {string} of its key @param {string | undefined} body */
  async function change(method, of, body, /** @type {string} */ word, undo = "") {
    const path = `data/${encodeURIComponent(name)}${method === "POST" ? "" : `/${encodeURIComponent(of)}`}?report=true`;
    const { text, headers } = await request(method, path, body);
    const answer = parseJson(text);
    apply(method === "DELETE" ? [] : [member(answer, "item") ?? answer], method === "DELETE" ? [of] : []);
    const [peers, all] = (headers.get("x-ws-mock-pushed") ?? "0/0").split("/");
    const messages = member(member(answer, "pushed"), "messages")?.items.map(({ raw }) => raw).join(",");
    const show = messages && [" · ", link("show", () => go("Messages", { q: `seq:${messages}` }))];
    const back = undo && [" · ", link("undo", () => change("POST", of, undo, "is back"))];
    say(`${visible(of)} ${word} · pushed to ${peers} of ${all} peers`, show, back);
  }

  /** Takes over what changed, here or elsewhere. @param {Json[]} written @param {string[]} removed */
  function apply(written, removed) {
    for (const item of written) {
      const old = items.findIndex((one) => keyOf(one) === keyOf(item));
      const differing = item.keys.filter((one) => member(items[old], one)?.raw !== member(item, one)?.raw);
      for (const one of differing) flashes.set(`${keyOf(item)} ${one}`, performance.now() + FLASH);
      items[old < 0 ? items.length : old] = item;
      if (old < 0) total++;
    }
    const kept = items.filter((item) => !removed.includes(keyOf(item)));
    [items, total] = [kept, total - items.length + kept.length];
    // Many edits in a frame are arranged once.
    if (!frame) frame = requestAnimationFrame(() => {
      frame = 0;
      if (!life.aborted) fields.length ? arrange() : columns();
    });
    setTimeout(() => life.aborted || list.refresh(), FLASH + 20);
  }
  function addItem() {
    const like = rows[at.row] ?? items[items.length - 1];
    const text = h("textarea", { rows: 16, spellcheck: "false", value: like ? prettyLines(like).join("\n") : "{\n  \n}", dir: "auto" });
    const hint = h("p.hint", like ? `a copy of ${visible(keyOf(like))}: give it another ${key}` : "a JSON object");
    const add = () => change("POST", textOf(member(parseJson(text.value), key)), text.value, "added");
    dialog(`Add to ${name}`, [field("Item", text), hint], "Add", add);
  }

  function removeItem() {
    const item = rows[at.row];
    if (item && !isRun) attempt(cellAt() ?? list.el, () => change("DELETE", keyOf(item), undefined, "removed", item.raw));
  }

  watch("collections", pickCollection, life);
  watch("data", () => name && read(), life);
  onEvent("data", ({ collection, cut, removed, text }) => {
    if (collection !== name) return;
    const event = parseJson(text);
    if (cut) read();
    else apply(["created", "updated"].flatMap((what) => member(event, what)?.items ?? []), removed.map(String));
  }, life);
  pickCollection();
  return {
    keys: {
      n: addItem, e: editCell, Enter: editCell, Delete: removeItem,
      j: () => choose(at.row + 1, at.column), k: () => choose(Math.max(0, at.row - 1), at.column),
    },
    navigated: () => {
      search.set(place.params.get("q") ?? "");
      pickCollection();
    },
  };
}
