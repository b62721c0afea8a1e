// Elements, texts and the few widgets that every view uses. Nothing here parses HTML.

const PROPERTIES = ["value", "checked", "disabled", "open", "htmlFor"];

// An element: `h("button.quiet", { onclick }, "Text")`; listeners begin with `on`.
/** @template {string} T @param {T} tag @param {Record<string, any> | Child} [props] @param {Child[]} children @returns {Made<T>} */
export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split(".");
  const el = document.createElement(name);
  const plain = typeof props === "object" && props !== null && !(props instanceof Node) && !Array.isArray(props);
  if (classes.length) el.className = classes.join(" ");
  for (const [key, value] of Object.entries(plain ? props : {})) {
    if (value === undefined || value === null || (value === false && !key.startsWith("aria-"))) continue;
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else if (PROPERTIES.includes(key)) /** @type {any} */ (el)[key] = value;
    else el.setAttribute(key, String(value));
  }
  fill(el, ...(plain ? children : [/** @type {Child} */ (props), ...children]));
  return /** @type {any} */ (el);
}

/** Replaces what an element contains. @param {Element} el @param {Child[]} children */
export function fill(el, ...children) {
  const kept = children.flat(2).filter((child) => child !== null && child !== undefined && child !== false);
  el.replaceChildren(...kept.map((child) => (child instanceof Node ? child : String(child))));
}

/** Sets a text only where it differs: an unchanged one costs no layout. @param {Element} el @param {string} text */
export function put(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

const HIDDEN = /[\0-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/g;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** Shows control characters and direction overrides: a text cannot disguise itself or its neighbours. @param {string} text */
export function visible(text) {
  return text.replace(HIDDEN, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/** JSON reads from left to right whatever its strings are: each string gets a direction of its own. @param {string} text */
export function isolated(text) {
  if (!RIGHT_TO_LEFT.test(text)) return text;
  return text.replace(/"(?:[^"\\]|\\.)*/g, (string) => `"\u2068${string.slice(1)}\u2069`);
}

export const grouped = (/** @type {number} */ n) => n.toLocaleString("en-US");
export const plural = (/** @type {number} */ n, /** @type {string} */ one) => `${grouped(n)} ${one}${n === 1 ? "" : "s"}`;

export function size(/** @type {number} */ bytes) {
  if (bytes < 1000) return String(bytes);
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(bytes < 1e4 ? 1 : 0)}k` : `${(bytes / 1e6).toFixed(1)}M`;
}

/** `10:30:30`, in UTC as the control API writes it. @param {number} ms */
export function clockTime(ms, digits = 0) {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(11, digits ? 20 + digits : 19) : "";
}

export function span(/** @type {number} */ ms) {
  const s = Math.abs(ms) / 1000;
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s)}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${Math.floor(s % 60)}s`;
  return s < 86400 ? `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m` : `${Math.floor(s / 86400)}d`;
}

const UNITS = /** @type {Record<string, number>} */ ({ ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 });
/** Milliseconds of `300ms`, `1h 30m`. @param {string} text */
export function duration(text) {
  return [...text.matchAll(/([\d.]+)\s*(ms|s|m|h|d)/g)].reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit], 0);
}

/** A button whose work may take a while or be refused. @param {Child} label @param {(event: Event) => unknown} work */
export function button(label, work, /** @type {Record<string, any>} */ props = {}) {
  const el = h("button", { type: "button", ...props, onclick: (/** @type {Event} */ event) => attempt(el, () => work(event)) }, label);
  return el;
}

/** @param {Child} label @param {() => unknown} work @param {boolean} [pressed] where it is one of several */
export const chip = (label, work, pressed) => button(label, work, { class: "chip", "aria-pressed": pressed });
export const link = (/** @type {string} */ label, /** @type {() => unknown} */ work) => button(label, work, { class: "link" });

/** Works for a control: busy while it lasts, a refusal beside it in the server's words. Answers whether it went well. */
export async function attempt(/** @type {HTMLElement} */ anchor, /** @type {() => unknown} */ work) {
  document.querySelector(".refusal")?.remove();
  anchor.setAttribute("aria-busy", "true");
  try {
    await work();
    return true;
  } catch (error) {
    refuse(anchor, /** @type {Error} */ (error).message);
    return false;
  } finally {
    anchor.removeAttribute("aria-busy");
  }
}

