/** Matchers for any `expect` that has `extend`. */
import { isDeepStrictEqual } from "node:util";
import type { AnyShape, Mock, Part, Shape, Waiting } from "./types.js";
import type { WS } from "./ws.js";

const NEXT_MESSAGE_MS = 1_000;

/** What a runner gives its matchers as `this`. */
interface Context {
  isNot: boolean;
  equals?(one: unknown, other: unknown): boolean;
  utils: {
    printExpected(value: unknown): string;
    printReceived(value: unknown): string;
    diff?(expected: unknown, received: unknown): string | null | undefined;
  };
}

interface Outcome {
  pass: boolean;
  message: () => string;
}

export interface MockMatchers<R = unknown> {
  /** A client sent a message that has everything in `match`; `.not` looks at what has come and does not wait. */
  toHaveReceived(match?: unknown, options?: Waiting): Promise<R>;
  /** The next message that a `WS` receives equals `message`. */
  toReceiveMessage(message: unknown, options?: { timeout?: number }): Promise<R>;
  /** A `WS` has received all of `messages`. */
  toHaveReceivedMessages(messages: unknown[]): R;
}

export async function toHaveReceived<S extends Shape = AnyShape>(
  this: Pick<Context, "isNot">,
  mock: Mock<S>,
  match?: Part<S["received"]>,
  options: Waiting = {},
): Promise<Outcome> {
  if (typeof mock?.received !== "function") return invalid(this, "toHaveReceived", "a mock of `startMock()`");
  try {
    const entry = await mock.received(match, this.isNot ? { ...options, timeout: 0 } : options);
    const found = JSON.stringify(entry.message);
    return { pass: true, message: () => `a message that should not have been received was: #${entry.seq} ${found}` };
  } catch (error) {
    if (!isTimeout(error)) throw error;
    return { pass: false, message: () => error.message };
  }
}

export async function toReceiveMessage(
  this: Context,
  server: WS,
  expected: unknown,
  { timeout = NEXT_MESSAGE_MS }: { timeout?: number } = {},
): Promise<Outcome> {
  if (typeof server?.next !== "function") return invalid(this, "toReceiveMessage", "a `WS`");
  const next = await server.next(timeout);
  // Without a message neither the matcher nor its opposite can be right.
  if (!next) return { pass: this.isNot, message: () => `no message was received within ${timeout} ms` };
  return {
    pass: equals(this, next.message, expected),
    message: () =>
      this.isNot
        ? `the next message should not have been ${this.utils.printReceived(next.message)}`
        : compared(this, "the next message is another one", expected, next.message),
  };
}

export function toHaveReceivedMessages(this: Context, server: WS, expected: unknown[]): Outcome {
  if (typeof server?.next !== "function") return invalid(this, "toHaveReceivedMessages", "a `WS`");
  const has = expected.map((message) => server.messages.some((received) => equals(this, received, message)));
  return {
    pass: this.isNot ? has.some(Boolean) : has.every(Boolean),
    message: () =>
      compared(this, this.isNot ? "some were received" : "some were not received", expected, server.messages),
  };
}

const equals = (context: Context, one: unknown, other: unknown) => (context.equals ?? isDeepStrictEqual)(one, other);

function compared({ utils }: Context, head: string, expected: unknown, received: unknown): string {
  const lines = [head, `wanted:   ${utils.printExpected(expected)}`, `received: ${utils.printReceived(received)}`];
  const difference = utils.diff?.(expected, received);
  return difference ? [...lines, "", difference].join("\n") : lines.join("\n");
}

function invalid({ isNot }: Pick<Context, "isNot">, matcher: string, wanted: string): Outcome {
  return { pass: isNot, message: () => `\`${matcher}\` must be asked of ${wanted}` };
}

function isTimeout(error: unknown): error is Error {
  return ((error as Error)?.cause as { status?: number } | undefined)?.status === 408;
}
