/** The control API of a running mock, over `node:http`: test runners replace the global `fetch` and timers. */
import * as http from "node:http";
import * as https from "node:https";

/** An answer of the control API that is an error. */
export class MockError extends Error {
  override name = "MockError";
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly answer: unknown,
  ) {
    super(message);
  }
}

export interface Answer {
  status: number;
  body: Buffer;
}

/** One request; rejects only if there is no answer. */
export function request(method: string, url: string, body?: unknown): Promise<Answer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = payload === undefined ? {} : { "content-type": "application/json" };
  // The mock runs on this machine, and Node does not trust its development certificate.
  const options = { method, headers, agent: false as const, rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const sent = (url.startsWith("https:") ? https : http).request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(payload);
  });
}

/** One request whose answer is a success. */
export async function call(root: string, method: string, path: string, body?: unknown): Promise<Buffer> {
  // Errors are made here, not in a callback, so that their stack leads to the test.
  const answer = await request(method, root + path, body).catch((cause: Error) => {
    throw new Error(
      `the mock at ${root} does not answer: ${cause.message}\nhint: it may have been stopped before this call`,
      { cause },
    );
  });
  if (answer.status < 400) return answer.body;
  const { error = {}, ...more } = parsed(answer.body);
  const message = error.message ?? `status ${answer.status}`;
  throw new MockError(`${method} ${path}: ${message}`, answer.status, error.code ?? "", more);
}

function parsed(body: Buffer): { error?: { code?: string; message?: string } } {
  try {
    return JSON.parse(body.toString());
  } catch {
    return {};
  }
}
