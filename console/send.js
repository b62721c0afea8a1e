// A message elsewhere: sent again, edited, to a peer, a room or everyone; as a line of a talk, a test, a shell. And how a peer is closed.

import { call, request, root } from "./api.js";
import { chip, dialog, field, h, link, put, say, select } from "./dom.js";
import { compactJson, member, parseJson, prettyLines } from "./json.js";
import { go } from "./nav.js";
import { store } from "./store.js";

const quoted = (/** @type {string} */ text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The path and body that send a message again. @param {Row} row @param {string} peer @param {Json} message @param {string} [base64] */
function resend({ dir, size }, peer, message, base64) {
  const [text, [event, first]] = [compactJson(message), message.items];
  // A text that is not JSON is as long as it is shown; a JSON text has quotes, too.
  const plain = message.kind === "string" && new TextEncoder().encode(message.value).length === size;
  const body = base64 ? `{"base64":"${base64}"}` : `{"${plain ? "text" : "message"}":${text}}`;
  if (dir === "in") return { path: `connections/${encodeURIComponent(peer)}/receive`, body };
  // In Socket.IO a message is its event's name and arguments.
  const socketio = store.info.protocol === "socket.io" && message.kind === "array" && event?.kind === "string";
  const what = socketio ? `"event":${compactJson(event)},"message":${first ? compactJson(first) : null}` : `"message":${text}`;
  return { path: "send", body: `{"to":{"connection":${JSON.stringify(peer)}},${what}}` };
}

/** `c1` is `a` in a talk, `c27` is `c27`. */
const actor = (/** @type {string} */ peer) => "abcdefghijklmnopqrstuvwxyz"[Number(peer.slice(1)) - 1] ?? peer;

/** @type {Record<string, (row: Row, message: Json) => string>} */
export const COPIES = {
  message: (_, { kind, raw, value }) => (kind === "string" ? value : raw),
  talk: (row, message) => `${actor(row.peer)}${row.dir === "in" ? ">" : "<"} ${compactJson(message)}`,
  test: ({ dir, peer }, message) => {
    const text = compactJson(message);
    return dir === "in" ? `await mock.received(${text});` : `await mock.send(${text}, { to: { connection: ${JSON.stringify(peer)} } });`;
  },
  curl: (row, message) => {
    const { path, body } = resend(row, row.peer, message);
    return `curl -X POST ${quoted(location.origin + root + path)} -H 'content-type: application/json' -d ${quoted(body)}`;
  },
  wscat: ({ dir }, message) => `npx wscat -c ${quoted(socketUrl())}${dir === "in" ? ` -w 5 -x ${quoted(compactJson(message))}` : ""}`,
};

/** Where a client connects. @returns {string} */
export const socketUrl = () => store.info.addresses?.find((/** @type {string} */ one) => one.startsWith("ws")) ?? "ws://localhost";

/** Plays a client's message, or sends the server's. @param {Row} row @param {string} peer @param {Json} message @param {string} [base64] */
export async function sendAgain(row, peer, message, base64) {
  const { path, body } = resend(row, peer, message, base64);
  const seq = member(parseJson((await request("POST", path, body)).text), "seq")?.raw;
  say(row.dir === "in" ? `played as ${peer}'s` : `sent to ${peer}`, seq && " · ", seq && link("show", () => go("Messages", { at: seq })));
}

/** The row's peer if it is still there, else another. @returns {string} */
export const presentPeer = (/** @type {string} */ peer) => (store.connections.find(({ id }) => id === peer) ?? store.connections[0])?.id ?? peer;

/** A text that says while it is typed whether it is JSON. @param {string} value */
function editor(value) {
  const problem = h("p.problem", { role: "status" });
  const text = h("textarea", { rows: 14, spellcheck: "false", value, dir: "auto", oninput: () => {
    put(problem, "");
    try {
      parseJson(text.value);
    } catch (error) {
      put(problem, /** @type {Error} */ (error).message);
    }
  } });
  return { text, problem };
}

export function editAndSend(/** @type {Row} */ row, /** @type {Json} */ message) {
  const { text, problem } = editor(prettyLines(message).join("\n"));
  const peer = select([...new Set([presentPeer(row.peer), ...store.connections.map(({ id }) => id)])]);
  const title = row.dir === "in" ? "Send as a client" : "Send to a client";
  const send = () => sendAgain({ ...row, size: -1 }, peer.value, parseJson(text.value));
  dialog(title, [field("Connection", peer), field("Message", text), problem], "Send", send);
}

/** @param {{ connection?: string, room?: string }} to an empty one is everyone */
export function sendTo(to) {
  const { text, problem } = editor("{\n  \n}");
  const event = h("input", { name: "event" });
  const whom = to.connection ?? (to.room === undefined ? "all" : `room ${to.room}`);
  const named = store.info.protocol === "socket.io" && field("Event", event);
  dialog(`Send to ${whom}`, [named, field("Message", text), problem], "Send", async () => {
    const target = JSON.stringify(whom === "all" ? { all: true } : to);
    const name = event.value && `,"event":${JSON.stringify(event.value)}`;
    const body = `{"to":${target}${name},"message":${compactJson(parseJson(text.value))}}`;
    const { sent } = JSON.parse((await request("POST", "send", body)).text);
    say(`sent to ${sent} of ${store.connections.length} peers`);
  });
}

/** @type {Record<string, string>} */
const CODES = {
  1000: "normal: the work is done", 1001: "going away: the server stops", 1008: "policy violation: not allowed, too fast",
  1009: "message too big", 1011: "internal error", 1012: "service restart: come back", 1013: "try again later",
  4000: "the application's own, 4000–4999",
};

export function closePeer(/** @type {string} */ connection) {
  const code = h("input", { name: "code", inputmode: "numeric", autofocus: true, size: 6, oninput: () => set(code.value) });
  const meaning = h("p.hint");
  const set = (/** @type {string} */ value) => {
    code.value = value;
    put(meaning, CODES[value] ?? "");
  };
  set("1012");
  const usual = h("div.chips", Object.keys(CODES).map((one) => chip(one, () => set(one))));
  dialog(`Close ${connection}`, [field("Code", code), usual, meaning], "Close connection", async () => {
    await call("DELETE", `connections/${encodeURIComponent(connection)}?code=${encodeURIComponent(code.value)}`);
    say(`${connection} closed with ${code.value}`);
  });
}
