/** The server side of RFC 6455, as much of it as a test's socket needs: no extensions, no limits. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import * as timers from "node:timers";

const { setTimeout } = timers;

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CLOSE_ANSWER_MS = 1_000;

const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const RESERVED = 3;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

const PROTOCOL_ERROR = 1002;
const NO_STATUS = 1005;

export interface Ending {
  code?: number;
  reason?: string;
}

/** A connected client, seen from the server. */
export interface Client {
  send(message: string | Uint8Array): void;
  close(ending?: Ending): void;
  /** Makes the client fail: it has an `error` event, then a close with 1006. */
  fail(): void;
  /** Settled when the client is open on its side too. */
  readonly opened: Promise<void>;
  readonly closed: Promise<void>;
}

export function accept(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  onMessage: (client: Client, message: string | Buffer) => void,
): Client {
  socket.write(handshake(request));
  let unread = head;
  let parts: Buffer[] = [];
  let opcode = TEXT;
  let closing = false;
  let hasOpened = () => {};

  const write = (code: number, payload: Uint8Array) => {
    if (socket.writable) socket.write(frame(code, payload));
  };
  const endSoon = () => void setTimeout(() => socket.destroy(), CLOSE_ANSWER_MS).unref();
  const client: Client = {
    send: (message) => write(typeof message === "string" ? TEXT : BINARY, Buffer.from(message as string)),
    close({ code = 1000, reason = "" } = {}) {
      if (closing) return;
      closing = true;
      write(CLOSE, closePayload(code, reason));
      endSoon();
    },
    fail() {
      // Clients take a lost connection for a mere close, but must fail on a frame that RFC 6455 reserves.
      write(RESERVED, Buffer.alloc(0));
      socket.end();
      endSoon();
    },
    opened: new Promise((done) => (hasOpened = done)),
    closed: new Promise((done) => socket.once("close", () => done())),
  };
  const handle = (received: Frame) => {
    if (received.opcode === CLOSE) {
      client.close({ code: received.payload.length >= 2 ? received.payload.readUInt16BE() : NO_STATUS });
      socket.end();
    } else if (received.opcode === PING) {
      write(PONG, received.payload);
    } else if (received.opcode === PONG) {
      hasOpened();
    } else if (received.opcode <= BINARY) {
      if (received.opcode !== CONTINUATION) opcode = received.opcode;
      parts.push(received.payload);
      if (!received.final) return;
      const whole = Buffer.concat(parts);
      parts = [];
      if (!closing) onMessage(client, opcode === TEXT ? whole.toString() : whole);
    }
  };
  const read = (bytes: Buffer) => {
    unread = Buffer.concat([unread, bytes]);
    for (let next = parse(unread); next; next = parse(unread)) {
      unread = unread.subarray(next.size);
      if (!next.masked) return client.close({ code: PROTOCOL_ERROR, reason: "a client's frame must be masked" });
      handle(next);
    }
  };
  socket.on("data", read);
  // A client that resets its connection is closed, which `closed` says.
  socket.on("error", () => {});
  // Only an open client answers a ping.
  write(PING, Buffer.alloc(0));
  read(Buffer.alloc(0));
  return client;
}

function handshake({ headers }: IncomingMessage): string {
  const key = createHash("sha1").update(`${headers["sec-websocket-key"]}${GUID}`).digest("base64");
  // Browsers refuse an answer that chooses none of the subprotocols that they offered.
  const protocol = headers["sec-websocket-protocol"]?.split(",")[0]?.trim();
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${key}`,
    ...(protocol ? [`Sec-WebSocket-Protocol: ${protocol}`] : []),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function closePayload(code: number, reason: string): Buffer {
  if (code === NO_STATUS) return Buffer.alloc(0);
  const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason)]);
  payload.writeUInt16BE(code);
  return payload;
}

function frame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

interface Frame {
  opcode: number;
  final: boolean;
  masked: boolean;
  payload: Buffer;
  size: number;
}

/** The first frame of `bytes`, if all of it is there. */
function parse(bytes: Buffer): Frame | undefined {
  if (bytes.length < 2) return undefined;
  const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)];
  const short = second & 0x7f;
  const lengthEnd = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < lengthEnd) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const masked = (second & 0x80) !== 0;
  const start = lengthEnd + (masked ? 4 : 0);
  const size = start + length;
  if (bytes.length < size) return undefined;
  const payload = Buffer.from(bytes.subarray(start, size));
  if (masked) for (let n = 0; n < length; n++) payload[n]! ^= bytes[lengthEnd + (n & 3)]!;
  return { opcode: first & 0x0f, final: (first & 0x80) !== 0, masked, payload, size };
}
