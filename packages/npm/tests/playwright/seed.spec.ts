import { expect } from "ws-mock-server/playwright";
import { test } from "./app.js";

test.use({ mockOptions: { scenario: "stations", clock: "2030-01-01T00:00:00Z", seed: 7 } });

test("another seed is another world", async ({ openApp, page, mock }) => {
  await openApp();
  await expect(page.getByRole("status")).toHaveText("online");
  expect(await mock.clock.now()).toBe("2030-01-01T00:00:00.000Z");
  const other = mock.world("other", { seed: 8 });
  expect(await mock.data.stations.list()).not.toEqual(await other.data.stations.list());
  await other.stop();
});
