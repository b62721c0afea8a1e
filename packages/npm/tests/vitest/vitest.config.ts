import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    setupFiles: ["ws-mock-server/vitest"],
    include: ["*.test.ts"],
    pool: process.env.POOL as "forks" | "threads",
    maxWorkers: 2,
  },
});
