/** `setupFiles: ["ws-mock-server/vitest"]`: matchers, a reset before each test, an end after each file. */
import { afterAll, beforeEach, expect } from "vitest";
import * as matchers from "./matchers.js";
import { resetAll, stopAll } from "./running.js";

declare module "vitest" {
  interface Assertion<T = any> extends matchers.MockMatchers<T> {}
}

expect.extend(matchers as {});
beforeEach(resetAll);
afterAll(stopAll);