function refuse(/** @type {HTMLElement} */ anchor, /** @type {string} */ message) {
  const at = anchor.getBoundingClientRect();
  const dismiss = h("button.quiet", { type: "button", "aria-label": "Dismiss", onclick: () => note.remove() }, "✕");
  const note = h("div.refusal", { role: "alert" }, visible(message), dismiss);
  (anchor.closest("dialog") ?? document.body).append(note);
  const below = at.bottom + note.offsetHeight + 8 < innerHeight;
  note.style.top = `${below ? at.bottom + 4 : Math.max(4, at.top - note.offsetHeight - 4)}px`;
  note.style.left = `${Math.max(4, Math.min(at.left, innerWidth - note.offsetWidth - 8))}px`;
}

let lineTimer = 0;
/** The line at the bottom, for six seconds. @param {Child[]} children */
export function say(...children) {
  const line = /** @type {HTMLElement} */ (document.getElementById("line"));
  fill(line, ...children);
  clearTimeout(lineTimer);
  lineTimer = setTimeout(() => fill(line), 6000);
}

export async function copyText(/** @type {string} */ text, /** @type {string} */ what) {
  // Without HTTPS or localhost there is no clipboard API: the text is offered to be copied by hand.
  if (navigator.clipboard) await navigator.clipboard.writeText(text).then(() => say(`${what} copied`));
  else dialog(`Copy the ${what}`, [h("textarea", { rows: 8, readonly: true, "aria-label": what, value: text })]);
}

export const field = (/** @type {string} */ label, /** @type {HTMLElement} */ control) => h("label.field", h("span", label), control);

/** @param {string[]} options the empty one may have words: `=any` */
export function select(options, props = {}) {
  return h("select", props, options.map((option) => h("option", { value: option.replace(/^=.*/, "") }, option.replace("=", ""))));
}

/** A part that scrolls by itself. @param {string} label @param {Child[]} children */
export const region = (label, ...children) => h("div.scroll", { tabindex: 0, role: "region", "aria-label": label }, ...children);

/** @param {string} label @param {string[]} columns @param {HTMLElement} body @param {string} [caption] */
export function table(label, columns, body, caption) {
  const heads = columns.map((name) => h(name ? "th" : "td", name));
  return h("table", { "aria-label": label }, caption && h("caption", caption), h("thead", h("tr", heads)), body);
}

/** A small dialog; its work is done on submit, and a refusal keeps it open. @param {string} title @param {Child[]} body */
export function dialog(title, body, submit = "", /** @type {() => unknown} */ work = () => {}) {
  const box = h("dialog", { "aria-label": title, onclose: () => box.remove() });
  const send = h("button.primary", submit);
  const leave = button(submit ? "Cancel" : "Done", () => box.close());
  const form = h("form", h("h2", title), ...body, h("div.actions", submit && send, leave));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await attempt(send, work)) box.close();
  });
  form.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && form.requestSubmit());
  box.append(form);
  document.body.append(box);
  box.showModal();
}

/** A bar that changes the width of what is right of it. @param {HTMLElement} target @param {string} name under which it is remembered */
export function splitter(target, name) {
  const bar = h("div.splitter", { role: "separator", "aria-orientation": "vertical", "aria-label": `Width of the ${name}` });
  const set = (/** @type {number} */ width) => {
    target.style.setProperty("--width", `${Math.max(240, Math.min(innerWidth - 240, width))}px`);
    remember(name, String(width));
  };
  if (recall(name)) set(Number(recall(name)));
  dragging(bar, (event) => set(target.offsetWidth - event.movementX));
  return bar;
}

/** @param {HTMLElement} el @param {(event: PointerEvent) => void} move @param {() => void} [end] */
export function dragging(el, move, end) {
  el.addEventListener("pointerdown", (event) => el.setPointerCapture(event.pointerId));
  el.addEventListener("pointermove", (event) => el.hasPointerCapture(event.pointerId) && move(event));
  if (end) el.addEventListener("pointerup", end);
}

// A browser that keeps nothing starts from the defaults each time.
const storage = (() => {
  try {
    return localStorage;
  } catch {}
})();
export const recall = (/** @type {string} */ name) => storage?.getItem(`ws-mock.${name}`);
export const remember = (/** @type {string} */ name, /** @type {string} */ value) => storage?.setItem(`ws-mock.${name}`, value);
