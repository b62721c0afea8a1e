import { defineConfig } from "@playwright/test";

// CHROMIUM names a browser that is there already, such as /usr/bin/chromium; without it Playwright's own is used.
export default defineConfig({
  testMatch: "*.spec.js",
  workers: 1,
  use: {
    browserName: "chromium",
    launchOptions: { executablePath: process.env.CHROMIUM || undefined },
  },
});
