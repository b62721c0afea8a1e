import { type Mock, startMock } from "ws-mock-server";
import WS, { WS as Named } from "ws-mock-server/ws";
import { wsMock } from "ws-mock-server/vite";
import { expect } from "@jest/globals";
import "ws-mock-server/jest";

interface Chat {
  data: { messages: { id: number; text: string } };
  received: { type: "say"; text: string };
}

export async function typed(): Promise<void> {
  const mock: Mock<Chat> = await startMock<Chat>("chat.yaml", { seed: 1 });
  const entry = await mock.received({ type: "say" });
  const text: string = entry.message.text;
  await mock.data.messages.patch(1, { text });
  // @ts-expect-error no such field
  await mock.data.messages.patch(1, { txt: "" });
  // @ts-expect-error no such collection
  await mock.data.message.list();
  // @ts-expect-error no such message
  await mock.received({ type: "said" });
  await expect(mock).toHaveReceived({ type: "say" }, { timeout: "2s" });
  const server: Named = new WS("ws://localhost:0", { jsonProtocol: true });
  await expect(server).toReceiveMessage({});
  wsMock({ scenario: "chat.yaml", path: ["/ws", "/api"] });
}
