import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Mock } from "ws-mock-server";
import { test as base } from "ws-mock-server/playwright";

const APP = `<!doctype html>
<meta charset="utf-8">
<p role="status"></p>
<h1></h1>
<script type="module">
  const socket = new WebSocket(new URLSearchParams(location.search).get("ws"));
  const show = ({ status }) => status && (document.querySelector("h1").textContent = status);
  socket.onopen = () => {
    document.querySelector("[role=status]").textContent = "online";
    const data = { filters: {}, fields: ["id", "status"], pagination: { limit: 1 } };
    socket.send(JSON.stringify({ type: "request", action: "getStations", requestId: 1, data }));
  };
  socket.onmessage = ({ data: text }) => {
    const { data } = JSON.parse(text);
    data.stations?.forEach(show);
    data.updates?.filter(({ stationId }) => stationId === "station_001").forEach(({ updates }) => show(updates));
  };
</script>`;

/** The mock's URL as an app has it in its settings: without a world. */
export const plain = (mock: Mock) => mock.ws.replace(`/@${mock.name}`, "");

interface Fixtures {
  /** Opens the app, which shows the status of the first station. */
  openApp: () => Promise<void>;
}

export const test = base.extend<Fixtures, { app: string }>({
  // Chromium lets pages of this machine connect to this machine, and no others.
  app: [
    async ({}, use) => {
      const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(APP));
      await once(server.listen(0, "localhost"), "listening");
      await use(`http://localhost:${(server.address() as AddressInfo).port}/`);
      server.close();
    },
    { scope: "worker" },
  ],
  openApp: async ({ app, page, mock }, use) => {
    test.info().annotations.push({ type: "mock", description: plain(mock) });
    await use(async () => void (await page.goto(`${app}?ws=${encodeURIComponent(plain(mock))}`)));
  },
});
