// The filter's language: `action:getStations dir:in size:>1k ~text -peer:c3`.

/** What the page knows apart from the row: peers of a room, messages with a text deep inside. */

export const KEYS = /** @type {Record<string, string>} */ ({
  action: "the message's name or its handler",
  peer: "a connection, such as c3",
  dir: "in or out",
  status: "ok, error, fault, unhandled, unanswered",
  type: "message, timer, edit, trigger … or the message's own type",
  room: "peers that are in it now",
  world: "of this name",
  size: "bytes: >1k, <200",
  ms: "time to the answer: >50",
  seq: "numbers of messages: 12,13",
  cause: "what led to it: timer:NAME, edit:…, a seq",
});
/** @typedef {Record<string, string[]>} Values */
const FIXED = /** @type {Values} */ ({ dir: ["in", "out"], status: ["ok", "error", "fault", "unhandled", "unanswered"] });
const NUMERIC = /** @type {Values} */ ({ size: [">1k", ">64k", "<100"], ms: [">10", ">100", ">1000"] });

/** Reads a filter; `~` and words without a key look in the text, quotes keep spaces. @param {string} text @param {string[]} keys */
export function parseFilter(text, keys = Object.keys(KEYS)) {
  const terms = /** @type {Term[]} */ ([]);
  let problem = "";
  for (const [token, minus, rest] of text.matchAll(/(-?)((?:"[^"]*"?|\S)+)/g)) {
    const found = /^([\p{L}\w.]+):(.*)$/u.exec(rest);
    const key = found ? found[1] : "~";
    const bare = found ? found[2] : rest.replace(/^~/, "");
    const value = (found || /^"[^"]*"?$/.test(bare) ? bare.replaceAll('"', "") : bare).toLowerCase();
    const op = key === "~" ? "" : (/^[<>]=?/.exec(value)?.[0] ?? "");
    const values = key === "~" ? [value] : value.slice(op.length).split(",");
    const known = !found || keys.includes(key);
    if (!known) problem ||= `unknown key ${key}; known: ${keys.join(", ")}`;
    else if (values.some(Boolean)) terms.push({ text: token, not: minus === "-", key, op, values });
    const number = key in NUMERIC && values[0] && Number.isNaN(amount(values[0]));
    if (number) problem ||= `${key} takes a number such as >100, found ${value}`;
    const unknown = key in FIXED && !values.every((one) => FIXED[key].some((known) => known.startsWith(one)));
    if (unknown) problem ||= `${key} is one of ${FIXED[key].join(", ")}; found ${value}`;
  }
  return { terms, problem };
}

function amount(/** @type {string} */ text) {
  const found = /^([\d.]+)([km]?)$/.exec(text);
  return found ? Number(found[1]) * ({ k: 1e3, m: 1e6 }[found[2]] ?? 1) : Number.NaN;
}

export function statusOf(/** @type {Row} */ row) {
  const asked = row.dir === "in";
  if (asked && !row.handler && (row.error || row.near.length)) return "unhandled error";
  if (row.error || row.fault) return row.error ? "error" : "fault";
  return asked && !row.answer ? "unanswered ok" : "ok";
}

/** @type {Record<string, (row: Row) => string[]>} */
const TEXTS = {
  action: (row) => [row.name, row.handler], peer: (row) => [row.peer], dir: (row) => [row.dir], world: (row) => [row.world],
  status: (row) => statusOf(row).split(" "), type: (row) => [row.kind, row.type], cause: (row) => [row.cause],
  seq: (row) => [String(row.seq)],
};

/** Whether a row is what the filter wants. @param {Row} row @param {Term[]} terms @param {Knowledge} know */
export function matches(row, terms, know) {
  return terms.every((term) => matchesTerm(row, term, know) !== term.not);
}

/** @param {Row} row @param {Term} term @param {Knowledge} know */
function matchesTerm(row, { key, op, values }, know) {
  if (key === "~") {
    const text = `${row.name} ${row.error} ${row.cause} ${row.preview}`.toLowerCase();
    return text.includes(values[0]) || know.deep(values[0])?.has(row.seq) === true;
  }
  if (key === "room") return values.some((room) => know.members(room).includes(row.peer));
  if (key in NUMERIC) return row.kind === "message" && compares(key === "size" ? row.size : row.took, op, amount(values[0]));
  const texts = (TEXTS[key]?.(row) ?? []).map((text) => text.toLowerCase());
  // A last `*` is any ending; `err` is enough of `error`.
  return values.some((wanted) => {
    const begins = (key in FIXED && wanted) || (wanted.endsWith("*") && wanted.slice(0, -1));
    return wanted && texts.some((text) => text === wanted || (begins && text.startsWith(begins)));
  });
}

/** @param {number | string | undefined} found @param {string} op @param {number | string} wanted */
export function compares(found, op, wanted) {
  if (found === undefined) return false;
  return (op[0] === ">" && found > wanted) || (op[0] === "<" && found < wanted) || (op !== ">" && op !== "<" && found === wanted);
}

/** What may follow: keys, with their hints, or values of the key that is being typed. @param {Values} known @returns {Completion} */
export function complete(/** @type {string} */ before, /** @type {Record<string, string>} */ keys, known) {
  const token = (/(?:"[^"]*"?|\S)*$/.exec(before)?.[0] ?? "").replace(/^-/, "");
  const from = before.length - token.length;
  const colon = token.indexOf(":");
  if (colon < 0) {
    const fitting = Object.keys(keys).filter((key) => key.startsWith(token.toLowerCase()));
    return { from, options: fitting.map((key) => ({ insert: `${key}:`, label: `${key}:`, hint: keys[key] })) };
  }
  const [key, typed] = [token.slice(0, colon), token.slice(colon + 1).replaceAll('"', "")];
  const at = typed.lastIndexOf(",") + 1;
  const part = typed.slice(at).toLowerCase();
  const values = [...new Set([...(FIXED[key] ?? NUMERIC[key] ?? []), ...(known[key] ?? [])])];
  const fitting = values.filter((value) => value.toLowerCase().includes(part) && value.toLowerCase() !== part).slice(0, 12);
  const quoted = (/** @type {string} */ value) => (/\s/.test(value) ? `"${value}"` : value);
  return { from, options: fitting.map((value) => ({ insert: `${key}:${typed.slice(0, at)}${quoted(value)} `, label: value })) };
}
