import { expect } from "ws-mock-server/playwright";
import { test } from "./app.js";

for (let n = 1; n <= 8; n++) {
  test(`test ${n} sees its own edits only`, async ({ openApp, page, mock }) => {
    await openApp();
    await expect(page.getByRole("status")).toHaveText("online");
    await expect(mock).toHaveReceived({ action: "getStations" });
    await expect(mock).not.toHaveReceived({ action: "getStationById" });
    expect(await mock.connections()).toHaveLength(1);
    const before = (await mock.data.stations.get("station_001")).status;
    await expect(page.getByRole("heading")).toHaveText(before);
    await mock.data.stations.patch("station_001", { status: `edited by ${n}` });
    await expect(page.getByRole("heading")).toHaveText(`edited by ${n}`);
    expect(await mock.clock.now()).toBe("2024-01-20T10:30:00.000Z");
  });
}
