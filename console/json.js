// JSON as it was written: numbers keep their digits, objects the order of their keys. `JSON.parse` loses both.

const MAX_DEPTH = 256;
const SPACE = /[ \t\n\r]*/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SCALARS = /** @type {Record<string, JsonKind>} */ ({ t: "boolean", f: "boolean", n: "null" });

/** Parses a JSON text; throws a SyntaxError with the place of the first mistake. @param {string} text */
export function parseJson(text) {
  let at = 0;
  /** @param {string} wanted @returns {never} */
  function fail(wanted) {
    throw new SyntaxError(`expected ${wanted} at ${at + 1}, found ${at < text.length ? `"${text[at]}"` : "the end"}`);
  }
  function take(/** @type {RegExp} */ pattern) {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? "";
    at += found.length;
    return found;
  }
  function expect(/** @type {string} */ char) {
    if (text[at] !== char) fail(`"${char}"`);
    at++;
    take(SPACE);
  }
  /** @param {JsonKind} kind @param {number} start @returns {Json} */
  function node(kind, start, value = text.slice(start, at), /** @type {string[]} */ keys = [], /** @type {Json[]} */ items = []) {
    return { kind, raw: text.slice(start, at), value, keys, items };
  }
  function string() {
    const start = at;
    for (let escaped = true; escaped; ) {
      const end = text.indexOf('"', at + 1);
      at = end < 0 ? text.length : end;
      if (end < 0) fail("the string's closing quote");
      let back = end;
      while (text[back - 1] === "\\") back--;
      escaped = (end - back) % 2 === 1;
    }
    at++;
    return node("string", start, JSON.parse(text.slice(start, at)));
  }
  function list(/** @type {JsonKind} */ kind, /** @type {string} */ close, /** @type {number} */ depth) {
    const start = at;
    const [keys, items] = [/** @type {string[]} */ ([]), /** @type {Json[]} */ ([])];
    at++;
    take(SPACE);
    while (text[at] !== close) {
      if (items.length) expect(",");
      if (kind === "object") {
        if (text[at] !== '"') fail("a key in quotes");
        keys.push(string().value);
        take(SPACE);
        expect(":");
      }
      items.push(value(depth + 1));
      take(SPACE);
    }
    at++;
    return node(kind, start, undefined, keys, items);
  }
  /** @param {number} depth @returns {Json} */
  function value(depth) {
    take(SPACE);
    const start = at;
    if (depth > MAX_DEPTH) fail(`at most ${MAX_DEPTH} lists and objects in one another`);
    if (text[at] === '"') return string();
    if (text[at] === "{") return list("object", "}", depth);
    if (text[at] === "[") return list("array", "]", depth);
    const scalar = take(SCALAR) || fail("a value");
    return node(SCALARS[scalar[0]] ?? "number", start);
  }
  const root = value(0);
  take(SPACE);
  if (at < text.length) fail("nothing more");
  return root;
}

/** The value, or undefined where the text is not JSON. */
export function tryJson(/** @type {string} */ text) {
  try {
    return parseJson(text);
  } catch {}
}

/** @param {Json | undefined} json an object @param {string} key @returns {Json | undefined} */
export const member = (json, key) => json?.items[json.keys.lastIndexOf(key)];
/** A string's characters, anything else's source. */
export const textOf = (/** @type {Json | undefined} */ json) => json?.value ?? "";

/** The lines of a value, two spaces a level. @param {Json} json @param {string} before @param {string} after @returns {string[]} */
export function prettyLines(json, indent = "", before = "", after = "") {
  if (!json.items.length) return [indent + before + (json.kind === "object" ? "{}" : json.kind === "array" ? "[]" : json.raw) + after];
  const [open, close] = json.kind === "object" ? "{}" : "[]";
  const inner = json.items.flatMap((item, at) => {
    const key = json.kind === "object" ? `${JSON.stringify(json.keys[at])}: ` : "";
    return prettyLines(item, `${indent}  `, key, at < json.items.length - 1 ? "," : "");
  });
  return [indent + before + open, ...inner, indent + close + after];
}

/** JSON on one line, in which nothing acts on the terminal or editor it is pasted into. @param {Json} json @returns {string} */
export function compactJson(json) {
  if (json.kind === "array") return `[${json.items.map(compactJson).join(",")}]`;
  if (json.kind !== "object") return json.kind === "string" ? plainString(json.value) : json.raw;
  return `{${json.items.map((item, at) => `${plainString(json.keys[at])}:${compactJson(item)}`).join(",")}}`;
}

function plainString(/** @type {string} */ text) {
  const escaped = (/** @type {string} */ c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replace(/[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, escaped);
}

const MAX_DIFF_CELLS = 4_000_000; // above this many cells the table of common lines is not worth its memory

/** Lines side by side: equal ones in both columns, others in one. @param {string[]} a @param {string[]} b */
export function diffLines(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const same = (/** @type {string} */ line) => ({ left: line, right: line, same: true });
  const middle = changedLines(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [...a.slice(0, start).map(same), ...middle, ...a.slice(a.length - end).map(same)];
}

/** By the longest common subsequence. @param {string[]} a @param {string[]} b */
function changedLines(a, b) {
  const width = b.length + 1;
  const known = a.length * b.length <= MAX_DIFF_CELLS;
  const common = new Uint32Array(known ? (a.length + 1) * width : 0);
  for (let i = a.length - 1; known && i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const skipped = Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : skipped;
    }
  }
  const rows = /** @type {DiffRow[]} */ ([]);
  let [i, j, left, right] = [0, 0, /** @type {string[]} */ ([]), /** @type {string[]} */ ([])];
  const flush = () => {
    for (let n = 0; n < Math.max(left.length, right.length); n++) rows.push({ left: left[n], right: right[n], same: false });
    [left, right] = [[], []];
  };
  while (known && i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      flush();
      rows.push({ left: a[i++], right: b[j++], same: true });
    } else if (common[(i + 1) * width + j] >= common[i * width + j + 1]) left.push(a[i++]);
    else right.push(b[j++]);
  }
  left.push(...a.slice(i));
  right.push(...b.slice(j));
  flush();
  return rows;
}

/** Sixteen bytes a line: offset, hexadecimal, printable ASCII. @param {Uint8Array} bytes */
export function hexLines(bytes) {
  return Array.from({ length: Math.ceil(bytes.length / 16) }, (_, line) => {
    const part = [...bytes.subarray(line * 16, line * 16 + 16)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    return `${(line * 16).toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text}`;
  });
}
