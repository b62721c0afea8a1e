/** Starts ws-mock for a test and takes it in hand. */
import { call } from "./control.js";
import { mainWorld } from "./mock.js";
import { type StartOptions, start } from "./process.js";
import { running } from "./running.js";
import type { AnyShape, Mock, Shape } from "./types.js";

export { MockError } from "./control.js";
export type { StartOptions, Time } from "./process.js";
export type * from "./types.js";

/** A process of its own, on a free port, playing a bundled scenario or a file. */
export async function startMock<S extends Shape = AnyShape>(scenario?: string, options: StartOptions = {}): Promise<Mock<S>> {
  const { stop, ...urls } = await start(scenario, options);
  const mock: Mock<S> = mainWorld(urls, async () => {
    running.delete(mock);
    await stop();
  });
  running.add(mock);
  return mock;
}

/** A mock that something else started, such as `http://localhost:10009`; `stop` leaves it running. */
export async function connectMock<S extends Shape = AnyShape>(url: string): Promise<Mock<S>> {
  const { origin } = new URL(url);
  const control = `${origin}/__mock/`;
  const { addresses } = JSON.parse((await call(control, "GET", "info")).toString()) as { addresses: string[] };
  const ws = addresses.find((address) => address.startsWith("ws")) ?? origin.replace("http", "ws");
  const place = { ws: new URL(new URL(ws).pathname, origin.replace("http", "ws")).href, http: origin, control };
  return mainWorld(place, async () => {});
}
