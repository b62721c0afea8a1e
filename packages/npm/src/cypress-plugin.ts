/** For `setupNodeEvents`: starts the mock with the run, and calls it for `cy.mock()`. */
import { type StartOptions, startMock } from "./index.js";

/** The `on` of `setupNodeEvents`. */
type On = (event: any, action: any) => void;

export async function wsMock(on: On, options: StartOptions & { scenario?: string } = {}): Promise<void> {
  const { scenario, ...start } = options;
  const mock = await startMock(scenario, start);
  on("task", {
    async "ws-mock"({ path, args }: { path?: string; args: unknown[] }) {
      if (path === undefined) return { ws: mock.ws, http: mock.http, control: mock.control };
      const method = path.split(".").reduce((found: any, name) => found?.[name], mock);
      if (typeof method !== "function") {
        throw new Error(`cy.mock must get a method such as \`received\` or \`clock.advance\`, got \`${path}\``);
      }
      // Cypress takes an undefined result for a task that does not exist.
      return (await method(...args)) ?? null;
    },
  });
  on("after:run", () => mock.stop());
}
