// Never ends: playwright.test.mjs kills its runner.
import { writeFileSync } from "node:fs";
import { test } from "ws-mock-server/playwright";
import { plain } from "./app.js";

test("goes on for ever", async ({ mock }) => {
  test.setTimeout(0);
  writeFileSync(process.env.REPORT!, plain(mock));
  await new Promise(() => {});
});
