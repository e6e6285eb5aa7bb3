/**
 * A worker for tests of its hosts, as the source of a CommonJS program. The file `state` beside it
 * has everybody's state, or "refused": then it refuses subscriptions. The address "silent" gets no
 * response, "changing" changes at once, "last words" ends the process after the response, and
 * "left behind" launches a process that keeps the pipes open.
 */
export const SCRIPTED_WORKER = `
let received = Buffer.alloc(0);
const send = (message) => {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  process.stdout.write("Content-Length: " + Buffer.byteLength(body) + "\\r\\n\\r\\n" + body);
};
let introduction = null;
let subscriptions = 0;
let stopping = false;
const record = (uri, state) => ({
  uri, state, basic: "open", activities: [], reason: null, webexStatus: state, displayName: "Ada",
  personId: "p", orgId: "o", lastActivity: null, since: "2026-11-27T10:00:00.000Z",
  observedAt: "2026-11-27T10:00:00.000Z",
});
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const stateOf = () => readFileSync(join(__dirname, "state"), "utf8");
const handle = ({ id, method, params = {} }) => {
  if (method === "exit") return process.exit(stopping ? 0 : 1);
  if (method === "shutdown") { stopping = true; if (process.env.IGNORE_SHUTDOWN) return; }
  else if (stopping && id !== undefined) return send({ id, error: { code: -32600, message: "stopping" } });
  if (method === "initialize") introduction = params;
  if (method === "$/cancelRequest") return send({ id: params.id, error: { code: -32800, message: "cancelled" } });
  if (params.uri === "silent") return;
  if (method === "worker/poll") return process.exit(70);
  if (method === "presence/unsubscribe" && stopping)
    return send({ id, error: { code: -32600, message: "shutting down" } });
  if (method === "presence/unsubscribe") send({ method: "unsubscribed", params });
  if (method === "worker/status") return send({ id, result: { introduction, argv: process.argv.slice(2) } });
  if (method !== "presence/subscribe") return send({ id, result: null });
  const { uris } = params;
  if (stateOf() === "refused") return send({ id, error: { code: 1202, message: "too many" } });
  const subscriptionId = "s" + ++subscriptions;
  send({ id, result: { subscriptionId, records: uris.map((uri) => record(uri, stateOf())) } });
  if (uris.includes("last words")) return process.exit(70);
  if (uris.includes("left behind")) {
    const stdio = ["ignore", "inherit", "inherit"];
    const script = "setTimeout(() => undefined, 30_000)";
    console.error("left " + require("node:child_process").spawn(process.execPath, ["-e", script], { stdio }).pid);
  }
  if (!uris.includes("changing")) return;
  const changes = [record("changing", "onCall")];
  send({ method: "presence/changed", params: { subscriptionIds: [subscriptionId], sequence: 1, changes } });
};
console.error("worker " + process.pid);
process.stdin.on("data", (chunk) => {
  received = Buffer.concat([received, chunk]);
  for (;;) {
    const end = received.indexOf("\\r\\n\\r\\n");
    if (end < 0) return;
    const length = Number(/content-length: (\\d+)/i.exec(received.subarray(0, end).toString())[1]);
    if (received.length < end + 4 + length) return;
    const body = received.subarray(end + 4, end + 4 + length).toString();
    received = received.subarray(end + 4 + length);
    handle(JSON.parse(body));
  }
});
process.stdin.on("end", () => process.exit(0));
`;
