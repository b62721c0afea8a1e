/** The shapes of the control API, and what a test holds of a mock. */
import type { Time } from "./process.js";

/** A scenario's own types, where they are known. */
export interface Shape {
  data: Record<string, object>;
  received: unknown;
}

/** The types of a scenario about which nothing is known. */
export type AnyShape = { data: Record<string, Record<string, any>>; received: any };

export type Part<T> = T extends object ? { [K in keyof T]?: Part<T[K]> } : T;

/** A message of the journal. */
export interface Entry<M = any> {
  seq: number;
  /** By the mock's clock. */
  time: string;
  connection: string;
  direction: "in" | "out";
  /** The handler, or `push`. */
  name: string;
  /** In bytes. */
  size: number;
  message: M;
  shortened?: boolean;
  binary?: boolean;
  fault: string | null;
  [more: string]: unknown;
}

export interface Difference {
  path: string;
  wanted: unknown;
  found?: unknown;
}

export interface Nearest {
  entry: Entry;
  score: number;
  differences: Difference[];
}

export interface Connection {
  id: string;
  address: string;
  path: string;
  rooms: string[];
  [more: string]: unknown;
}

export interface Timer {
  name: string;
  every: string;
  due: string | null;
  paused: boolean;
}

export interface Fault {
  kind: string;
  on?: string[];
  share?: number;
  times?: number;
  connections?: string[];
  time?: Time | [Time, Time];
  [more: string]: unknown;
}

export type Key = string | number;
export type Address = "all" | { all: true } | { room: string } | { connection: string };

export interface Collection<T> {
  /** All items, or those that `query` asks for: fields, `page` and `limit`. */
  list(query?: Record<string, string | number | boolean>): Promise<T[]>;
  get(key: Key): Promise<T>;
  insert(item: Part<T>): Promise<T>;
  patch(key: Key, part: Part<T>): Promise<T>;
  put(key: Key, item: Part<T>): Promise<T>;
  remove(key: Key): Promise<T>;
}

export interface Waiting {
  /** 5 s unless given, a minute at most. */
  timeout?: Time;
  /** The handler that took the message. */
  name?: string;
  /** The `seq` of an earlier message: only later ones count. */
  after?: number;
}

export interface Mock<S extends Shape = AnyShape> {
  /** The world's name. */
  readonly name: string;
  readonly ws: string;
  readonly http: string;
  readonly control: string;
  /** Settled when the world is there; await it before a client connects to a world made with a seed or a clock. */
  readonly ready: Promise<void>;
  /** The newest open connection, awaited if there is none. */
  connected(options?: { timeout?: number }): Promise<Connection>;
  /** The first message of a client that has everything in `match`, awaited if none has come yet. */
  received(match?: Part<S["received"]>, options?: Waiting): Promise<Entry<S["received"]>>;
  readonly data: { readonly [C in keyof S["data"]]: Collection<S["data"][C]> };
  /** Resolves with the number of clients that it was sent to. */
  send(message: unknown, options?: { to?: Address; event?: string }): Promise<number>;
  trigger(name: string, args?: object): Promise<void>;
  /** Runs a timer's turn now. */
  fire(timer: string): Promise<void>;
  readonly timers: {
    list(): Promise<Timer[]>;
    set(name: string, options: { every?: Time; paused?: boolean }): Promise<void>;
  };
  /** Each resolves with the mock's time. */
  readonly clock: {
    now(): Promise<string>;
    hold(): Promise<string>;
    run(): Promise<string>;
    advance(time: Time): Promise<string>;
    set(time: string): Promise<string>;
  };
  readonly faults: {
    set(faults: Fault[]): Promise<Fault[]>;
    clear(): Promise<void>;
    list(): Promise<Fault[]>;
  };
  connections(): Promise<Connection[]>;
  /** Closes one connection, or all. */
  disconnect(options?: { code?: number; connection?: string }): Promise<void>;
  journal(query?: {
    name?: string;
    connection?: string;
    direction?: "in" | "out";
    after?: number;
    limit?: number;
  }): Promise<Entry[]>;
  tape(): Promise<Uint8Array>;
  /** Data, timers, faults, journal and clock as at the start; connections stay. */
  reset(options?: { seed?: number }): Promise<void>;
  /** Another world of the same process; with options it is made now, else on first use. */
  world(name: string, options?: { seed?: number; clock?: string }): Mock<S>;
  /** Ends the process, or this world. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
