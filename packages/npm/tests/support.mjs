/** What the tests of all runners share. */
import { once } from "node:events";
import WebSocket from "ws";

const has = (process.env.WS_MOCK_HAS ?? "").split(",");

/** `skip` of a test that needs something of the binary; see `packages/capabilities`. */
export const without = (name) => !has.includes(name) && `the binary has no ${name} (packages/capabilities)`;

export const FAR = 10_000;

/** A client whose messages are read one by one. */
export async function open(url, options = {}) {
  const socket = new WebSocket(url, options);
  const unread = [];
  let taker = () => {};
  socket.on("message", (data) => {
    const message = JSON.parse(data.toString());
    unread.push(message);
    taker();
  });
  socket.on("close", () => taker());
  await once(socket, "open");
  return {
    socket,
    send: (message) => socket.send(JSON.stringify(message)),
    async next() {
      const late = setTimeout(() => socket.terminate(), FAR);
      while (!unread.length && socket.readyState === WebSocket.OPEN) await new Promise((done) => (taker = done));
      clearTimeout(late);
      if (!unread.length) throw new Error(`no further message at ${url}`);
      return unread.shift();
    },
    async close() {
      socket.close();
      await once(socket, "close");
    },
  };
}

export function getStations(requestId, filters = {}) {
  return { type: "request", action: "getStations", requestId, data: { filters } };
}

export const isAlive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Waits for what another process does; fails when it does not. */
export async function until(what, condition) {
  for (const end = Date.now() + FAR; !(await condition()); await new Promise((done) => setTimeout(done, 10))) {
    if (Date.now() > end) throw new Error(`not within ${FAR} ms: ${what}`);
  }
}
