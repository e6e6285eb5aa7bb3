// The floor: newline-delimited JSON, answered without a library, a check or a framing header; what a turn produced leaves in one write.
import { recordOf } from "./record.mjs";

const BATCH = 500;
let known = [];
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
  if (method === "presence/getMany")
    return { jsonrpc: "2.0", id, result: { records: params.uris.map(recordOf) } };
  if (method === "know") known = params.records;
  if (method === "storm") storm();
  if (method === "know" || method === "storm") return { jsonrpc: "2.0", id, result: null };
  return { jsonrpc: "2.0", id, result: recordOf(params.uri) };
}

/** Every person that the peer was told of changes: a record made for each, told in notifications of 500. */
function storm() {
  const state = known[0].state === "available" ? "unknown" : "available";
  known = known.map((record) => ({ ...record, state }));
  for (let at = 0, sequence = 1; at < known.length; at += BATCH, sequence += 1) {
    const params = { subscriptionIds: ["s1"], sequence, changes: known.slice(at, at + BATCH) };
    process.stdout.write(
      `${JSON.stringify({ jsonrpc: "2.0", method: "presence/changed", params })}\n`,
    );
  }
}
