// The parts that need no browser.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { compareCells, fieldsOf, typedJson } from "../cells.js";
import { complete, KEYS, matches, parseFilter, statusOf } from "../filter.js";
import { compactJson, diffLines, hexLines, member, parseJson, prettyLines, tryJson } from "../json.js";

test("json_keeps_digits_and_key_order", () => {
  const text = '{"2":12345678901234567890,"1":1.50,"a":[true,null,"\\u00e9\\"x"]}';
  const json = parseJson(text);
  assert.deepEqual(json.keys, ["2", "1", "a"]);
  assert.equal(json.items[0].raw, "12345678901234567890");
  assert.equal(json.items[1].raw, "1.50");
  assert.equal(member(json, "a").items[2].value, 'é"x');
  assert.equal(compactJson(json), '{"2":12345678901234567890,"1":1.50,"a":[true,null,"é\\"x"]}');
});

test("json_agrees_with_the_platform", () => {
  const good = ["0", "-0", "1e5", "[]", "{}", '""', " [ 1 , 2 ] ", '{"a":{"b":[{}]}}', '"\\\\"', '"\\\\\\""', "true", "null", '{"a":1,"a":2}'];
  const bad = ["", "01", "1.", "[1,]", "{,}", '{"a"}', '"', '"\\"', "tru", "[1 2]", "nul", "1 2", '{"a":}', "\u00a01", '"\n"', "+1", ".5"];
  for (const text of good) assert.equal(JSON.stringify(JSON.parse(prettyLines(parseJson(text)).join("\n"))), JSON.stringify(JSON.parse(text)), text);
  for (const text of bad) {
    assert.throws(() => JSON.parse(text), undefined, text);
    assert.equal(tryJson(text), undefined, text);
  }
  assert.equal(tryJson("[".repeat(300) + "]".repeat(300)), undefined);
});

test("json_mistake_has_its_place", () => {
  assert.throws(() => parseJson('{"a" 1}'), /expected ":" at 6, found "1"/);
  assert.throws(() => parseJson("[1"), /expected "," at 3, found the end/);
});

test("copies_carry_no_control_characters", () => {
  assert.equal(compactJson(parseJson('"a\\u001b[31m\u202e\u009b"')), '"a\\u001b[31m\\u202e\\u009b"');
});

test("diff_aligns_equal_lines", () => {
  const rows = diffLines(["a", "b", "c", "d"], ["a", "x", "c", "d", "e"]);
  assert.deepEqual(rows, [
    { left: "a", right: "a", same: true },
    { left: "b", right: "x", same: false },
    { left: "c", right: "c", same: true },
    { left: "d", right: "d", same: true },
    { left: undefined, right: "e", same: false },
  ]);
  assert.equal(diffLines(Array(5000).fill("x"), Array(5000).fill("y")).length, 5000);
});

test("hex_has_offset_bytes_and_text", () => {
  assert.equal(hexLines(new Uint8Array([65, 0, 255]))[0], `000000  ${"41 00 ff".padEnd(47)}  A··`);
});

const row = (more) => ({ seq: 1, kind: "message", dir: "in", peer: "c1", name: "getStations", handler: "getStations", type: "request", size: 100, preview: '{"city":"Казань"}', near: [], error: "", fault: "", cause: "", world: "main", ...more });
const know = { members: (room) => (room === "r" ? ["c1"] : []), deep: () => undefined };
const fits = (text, more) => matches(row(more), parseFilter(text).terms, know);

test("filter_finds_by_each_key", () => {
  const yes = ["action:getstations", "action:get*", "action:a,getStations", "peer:c1", "dir:in", "status:ok", "status:un", "type:request", "type:message", "room:r", "world:main", "size:>99", "size:<1k", "size:100", "seq:1,2", "~казань", "КАЗАНЬ", '"city"', "-peer:c2", "-dir:out peer:c1", ""];
  const no = ["action:getStation", "peer:c", "dir:out", "status:error", "room:q", "size:>100", "ms:>0", "~москва", "-peer:c1", "peer:c1 dir:out"];
  for (const text of yes) assert.equal(fits(text), true, text);
  for (const text of no) assert.equal(fits(text), false, text);
  assert.equal(fits("ms:>=5", { took: 5 }), true);
  assert.equal(fits("status:unhandled", { handler: "", error: "UNKNOWN_ACTION" }), true);
});

