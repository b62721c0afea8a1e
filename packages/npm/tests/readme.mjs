/** Writes the TypeScript of the package's README to `types/readme/`, for the compiler to check. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "types/readme");
const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
const blocks = [...readme.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, block]) => block);
if (!blocks.length) throw new Error("the README has no TypeScript");

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
blocks.forEach((block, n) => writeFileSync(join(folder, `block-${n + 1}.ts`), `${block}export {};\n`));
writeFileSync(
  join(folder, "reader.d.ts"),
  `/// <reference types="cypress" />
import "ws-mock-server/cypress";
declare global {
  function connectYourApp(url: string): void;
}
`,
);
