import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

test("a wrong setup list is reported", () => {
  const config = { rootDir: import.meta.dirname, testMatch: ["**/ws.test.cjs"], setupFiles: ["ws-mock-server/jest"], transform: {} };
  const jest = spawnSync("jest", ["--config", JSON.stringify(config)], { encoding: "utf8", cwd: import.meta.dirname });
  assert.equal(jest.status, 1);
  assert.match(jest.stderr, /`ws-mock-server\/jest` must be in `setupFilesAfterEnv`, and not in `setupFiles`/);
});
