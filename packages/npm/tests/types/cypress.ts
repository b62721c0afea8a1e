/// <reference types="cypress" />
import "ws-mock-server/cypress";
import { wsMock } from "ws-mock-server/cypress/plugin";

export const config: Cypress.ConfigOptions = {
  e2e: { setupNodeEvents: (on) => wsMock(on, { scenario: "stations", clock: "2024-01-20T10:30:00Z" }) },
};

export function commands() {
  cy.mock("clock.advance", "30s").should("match", /^2024/);
  cy.mock("received", { action: "getStations" }).its("message.requestId").should("eq", 1);
  cy.mock("data.stations.patch", "station_007", { status: "error" });
  cy.mock().its("ws");
  // @ts-expect-error no such method
  cy.mock("clock.jump", "30s");
  // @ts-expect-error a fault has a kind
  cy.mock("faults.set", [{ time: "2s" }]);
}
