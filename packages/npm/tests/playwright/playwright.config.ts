import { defineConfig } from "@playwright/test";
import type { Options } from "ws-mock-server/playwright";

export default defineConfig<object, Options>({
  testMatch: process.env.SPEC,
  fullyParallel: true,
  workers: 2,
  reporter: [["json", { outputFile: process.env.REPORT }]],
  outputDir: process.env.RESULTS,
  use: {
    mockOptions: { scenario: "stations", clock: "2024-01-20T10:30:00Z" },
    browserName: "chromium",
    launchOptions: {
      executablePath: process.env.CHROMIUM || undefined,
      // Without these Chromium looks for hosts of its maker's, which a closed network refuses.
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"],
    },
  },
});
