// A cell's value: shown, compared, and read back from what was typed with its type kept.

import { isolated, visible } from "./dom.js";
import { compactJson, parseJson, textOf, tryJson } from "./json.js";

const SHOWN = 200; // characters of a cell; the whole is in its editor
const ORDER = new Intl.Collator(undefined, { numeric: true });
export function cellText(/** @type {Json | undefined} */ json) {
  if (!json || json.kind === "string") return visible(textOf(json).slice(0, SHOWN));
  return isolated(visible(compactJson(json).slice(0, SHOWN)));
}

/** The JSON of what was typed: a text needs no quotes, a number stays a number. @param {string} text @param {Json | undefined} old */
export function typedJson(text, old) {
  if (old?.kind === "string") return JSON.stringify(text);
  const json = tryJson(text);
  // What had no type yet takes the one of the text.
  if (!old || old.kind === "null") return json?.raw ?? JSON.stringify(text);
  if (json?.kind === old.kind) return json.raw;
  if (old.items.length) parseJson(text);
  throw new Error(`this is a value of type ${old.kind} and stays one; found ${text.slice(0, 40) || "nothing"}`);
}

/** Numbers by size, other values by their text; absent ones last. @param {Json | undefined} a @param {Json | undefined} b */
export function compareCells(a, b) {
  if (!a || !b) return Number(!a) - Number(!b);
  return a.kind === "number" && b.kind === "number" ? Number(a.raw) - Number(b.raw) : ORDER.compare(a.value, b.value);
}

/** The names of all fields, in the order in which items have them. */
export function fieldsOf(/** @type {Json[]} */ items) {
  const fields = /** @type {string[]} */ ([]);
  for (const { keys } of items.slice(0, 200)) {
    for (const [at, key] of keys.entries()) if (!fields.includes(key)) fields.splice(fields.indexOf(keys[at - 1]) + 1, 0, key);
  }
  return fields;
}
