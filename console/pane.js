// What one row holds: the message in four forms, why it was sent, what can be done with it.

import { isRun } from "./api.js";
import { attempt, button, clockTime, copyText, fill, grouped, h, isolated, link, plural, put, select, size, visible } from "./dom.js";
import { diffLines, hexLines, member, prettyLines, textOf } from "./json.js";
import { go, goSource, note, place } from "./nav.js";
import { COPIES, editAndSend, presentPeer, sendAgain } from "./send.js";
import { entryOf, store } from "./store.js";
import { chosenPart, find, jsonTree } from "./tree.js";

const FORMS = ["pretty", "raw", "hex", "diff"];
const CONTEXT = 3; // equal lines around a difference; more are left out

/** @param {{ open: (row: Row) => void, close: () => void, pin: (row: Row) => void }} actions */
export function messagePane({ open, close, pin }) {
  let [row, entry] = [/** @type {Row | undefined} */ (undefined), /** @type {Json | undefined} */ (undefined)];
  let form = place.params.get("form") ?? "pretty";
  let [hits, hit] = [/** @type {Range[]} */ ([]), 0];
  const el = h("section.pane", { "aria-label": "Message" });
  const body = h("div.pane-body", { tabindex: 0, role: "region", "aria-label": "Content" });
  const found = h("output.dim");
  const search = h("input", { type: "text", "aria-label": "Search in the message", placeholder: "search", size: 10 });
  const forms = FORMS.map((name) => button(name, () => {
    form = name;
    note("form", name === "pretty" ? "" : name);
    return content();
  }));
  const parts = /** @type {const} */ (["path", "value"]).map((part) =>
    button(part, () => copyText(chosenPart(body)?.[part] || "message", part), { class: "quiet", title: `Copy the ${part} of the chosen line` }),
  );
  const copyParts = h("span", h("span.dim", "copy"), parts);
  const bar = h("div.bar", h("span.segments", { role: "group", "aria-label": "Form" }, forms), search, found, h("span.grow"), copyParts);
  function mark() {
    [hits, hit] = [find(body, search.value), 0];
    showHit();
  }
  function showHit() {
    put(found, search.value && `${hits.length ? hit + 1 : 0} of ${hits.length}`);
    hits[hit]?.startContainer.parentElement?.scrollIntoView({ block: "nearest" });
    CSS.highlights?.set("current", new Highlight(...hits.slice(hit, hit + 1)));
  }

  search.addEventListener("input", mark);
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !hits.length) return;
    hit = (hit + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
    showHit();
  });

  async function show(/** @type {Row} */ next) {
    [row, entry] = [next, undefined];
    const message = next.kind === "message";
    fill(el, head(next), message && bar, body, message && actions(next));
    // The preview is known at once; the whole message follows.
    fill(body, message ? h("pre.dim", isolated(visible(next.preview.slice(0, 256)))) : causeBody(next));
    if (!message) return;
    try {
      const read = await entryOf(next);
      if (row !== next) return;
      entry = read;
      await content();
    } catch (error) {
      if (row === next) body.prepend(h("p.problem", /** @type {Error} */ (error).message));
    }
  }

  function head(/** @type {Row} */ of) {
    const { kind, dir, handler, head: parent, answer } = of;
    const asked = kind === "message" && dir === "in";
    const to = (/** @type {Row} */ other, /** @type {string} */ words) => link(words, () => open(other));
    const facts = [
      clockTime(of.time, 3), kind === "message" && `${grouped(of.size)} bytes`, of.took !== undefined && `${of.took} ms`,
      of.fault && h("span.warn", `fault: ${of.fault}`), of.world && of.world !== "main" && `world ${of.world}`,
      of.source && link(of.source, () => goSource(of.source)),
      parent && [of === parent.answer ? "answers " : "because of ", to(parent, `${parent.seq ? `#${parent.seq}` : parent.kind} ${parent.name}`)],
      answer && ["answered by ", to(answer, `#${answer.seq} ${answer.error}`)],
      asked && handler && !answer && (of.count ? "led to pushes, no answer" : "no answer yet"),
    ];
    const near = of.near.map((name) => link(name, () => goSource(store.coverage.find((known) => known.name === name)?.source ?? "")));
    const whom = of.peer && h("small", dir === "in" ? `▲ from ${of.peer}` : dir === "out" ? `▼ to ${of.peer}` : of.peer);
    return h("header",
      h("h2", h("bdi", visible(of.name) || "(no name)"), whom, of.error && h("span.error", ` ${of.error}`)),
      button("✕", close, { class: "quiet", "aria-label": "Hide pane", title: "Esc" }),
      h("div.facts", facts.map((fact) => fact && h("span", fact))),
      asked && !handler && h("p.problem", "no handler took this message", near.length > 0 && [" · did you mean ", ...near, "?"]));
  }

  function actions(/** @type {Row} */ of) {
    const message = () => {
      const json = member(entry, "message");
      if (!json) throw new Error("the message is not here yet");
      return json;
    };
    const again = () => {
      if (member(entry, "shortened")) throw new Error("the journal kept only the beginning of this message");
      return sendAgain(of, presentPeer(of.peer), message(), member(entry, "base64")?.value);
    };
    const copy = select(["=copy as…", ...Object.keys(COPIES)], { "aria-label": "Copy as", onchange: () => {
      const kind = copy.value;
      copy.value = "";
      attempt(copy, () => copyText(COPIES[kind](of, message()), kind));
    } });
    const edit = button("edit and send", () => editAndSend(of, message()), { "data-key": "e" });
    return h("footer.bar", !isRun && [button("send again", again), edit], copy, button("pin", () => pin(of)));
  }

  async function content() {
    for (const [at, button] of forms.entries()) button.setAttribute("aria-pressed", String(FORMS[at] === form));
    copyParts.hidden = form !== "pretty";
    const message = member(entry, "message");
    if (!row || !message) return;
    const text = textOf(message);
    const kept = member(entry, "shortened") && h("p.warn", `the first ${size(text.length)} of ${size(row.size)}; limits.journal_message keeps more`);
    const base64 = member(entry, "base64")?.value;
    const bytes = base64 === undefined ? new TextEncoder().encode(text) : Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    if (form === "diff") fill(body, await diff(row, message));
    else if (form === "hex") fill(body, kept, h("pre", hexLines(bytes).join("\n")));
    else if (form === "pretty" && message.items.length) fill(body, kept, jsonTree(message));
    else fill(body, kept, h("pre", { dir: "auto" }, isolated(visible(text)).replaceAll("␊", "␊\n")));
    mark();
  }
  return { el, show };
}

function causeBody(/** @type {Row} */ row) {
  const shown = (/** @type {Row["changes"][0]} */ { collection, keys, words }) => {
    const links = keys.slice(0, 50).flatMap((key) => [" ", link(visible(key), () => go("Data", { of: collection, at: key }))]);
    return h("p", words, links, keys.length > 50 && ` and ${keys.length - 50} more`);
  };
  const peers = new Set(store.rows.filter((other) => other.head === row).map(({ peer }) => peer)).size;
  const led = row.count ? `${plural(row.count, "message")} to ${plural(peers, "peer")}` : "no message was sent because of it";
  return [h("p", visible(row.preview)), ...row.changes.map(shown), row.cause && h("p.dim", led)];
}

async function diff(/** @type {Row} */ row, /** @type {Json} */ message) {
  const before = store.rows.findLast(({ seq, name, dir }) => seq > 0 && seq < row.seq && name === row.name && dir === row.dir);
  if (!before) return [h("p.dim", `no earlier ${row.name}`)];
  const old = member(await entryOf(before), "message") ?? message;
  const lines = (/** @type {Json} */ json) => (json.kind === "string" ? json.value.split("\n") : prettyLines(json));
  const rows = diffLines(lines(old), lines(message));
  const near = rows.map((_, at) => rows.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ same }) => !same));
  const cell = (/** @type {string} */ kind, text = "") => h(`pre.${kind}`, isolated(visible(text)));
  const kindOf = (/** @type {string | undefined} */ text, /** @type {string} */ kind) => (text === undefined ? "none" : kind);
  const cells = rows.map(({ left, right, same }, at) => {
    if (near[at]) return [cell(kindOf(left, same ? "same" : "gone"), left), cell(kindOf(right, same ? "same" : "came"), right)];
    return (at === 0 || near[at - 1]) && h("p.dim", "⋯");
  });
  const differing = rows.filter(({ same }) => !same).length;
  const words = differing ? `${plural(differing, "line")} differ from` : "equal to";
  return [h("p.dim", `${words} the previous ${row.name}, #${before.seq} of ${clockTime(before.time, 3)}`), h("div.diff", cells)];
}
