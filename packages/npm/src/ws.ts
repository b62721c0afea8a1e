/** The API of jest-websocket-mock on a real socket: any client can connect, from any process. */
import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import * as timers from "node:timers";
import { type Client, type Ending, accept } from "./socket.js";

export type { Client, Ending } from "./socket.js";

const { setTimeout, clearTimeout } = timers;

// Less than a test runner's own limit of 5 s, which would not say what was awaited.
const CONNECTED_TIMEOUT_MS = 4_000;

export interface WSOptions {
  /** Messages are JSON: parsed when they come, written when they are sent. */
  jsonProtocol?: boolean;
}

export class WS {
  static instances: WS[] = [];

  /** Closes all servers and forgets their messages. */
  static async clean(): Promise<void> {
    const instances = WS.instances;
    WS.instances = [];
    const closed = instances.map((instance) => instance.close());
    for (const instance of instances) instance.messages = [];
    await Promise.all(closed);
  }

  /** Settled when clients can connect. */
  readonly ready: Promise<void>;
  /** All messages so far. */
  messages: any[] = [];
  /** Where it listens; of port 0 the free one is known once it is `ready`. */
  url: string;

  #json: boolean;
  #server = createServer((_, response) => response.writeHead(426).end("this is a WebSocket server\n"));
  #clients = new Set<Client>();
  #connections = queue<Client>();
  #unread = queue<any>();
  #events = new EventEmitter();
  #closed: Promise<void>;

  constructor(url: string, { jsonProtocol = false }: WSOptions = {}) {
    const { protocol, hostname, port } = new URL(url);
    if (protocol !== "ws:") throw new Error(`\`WS\` listens at ws:// only, got \`${url}\``);
    WS.instances.push(this);
    this.url = url;
    this.#json = jsonProtocol;
    this.#closed = new Promise((done) => this.#events.once("close", () => done()));
    this.#server.on("upgrade", (request, socket: Socket, head) => {
      // The clients of a handler that is registered when it connects see its first message too.
      const client = accept(request, socket, head, (from, message) => this.#receive(from, message));
      this.#connect(client);
    });
    this.ready = new Promise((done, fail) => {
      this.#server.once("error", (cause) => fail(cannotListen(url, cause)));
      this.#server.listen(Number(port || 80), hostname.replace(/^\[|\]$/g, ""), () => {
        const listening = new URL(url);
        listening.port = String((this.#server.address() as AddressInfo).port);
        this.url = port === "0" ? listening.href : url;
        done();
      });
    });
  }

  /** The next client that connects; each await takes one. */
  get connected(): Promise<Client> {
    return this.#connections.take(CONNECTED_TIMEOUT_MS).then((client) => {
      if (client) return client;
      throw new Error(
        `no further client connected to ${this.url} within ${CONNECTED_TIMEOUT_MS} ms\n` +
          "hint: each `await server.connected` takes one connection",
      );
    });
  }

  /** Settled when a connection was closed. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  get nextMessage(): Promise<any> {
    return this.#unread.take().then((taken) => taken.message);
  }

  /** As `nextMessage`; undefined when none comes in time. */
  next(timeout: number): Promise<{ message: any } | undefined> {
    return this.#unread.take(timeout);
  }

  on(event: "connection" | "close", callback: (client: Client) => void): void;
  on(event: "message", callback: (client: Client, message: any) => void): void;
  on(event: string, callback: (client: Client, message: any) => void): void {
    this.#events.on(event, callback);
  }

  /** To all connected clients. */
  send(message: any): void {
    const written = this.#json ? JSON.stringify(message) : message;
    for (const client of this.#clients) client.send(written);
  }

  /** Closes all connections and the server; the promise is settled when the clients have answered. */
  close(ending?: Ending): Promise<void> {
    return this.#end((client) => client.close(ending));
  }

  /** Makes all connections fail, and closes the server. */
  error(): Promise<void> {
    return this.#end((client) => client.fail());
  }

  async #end(leave: (client: Client) => void): Promise<void> {
    // Node frees the port at once, so the next test can listen there without waiting.
    this.#server.close();
    const clients = [...this.#clients];
    clients.forEach(leave);
    await Promise.all(clients.map((client) => client.closed));
    this.#events.emit("close");
  }

  #connect(client: Client): void {
    this.#clients.add(client);
    client.closed.then(() => {
      this.#clients.delete(client);
      this.#events.emit("close", client);
    });
    this.#events.emit("connection", client);
    client.opened.then(() => this.#connections.put(client));
  }

  #receive(client: Client, received: string | Buffer): void {
    const message = this.#json ? parsed(received) : received;
    this.messages.push(message);
    this.#events.emit("message", client, message);
    this.#unread.put({ message });
  }
}

export default WS;

function cannotListen(url: string, cause: Error): Error {
  const hint = "hint: workers that run side by side need a port each; `ws://localhost:0` takes a free one";
  return new Error(`\`WS\` cannot listen at ${url}: ${cause.message}\n${hint}`, { cause });
}

/** What is not JSON stays text, so that a failing assertion shows it. */
function parsed(received: string | Buffer): unknown {
  try {
    return JSON.parse(received.toString());
  } catch {
    return received;
  }
}

interface Queue<T> {
  put(item: T): void;
  take(): Promise<T>;
  take(timeout: number): Promise<T | undefined>;
}

function queue<T>(): Queue<T> {
  const items: T[] = [];
  const takers: ((item: T | undefined) => void)[] = [];
  return {
    put(item) {
      const taker = takers.shift();
      if (taker) taker(item);
      else items.push(item);
    },
    take(timeout?: number): Promise<any> {
      if (items.length) return Promise.resolve(items.shift());
      return new Promise((done) => {
        let late: NodeJS.Timeout | undefined;
        const taker = (item: T | undefined) => {
          clearTimeout(late);
          done(item);
        };
        takers.push(taker);
        if (timeout === undefined) return;
        late = setTimeout(() => {
          // A taker that gave up must not swallow the next item.
          takers.splice(takers.indexOf(taker), 1);
          done(undefined);
        }, timeout);
      });
    },
  };
}
