// Pictures of each view, light and dark, for the documentation: node test/pictures.mjs FOLDER, with CONSOLE_STATIONS as for the tests.
import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";
import WebSocket from "ws";

const [folder = "pictures"] = process.argv.slice(2);
const { protocol, host } = new URL(process.env.CONSOLE_STATIONS);
const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS });
const json = { "content-type": "application/json" };
await mkdir(folder, { recursive: true });

for (const colorScheme of ["light", "dark"]) {
  const root = `${protocol}//${host}/@${colorScheme}/__mock/`;
  const post = (path, body, method = "POST") => fetch(root + path, { method, headers: json, body: JSON.stringify(body) });
  await post("clock", { mode: "manual" });
  const { addresses } = await (await fetch(`${root}info`)).json();
  const page = await browser.newPage({ viewport: { width: 1180, height: 640 }, colorScheme });
  await page.goto(root);
  await page.locator(".link-state", { hasText: "live" }).waitFor();
  const clients = [];
  for (let n = 0; n < 3; n++) {
    const socket = new WebSocket(addresses.find((address) => address.startsWith("ws")));
    await new Promise((resolve) => socket.on("open", resolve));
    clients.push(socket);
  }
  const ask = async (n, action, more) => {
    const answer = new Promise((resolve) => clients[n].once("message", resolve));
    clients[n].send(JSON.stringify({ type: "request", action, ...more }));
    await answer;
  };
  await ask(2, "getStations", { data: { filters: { city: "казань" }, pagination: { limit: 15 } }, requestId: 1 });
  await post("clock", { advance: "12s" });
  await ask(1, "getStaitons", { requestId: 2 });
  await ask(0, "getStationById", { data: { stationId: "station_042" }, requestId: 3 });
  await post("clock", { advance: "18s" });
  await post("data/stations/station_007", { status: "error" }, "PATCH");
  await post("faults", [{ kind: "latency", time: ["50ms", "250ms"], share: 0.3 }, { kind: "drop", on: ["getStationStats"], times: 1 }], "PUT");
  await ask(0, "getStations", { data: { fields: ["id", "city", "status"], pagination: { limit: 3 } }, requestId: 4 });
  const shot = async (view) => {
    await page.goto(`${root}#/${view}`);
    await page.locator(".list .row, table").first().waitFor();
    if (view === "messages") await page.getByRole("row").filter({ hasText: "└ getStations" }).last().click();
    if (view === "data") await page.getByRole("gridcell", { name: "station_007" }).click();
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}/${view.split("?")[0]}-${colorScheme}.png` });
  };
  for (const view of ["messages", "data", "time", "connections", "faults", "scenario?line=97"]) await shot(view);
  for (const socket of clients) socket.terminate();
  await page.close();
  await fetch(`${protocol}//${host}/__mock/worlds/${colorScheme}`, { method: "DELETE" });
}
await browser.close();
