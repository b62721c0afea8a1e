// A list of any length: only the rows in sight exist, and they are used again as it scrolls.

import { h } from "./dom.js";

const OVERSCAN = 6; // rows beyond the edges, so that a slow scroll shows no gap

/** @param {ListOptions} options */
export function virtualList({ label, height, head, count, make, draw, selected, pick, move, scrolled }) {
  const id = `list-${label.toLowerCase()}`;
  const space = h("div.list-space", { role: "rowgroup" });
  const top = h("div.list-head", { role: "rowgroup" }, head);
  const el = h("div.list", { role: "grid", "aria-label": label, tabindex: 0 }, top, space);
  const pool = /** @type {(HTMLElement & { at?: number, drawn?: number })[]} */ ([]);
  let [version, own] = [0, -1];
  function seen() {
    const first = Math.floor(el.scrollTop / height);
    return { first, last: first + Math.floor((el.clientHeight - top.offsetHeight) / height) };
  }

  function paint() {
    const [{ first, last }, chosen] = [seen(), selected()];
    const from = Math.max(0, first - OVERSCAN);
    const to = Math.min(count(), last + OVERSCAN + 1);
    while (pool.length < to - from) {
      const row = make();
      row.setAttribute("role", "row");
      row.style.height = `${height}px`;
      pool.push(row);
      space.append(row);
    }
    for (let at = from; at < from + pool.length; at++) {
      const row = pool[at % pool.length];
      row.hidden = at >= to;
      if (row.hidden || (row.at === at && row.drawn === version)) continue;
      row.style.transform = `translateY(${at * height}px)`;
      row.setAttribute("aria-rowindex", String(at + 2));
      row.id = `${id}-${at}`;
      [row.at, row.drawn] = [at, version];
      draw(row, at);
      row.setAttribute("aria-selected", String(at === chosen));
    }
    if (chosen >= from && chosen < to) el.setAttribute("aria-activedescendant", `${id}-${chosen}`);
    else el.removeAttribute("aria-activedescendant");
  }
  function refresh() {
    version++;
    space.style.height = `${count() * height}px`;
    el.setAttribute("aria-rowcount", String(count() + 1));
    paint();
  }
  function scrollTo(/** @type {number} */ to) {
    el.scrollTop = to;
    own = el.scrollTop;
    paint();
  }

  el.addEventListener("scroll", () => {
    paint();
    if (el.scrollTop !== own) scrolled?.(false);
    own = -1;
  });
  // Under a stream of new rows the wheel speaks before the list has moved.
  el.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && el.scrollTop > 0 && scrolled?.(true), { passive: true });
  el.addEventListener("keydown", (event) => {
    const page = seen().last - seen().first;
    const rows = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count(), End: count() }[event.key] ?? 0;
    const columns = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
    if ((!rows && !columns) || event.target !== el) return;
    event.preventDefault();
    move(rows, columns);
  });
  space.addEventListener("click", (event) => {
    const row = /** @type {any} */ (event.target).closest("[role=row]");
    if (row) pick(row.at, event);
  });
  new ResizeObserver(() => el.isConnected && refresh()).observe(el);
  function show(/** @type {number} */ at) {
    const room = el.clientHeight - top.offsetHeight;
    if (at * height < el.scrollTop) scrollTo(at * height);
    else if ((at + 1) * height > el.scrollTop + room) scrollTo((at + 1) * height - room);
  }
  const shift = (/** @type {number} */ rows) => scrollTo(el.scrollTop + rows * height);
  const atEnd = () => el.scrollTop + el.clientHeight >= el.scrollHeight - height / 2;
  return { el, refresh, seen, show, atEnd, shift, toEnd: () => scrollTo(el.scrollHeight) };
}
