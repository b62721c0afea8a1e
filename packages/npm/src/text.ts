/** The journal as text: one line a message, and why no message fits. */
import type { Difference, Entry, Nearest } from "./types.js";

const PREVIEW_CHARACTERS = 400;

export function line(entry: Entry): string {
  const { seq, time, connection, direction, name, message, fault } = entry;
  const arrow = direction === "in" ? "→" : "←";
  const broken = fault ? ` (${fault})` : "";
  return `#${seq} ${time.slice(11, 23)} ${connection} ${arrow} ${name}${broken} ${shown(message)}`;
}

export const journalText = (entries: Entry[]) => entries.map((entry) => `${line(entry)}\n`).join("");

/** `nearest` is what the server found; `last` the last messages, where it looked for none. */
export function nothingFits(match: unknown, within: string, near: { nearest?: Nearest[]; last?: Entry[] }): string {
  const head = `no message received ${within} has ${shown(match)}`;
  if (near.nearest?.length) return [head, "nearest:", ...near.nearest.flatMap(nearMiss)].join("\n");
  if (near.last?.length) return [head, "received last:", ...near.last.map((entry) => `  ${line(entry)}`)].join("\n");
  return `${head}: none was received at all\nhint: does the app connect to this mock, and to this world?`;
}

function nearMiss({ entry, differences }: Nearest): string[] {
  return [`  ${line(entry)}`, ...differences.map((difference) => `    ${differs(difference)}`)];
}

function differs({ path, wanted, found }: Difference): string {
  return `${path || "the message"}: wanted ${shown(wanted)}, found ${found === undefined ? "nothing" : shown(found)}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "anything";
  return text.length > PREVIEW_CHARACTERS ? `${text.slice(0, PREVIEW_CHARACTERS)}…` : text;
}
