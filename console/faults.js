// Faults: what goes wrong on purpose, a row each.

import { call, isRun } from "./api.js";
import { attempt, button, chip, field, fill, h, put, region, select, table } from "./dom.js";
import { href } from "./nav.js";
import { every, load, store, watch } from "./store.js";

/** Of each kind: its own value's name, label and start, and what the kind does. @type {Record<string, [string, string, string, string]>} */
const KINDS = {
  latency: ["time", "Time", "500ms", "later by a time, or by one in a range such as 50ms..250ms"],
  drop: ["", "", "", "not at all"],
  error: ["code", "Code", "SCENARIO_ERROR", "an error instead of the answer"],
  close: ["code", "Code", "1011", "the connection closes instead"],
  abort: ["", "", "", "the connection is torn down instead"],
  stall: ["", "", "", "the connection is neither read nor written any more"],
  refuse: ["status", "Status", "503", "the handshake is refused"],
  slow: ["rate", "Bytes a second", "2000", "so slowly"],
  duplicate: ["", "", "", "twice"],
  corrupt: ["", "", "", "as broken JSON"],
  fragment: ["bytes", "Bytes", "16", "in frames of this size"],
  mute: ["", "", "", "pings are not answered"],
};

/** @type {Record<string, object[]>} */
const PROFILES = {
  "slow 3G": [{ kind: "latency", time: ["300ms", "600ms"] }, { kind: "slow", rate: 50_000 }],
  flaky: [{ kind: "latency", time: ["50ms", "2s"], share: 0.3 }, { kind: "drop", share: 0.1 }, { kind: "abort", share: 0.01 }],
  "server errors": [{ kind: "error", code: "SCENARIO_ERROR", share: 0.5 }],
  offline: [{ kind: "abort" }, { kind: "refuse", status: 503 }],
  none: [],
};

const shares = /** @type {Map<string, number>} */ (new Map()); // shares of faults that are switched off, which the server knows as a share of 0

/** Puts the whole list. @param {any[]} faults */
export async function setFaults(faults) {
  await call("PUT", "faults", faults.map(({ left, hits, ...declared }) => declared));
  await load("faults");
}

const change = (/** @type {number} */ at, /** @type {object} */ part) => {
  return setFaults(store.faults.map((fault, n) => (n === at ? { ...fault, ...part } : fault)));
};

export function faultsView(/** @type {HTMLElement} */ el, /** @type {AbortSignal} */ life) {
  const kind = select(Object.keys(KINDS), { onchange: showKind });
  const handler = select([]);
  const value = h("input", { size: 14 });
  const valueField = field("Time", value);
  const share = h("input", { type: "number", min: 0, max: 100, value: "100" });
  const times = h("input", { type: "number", min: 1, placeholder: "∞" });
  const [meaning, body] = [h("span.hint"), h("tbody")];
  const add = button("Add", (event) => {
    event.preventDefault();
    return setFaults([...store.faults, wanted()]);
  }, { class: "primary", type: "submit" });
  const more = [field("Handler", handler), field("Share %", share), field("Times", times)];
  const form = h("form.bar", field("Kind", kind), valueField, ...more, add, meaning);
  const profiles = Object.entries(PROFILES).map(([name, faults]) => chip(name, () => setFaults(faults)));
  const columns = ["on", "kind", "value", "handlers", "share", "left", "hits", ""];
  fill(el, !isRun && [form, h("div.bar", h("span.dim", "profiles"), profiles)], region("Faults", table("Faults", columns, body)));
  function showKind() {
    const [key, label, start, words] = KINDS[kind.value];
    valueField.hidden = !key;
    put(/** @type {Element} */ (valueField.firstElementChild), label);
    value.value = start;
    put(meaning, words);
  }

  /** The fault that the form describes. */
  function wanted() {
    const [key] = KINDS[kind.value];
    const range = value.value.split("..");
    const number = kind.value !== "error" && key !== "time";
    return {
      kind: kind.value,
      ...(key && { [key]: range.length > 1 ? range : number ? Number(value.value) : value.value }),
      ...(handler.value && { on: [handler.value] }),
      ...(share.value !== "100" && { share: Number(share.value) / 100 }),
      ...(times.value && { times: Number(times.value) }),
    };
  }

  function draw() {
    const kept = handler.value;
    const handlers = store.coverage.filter((one) => one.kind === "on").map(({ name }) => name);
    fill(handler, [...select(["=any", "push", ...handlers]).children]);
    handler.value = kept;
    // A control that is being used is not taken away.
    if (body.contains(document.activeElement) && document.activeElement?.matches(":active")) return;
    const none = h("tr", h("td.dim", { colspan: 8 }, "Everything works. Add a fault above, or choose a profile."));
    fill(body, store.faults.length ? store.faults.map(faultRow) : none);
  }
  showKind();
  watch("faults coverage", draw, life);
  draw();
  every(1000, () => store.faults.length && load("faults"), life);
  return { keys: {} };
}

function faultRow(/** @type {any} */ fault, /** @type {number} */ at) {
  const { kind, on = [], connections = [], left = "∞", hits = "", share = 1 } = fault;
  const identity = JSON.stringify({ ...fault, share: 0, left: 0, hits: 0 });
  const toggle = h("input", { type: "checkbox", role: "switch", checked: share > 0, "aria-label": `${kind} on`, disabled: isRun });
  toggle.addEventListener("change", () => attempt(toggle, () => {
    if (share > 0) shares.set(identity, share);
    return change(at, { share: share > 0 ? 0 : (shares.get(identity) ?? 1) });
  }));
  const slider = h("input", { type: "range", min: 0, max: 100, value: String(share * 100), "aria-label": `share of ${kind}`, disabled: isRun });
  const percent = h("output", `${Math.round(share * 100)} %`);
  slider.addEventListener("input", () => put(percent, `${slider.value} %`));
  slider.addEventListener("change", () => attempt(slider, () => change(at, { share: Number(slider.value) / 100 })));
  const [key, , , words] = KINDS[kind] ?? ["", "", "", ""];
  return h("tr", { class: share === 0 || left === 0 ? "dim" : "" },
    h("td", toggle), h("td", { title: words }, kind), h("td", [fault[key] ?? ""].flat().join(" to ")),
    h("td", [on].flat().join(", ") || "any", connections.length > 0 && ` of ${connections.join(", ")}`),
    h("td", slider, " ", percent), h("td.number", left),
    h("td.number", hits > 0 ? h("a", { href: href("Messages", { q: "status:fault" }) }, hits) : hits),
    h("td.actions", !isRun && button("remove", () => setFaults(store.faults.filter((_, n) => n !== at)))));
}
