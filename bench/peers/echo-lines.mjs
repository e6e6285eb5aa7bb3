// The floor: newline-delimited JSON, answered without a library, a check or a framing header; what a turn produced leaves in one write.
import { recordOf } from "./record.mjs";

const BATCH = 500;
const storms = new Map();
let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
  const lines = (rest + text).split("\n");
  rest = lines.pop();
  const answers = lines.map((line) => `${JSON.stringify(answer(JSON.parse(line)))}\n`);
  process.stdout.write(answers.join(""));
});
process.stdin.on("end", () => process.exit(0));

function answer({ id, method, params }) {
  if (method === "presence/getMany") return { jsonrpc: "2.0", id, result: { records: params.uris.map(recordOf) } };
  if (method === "storm") return { jsonrpc: "2.0", id, result: storm(params.persons) };
  return { jsonrpc: "2.0", id, result: recordOf(params.uri) };
}

/** Every person changes: a record made for each, told in notifications of 500. */
function storm(persons) {
  const known = storms.get(persons) ?? Array.from({ length: persons }, (_, index) => recordOf(`person${index}@example.com`));
  const state = known[0].state === "available" ? "unknown" : "available";
  const changed = known.map((record) => ({ ...record, state }));
  storms.set(persons, changed);
  for (let at = 0, sequence = 1; at < persons; at += BATCH, sequence += 1) {
    const params = { subscriptionIds: ["s1"], sequence, changes: changed.slice(at, at + BATCH) };
    process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", method: "presence/changed", params })}\n`);
  }
  return null;
}
