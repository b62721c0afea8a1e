// Shapes that several modules share, for `tsc --checkJs` and for readers. Nothing of this is served.

/** JSON as it was written; `value` is a string's characters, any other value's source. */
interface Json {
  kind: JsonKind;
  raw: string;
  value: string;
  keys: string[];
  items: Json[];
}

type JsonKind = "object" | "array" | "string" | "number" | "boolean" | "null";

/** A line of the Messages view: a message, or what caused messages. */
interface Row {
  /** Of the message; 0 for other kinds. */
  seq: number;
  /** `message`, a cause (`timer edit trigger http`), or `connection clock limit reload missed`. */
  kind: string;
  /** By the mock's clock. */
  time: number;
  dir: "in" | "out" | "";
  peer: string;
  name: string;
  /** The message's own `type`. */
  type: string;
  size: number;
  preview: string;
  handler: string;
  /** The scenario's line: `stations.yaml:84`. */
  source: string;
  cause: string;
  took?: number;
  error: string;
  fault: string;
  /** Handlers of a similar name, where none took the message. */
  near: string[];
  world: string;
  /** The request that it answers, the cause that it follows. */
  head?: Row;
  answer?: Row;
  /** Rows below this one. */
  count: number;
  changes: { collection: string; keys: string[]; words: string }[];
}

/** A part of a filter: `-peer:c1,c2`, `size:>1k`; the key of a bare text is `~`. */
interface Term {
  text: string;
  not: boolean;
  key: string;
  op: string;
  values: string[];
}

/** What a filter needs to know apart from the row: the peers of a room, the messages with a text deep inside. */
interface Knowledge {
  members(room: string): string[];
  deep(text: string): Set<number> | undefined;
}

interface Completion {
  /** Where in the text the insertion begins. */
  from: number;
  options: { insert: string; label: string; hint?: string }[];
}

interface SearchOptions {
  label: string;
  placeholder: string;
  /** Answers with what is wrong, or nothing. */
  change(text: string): string;
  /** What may follow the text before the caret. */
  complete(before: string): Completion;
}

interface ListOptions {
  label: string;
  /** Of a row, in pixels. */
  height: number;
  /** The row of column headers; it scrolls sideways with the rows. */
  head: HTMLElement;
  count(): number;
  /** An empty row. */
  make(): HTMLElement;
  /** Fills a row, which may have shown another item. */
  draw(row: HTMLElement, at: number): void;
  /** The item that the keyboard acts on. */
  selected(): number;
  /** An item was clicked. */
  pick(at: number, event: Event): void;
  /** The keyboard moves by rows and columns. */
  move(rows: number, columns: number): void;
  /** The user scrolled, certainly upwards or wherever the list is now. */
  scrolled?(upwards: boolean): void;
}

interface DiffRow {
  left?: string;
  right?: string;
  same: boolean;
}

/** A dot of the map: which item, where, in which colour. */
interface Dot {
  at: number;
  x: number;
  y: number;
  colour: string;
}

/** A lane of the Time view; times are the mock's. */
interface Lane {
  name: string;
  mark: string;
  past: number[];
  ahead: number[];
}

/** A line of the scenario's source, or a problem below its line. */
interface SourceLine {
  line?: number;
  text: string;
  count?: number;
  problem?: { column: number; message: string; hint?: string };
}

/** A view that is shown; what it set up ends with its signal. */
interface View {
  keys: Record<string, () => unknown>;
  /** The address changed within the view. */
  navigated?(): void;
}

/** What each type of event does; an event is as `GET events` has it. */
type Handlers = Record<string, (event: any) => unknown>;
type Leaf = Node | string | number | null | undefined | false;
type Child = Leaf | (Leaf | Leaf[])[];
type Tags = HTMLElementTagNameMap;
type Made<T> = T extends keyof Tags ? Tags[T] : T extends `${infer K extends keyof Tags}.${string}` ? Tags[K] : HTMLElement;
type Listeners<T> = Map<string, Set<(detail: T) => void>>;
