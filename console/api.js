// The control API, or the answers of it that were put into an offline file.

import { member, tryJson } from "./json.js";

/** Blocks `<script type="application/json" data-run="PATH">`: a recorded answer each. */
const recorded = new Map([...document.querySelectorAll("script[data-run]")].map((el) => [el.getAttribute("data-run"), el.textContent ?? ""]));

export const isRun = recorded.size > 0;
/** `/__mock/`, or `/@WORLD/__mock/`: where this page's modules came from. */
export const root = isRun ? "" : new URL("..", import.meta.url).pathname;

/** Asks the control API; a refusal is thrown in the server's words. @param {string} method @param {string} path @param {string} [body] JSON */
export async function request(method, path, body) {
  if (isRun) {
    const text = recorded.get(path);
    if (method === "GET" && text !== undefined) return { text, headers: new Headers() };
    throw new Error(method === "GET" ? "not in this run" : "this is a recorded run: nothing in it can be changed");
  }
  const headers = body === undefined ? undefined : { "content-type": "application/json" };
  const response = await fetch(root + path, { method, headers, body }).catch(() => {
    throw new Error("ws-mock does not answer; is it running?");
  });
  const text = await response.text();
  if (response.ok) return { text, headers: response.headers };
  throw new Error(member(member(tryJson(text), "error"), "message")?.value ?? `${method} ${path}: ${response.status} ${text.slice(0, 200)}`);
}

/** @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export async function call(method, path, body) {
  return JSON.parse((await request(method, path, body === undefined ? undefined : JSON.stringify(body))).text || "null");
}
export const get = (/** @type {string} */ path) => call("GET", path);

const EVENT_TYPES = "message connection room data clock timer fault reload limit world missed".split(" ");
const RETRY_AFTER = 1000;

/** Listens to the world's events. @param {{ event: (event: any) => void, open: () => void, lost: () => void }} hear */
export function listen(hear) {
  // After a loss the browser resumes by `Last-Event-ID`; where it gives up (an error status), this resumes by `?after=`.
  let last = "";
  const open = () => {
    const source = new EventSource(`${root}events${last ? `?after=${encodeURIComponent(last)}` : ""}`);
    for (const type of EVENT_TYPES) {
      source.addEventListener(type, (/** @type {MessageEvent} */ event) => {
        last = event.lastEventId || last;
        // Items keep their digits only in the text.
        hear.event({ ...JSON.parse(event.data), text: type === "data" ? event.data : "" });
      });
    }
    source.onopen = hear.open;
    source.onerror = () => {
      hear.lost();
      if (source.readyState === EventSource.CLOSED) setTimeout(open, RETRY_AFTER);
    };
  };
  open();
}
