/// <reference types="cypress" />
/** For the support file: `cy.mock("clock.advance", "30s")` calls the mock that `ws-mock-server/cypress/plugin` started. */
import type { Mock } from "./types.js";

/** What is at a path such as `received` or `data.stations.patch`. */
type Member<T, P> = P extends `${infer Head}.${infer Rest}`
  ? Head extends keyof T
    ? Member<T[Head], Rest>
    : undefined
  : P extends keyof T
    ? T[P]
    : undefined;

type Arguments<P> = Member<Mock, P> extends (...args: infer A) => unknown ? A : never;
type Result<P> = Member<Mock, P> extends (...args: any[]) => Promise<infer R> ? R : never;

declare global {
  namespace Cypress {
    interface Chainable {
      /** Calls a method of the mock; without a path it yields the mock's URLs. */
      mock(): Chainable<Pick<Mock, "ws" | "http" | "control">>;
      mock<P extends string>(path: P, ...args: Arguments<P>): Chainable<Result<P>>;
    }
  }
}

Cypress.Commands.add("mock", (path?: string, ...args: unknown[]) => {
  const log = Cypress.log({ name: "mock", message: [path ?? "", ...args] });
  return cy.task("ws-mock", { path, args }, { log: false }).then((result) => {
    log.set({ consoleProps: () => ({ result }) });
    return result as any;
  });
});

beforeEach(() => {
  cy.mock("reset");
});
