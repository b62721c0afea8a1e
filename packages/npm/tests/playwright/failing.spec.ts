// These tests fail on purpose: playwright.test.mjs reads their report.
import { expect } from "ws-mock-server/playwright";
import { test } from "./app.js";

test.describe.configure({ mode: "default" });

for (const title of ["the first fails", "the second fails in a new worker"]) {
  test(title, async ({ openApp, mock }) => {
    await openApp();
    await mock.received({ action: "getStations" });
    await expect(mock).toHaveReceived({ action: "getNothing" }, { timeout: 20 });
  });
}