test("filter_names_what_is_wrong", () => {
  assert.match(parseFilter("acton:x").problem, /unknown key acton; known: action, /);
  assert.match(parseFilter("size:big").problem, /size takes a number such as >100, found big/);
  assert.match(parseFilter("dir:up").problem, /dir is one of in, out; found up/);
  for (const text of ["", "dir:", "size:>", "~a:b", '"a b:c"', "status:err"]) assert.equal(parseFilter(text).problem, "", text);
});

test("status_of_a_row", () => {
  assert.equal(statusOf(row({})), "unanswered ok");
  assert.equal(statusOf(row({ answer: {} })), "ok");
  assert.equal(statusOf(row({ dir: "out", fault: "drop" })), "fault");
});

test("completion_offers_keys_then_values", () => {
  assert.deepEqual(complete("pe", KEYS, {}).options.map(({ insert }) => insert), ["peer:"]);
  assert.deepEqual(complete("dir:in peer:c", KEYS, { peer: ["c1", "c2"] }), { from: 7, options: [{ insert: "peer:c1 ", label: "c1" }, { insert: "peer:c2 ", label: "c2" }] });
  assert.equal(complete("-action:a,g", KEYS, { action: ["get all"] }).options[0].insert, 'action:a,"get all" ');
});

test("typed_text_keeps_its_type", () => {
  const cases = [['"a"', "5", '"5"'], ["1", "2", "2"], ["1", "12345678901234567890", "12345678901234567890"], ["true", "false", "false"], ["null", "x", '"x"'], ["null", "3", "3"], ["{}", '{"a":1}', '{"a":1}']];
  for (const [old, text, wanted] of cases) assert.equal(typedJson(text, parseJson(old)), wanted, `${old} ${text}`);
  assert.equal(typedJson("x", undefined), '"x"');
  assert.throws(() => typedJson("abc", parseJson("1")), /type number and stays one; found abc/);
  assert.throws(() => typedJson("[1", parseJson("[1]")), /expected/);
});

test("cells_sort_by_size_and_absent_ones_last", () => {
  const cells = [parseJson("10"), undefined, parseJson("9")].sort(compareCells);
  assert.deepEqual(cells.map((cell) => cell?.raw), ["9", "10", undefined]);
});

test("fields_stand_in_wire_order", () => {
  assert.deepEqual(fieldsOf([parseJson('{"a":1,"c":2}'), parseJson('{"a":1,"b":2,"c":3,"d":4}')]), ["a", "b", "c", "d"]);
});

test("modules_become_one_script", async () => {
  const { bundle } = await import("./bundle.mjs");
  const answer = '{"items":[],"text":"</script><!--"}';
  const html = await bundle(new URL("..", import.meta.url).pathname, async () => answer);
  const [, script] = /<script type="module">([\s\S]*?)<\/script>/.exec(html);
  const folder = await mkdtemp(path.join(tmpdir(), "console-"));
  await writeFile(path.join(folder, "all.mjs"), script);
  // A name that two modules have in common, an import of two lines, a default export would be a mistake here.
  execFileSync(process.execPath, ["--check", path.join(folder, "all.mjs")], { stdio: "pipe" });
  assert.doesNotMatch(script, /^\s*(import|export)\b/m);
  const [, block] = /data-run="info">([\s\S]*?)<\/script>/.exec(html);
  assert.deepEqual(JSON.parse(block), JSON.parse(answer));
  assert.doesNotMatch(html, /<link|href="console|src="console/);
});

test("console_is_small", async () => {
  const folder = new URL("..", import.meta.url);
  const names = (await readdir(folder)).filter((name) => /\.(js|css|html|svg)$/.test(name));
  let [lines, bytes] = [0, 0];
  for (const name of names) {
    const text = await readFile(new URL(name, folder), "utf8");
    const count = text.split("\n").length - 1;
    lines += count;
    bytes += gzipSync(text).length;
    assert.ok(count < 300 || name === "store.js", `${name} has ${count} lines`);
    assert.ok(text.split("\n").every((line) => line.length <= 150), `${name} has a line of more than 150 characters`);
  }
  assert.ok(lines < 3000, `${lines} lines`);
  assert.ok(bytes <= 60 * 1024, `${bytes} bytes compressed`);
});
