/** `setupFilesAfterEnv: ["ws-mock-server/jest"]`: matchers, a reset before each test, an end after each file. */
import { afterAll, beforeEach, expect } from "@jest/globals";
import * as matchers from "./matchers.js";
import { resetAll, stopAll } from "./running.js";

declare module "expect" {
  interface Matchers<R extends void | Promise<void>> extends matchers.MockMatchers<R> {}
}
declare global {
  namespace jest {
    interface Matchers<R> extends matchers.MockMatchers<R> {}
  }
}

// `setupFiles` run before Jest's globals are there.
if (!expect) throw new Error("`ws-mock-server/jest` must be in `setupFilesAfterEnv`, and not in `setupFiles`");

const { toHaveReceived, toReceiveMessage, toHaveReceivedMessages } = matchers;
expect.extend({ toHaveReceived, toReceiveMessage, toHaveReceivedMessages } as {});
beforeEach(resetAll);
afterAll(stopAll);
