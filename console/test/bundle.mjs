// How a run becomes one offline file. The server does the same for `ws-mock journal --html FILE` and `GET journal.html`.
//
// 1. The modules, in the order of index.html's modulepreload links, become one script: lines that begin with `import ` go, `export ` at
//    a line's beginning goes. So no two modules may have a top-level name in common, and imports stand on one line each.
// 2. The style sheet and the script stand in the page; the page's policy names their hashes.
// 3. Each answer of the control API that the console reads is a block `<script type="application/json" data-run="PATH">`.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";

/** The answers that a run has. Collections follow as `data/NAME`, with all their items. */
export const PATHS = ["info", "journal", "connections", "rooms", "worlds", "timers", "plans", "triggers", "faults", "data", "coverage", "scenario"];

const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
/** Nothing in an answer ends its block early: `<` occurs in JSON only inside strings. */
const escaped = (json) => json.replaceAll("</", "<\\/").replaceAll("<!", "\\u003c!");

/**
 * @param {string} folder of the console's files
 * @param {(path: string) => Promise<string | null>} answer of the control API
 */
export async function bundle(folder, answer) {
  const read = (name) => readFile(path.join(folder, name), "utf8");
  const page = await read("index.html");
  const modules = [...page.matchAll(/rel="modulepreload" href="console\/(\w+\.js)"/g)].map(([, name]) => name);
  const lines = (await Promise.all(modules.map(read))).join("\n").split("\n");
  const script = lines.filter((line) => !line.startsWith("import ")).map((line) => line.replace(/^export /, "")).join("\n");
  const style = await read("app.css");
  const blocks = [];
  const take = async (name, query = "") => {
    const text = await answer(name + query);
    if (text !== null) blocks.push(`<script type="application/json" data-run="${name.replaceAll('"', "&quot;")}">${escaped(text)}</script>`);
    return text;
  };
  for (const name of PATHS) {
    const text = await take(name, name === "journal" ? "?limit=1000000" : "");
    if (name === "data") for (const one of JSON.parse(text).items) await take(`data/${encodeURIComponent(one.name)}`, "?limit=1000");
  }
  const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`;
  return page
    .replace(/\s*<link [^>]*>/g, "")
    .replace(/\s*<!--[\s\S]*?-->/, "")
    .replace(/\s*<script [\s\S]*?<\/script>/, "")
    .replace("</title>", () => `</title>\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />\n    <style>${style}</style>`)
    .replace("</body>", () => `${blocks.join("\n")}\n<script type="module">${script}</script>\n  </body>`);
}
