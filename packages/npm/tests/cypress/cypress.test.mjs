// Cypress' own binary comes from outside the package registry, so its commands run here on a stub of the command API:
// `Cypress.Commands.add`, `Cypress.log`, `cy.task` and a chain with `then`. The types are checked with the real ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { wsMock } from "ws-mock-server/cypress/plugin";

/** What Cypress does between the configuration's process and the browser's. */
function stub() {
  const [commands, hooks, events, chain] = [{}, [], {}, []];
  const on = (event, argument) => void (events[event] = argument);
  // Commands run one after the other, in the order of their calls.
  let last = Promise.resolve();
  const chainable = (promise) => ({ then: (next) => chainable(promise.then(next)), promise });
  const cy = {
    task(name, argument) {
      // Arguments and results pass between two processes as JSON; undefined is an error of the task.
      const run = async () => {
        const result = await events.task[name](JSON.parse(JSON.stringify(argument)));
        assert.notEqual(result, undefined, `the task \`${name}\` returned undefined`);
        return JSON.parse(JSON.stringify(result));
      };
      const result = last.then(run);
      last = result.catch(() => {});
      return chainable(result);
    },
  };
  const Cypress = { Commands: { add: (name, command) => (cy[name] = commands[name] = command) }, log: () => ({ set() {} }) };
  return { on, events, cy, Cypress, hooks, beforeEach: (hook) => hooks.push(hook) };
}

test("cy.mock calls the mock that the plugin started", async (t) => {
  const { on, events, cy, Cypress, hooks, beforeEach } = stub();
  await wsMock(on, { scenario: "stations", clock: "2024-01-20T10:30:00Z" });
  t.after(() => events["after:run"]());
  Object.assign(globalThis, { cy, Cypress, beforeEach });
  await import("ws-mock-server/cypress");
  const mock = (...args) => cy.mock(...args).promise;

  const { ws, control } = await mock();
  assert.match(ws, /^ws:\/\/localhost:\d+\/ws$/);
  assert.equal(await mock("clock.advance", "30s"), "2024-01-20T10:30:30.000Z");
  assert.equal((await mock("data.stations.patch", "station_007", { status: "error" })).status, "error");
  assert.equal(await mock("faults.clear"), null);
  await assert.rejects(mock("received", { action: "x" }, { timeout: 1 }), /no message received within 1ms/);
  await assert.rejects(mock("clock.jump"), /must get a method such as .* got `clock.jump`/);

  await mock("data.stations.patch", "station_007", { city: "Elsewhere" });
  for (const hook of hooks) hook();
  await mock("clock.now");
  assert.notEqual((await mock("data.stations.get", "station_007")).city, "Elsewhere");

  await events["after:run"]();
  await assert.rejects(fetch(`${control}health`));
});
