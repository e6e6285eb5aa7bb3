// Answers presence/get and presence/getMany for any person with a record of the worker's size.
//
// `echo.mjs jsonrpc` uses vscode-jsonrpc with its own reader and writer. `echo.mjs lines` is the
// floor: newline-delimited JSON without a library, checks or framing headers, one write per turn.

const BATCH = 500;

function recordOf(uri) {
  return {
    uri,
    state: "available",
    basic: "open",
    activities: [],
    reason: null,
    webexStatus: "active",
    displayName: "Maria Lefevre",
    personId: "Y2lzY29zcGFyazovL3VzL1BFT1BMRS81ZTE4NWYyNy1kZDU5LTQ0ZDQtYTM0Yi1hYzVjMDdjYmI0ZjM",
    orgId:
      "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi80ZTE4NWYyNy1kZDU5LTQ0ZDQtYTM0Yi1hYzVjMDdjYmI0ZjM",
    lastActivity: "2026-01-14T09:58:12.345Z",
    since: "2026-01-14T09:58:20.001Z",
    observedAt: "2026-01-14T10:00:00.123Z",
  };
}

async function echoJsonRpc() {
  const { createMessageConnection, StreamMessageReader, StreamMessageWriter } =
    await import("vscode-jsonrpc/node");
  const connection = createMessageConnection(
    new StreamMessageReader(process.stdin),
    new StreamMessageWriter(process.stdout),
  );
  connection.onRequest("presence/get", ({ uri }) => recordOf(uri));
  connection.onRequest("presence/getMany", ({ uris }) => ({ records: uris.map(recordOf) }));
  connection.listen();
}

function echoLines() {
  let people = [];
  let partial = "";

  function answer({ id, method, params }) {
    switch (method) {
      case "presence/getMany":
        return { jsonrpc: "2.0", id, result: { records: params.uris.map(recordOf) } };
      case "setPeople":
        people = params.records;
        return { jsonrpc: "2.0", id, result: null };
      case "changeAll":
        changeAll();
        return { jsonrpc: "2.0", id, result: null };
      default:
        return { jsonrpc: "2.0", id, result: recordOf(params.uri) };
    }
  }

  /** Creates a changed record for each of the people, and sends them in notifications of 500. */
  function changeAll() {
    const state = people[0].state === "available" ? "unknown" : "available";
    people = people.map((record) => ({ ...record, state }));
    for (let at = 0, sequence = 1; at < people.length; at += BATCH, sequence += 1) {
      const params = { subscriptionIds: ["s1"], sequence, changes: people.slice(at, at + BATCH) };
      const message = { jsonrpc: "2.0", method: "presence/changed", params };
      process.stdout.write(`${JSON.stringify(message)}\n`);
    }
  }

  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (text) => {
    const lines = (partial + text).split("\n");
    partial = lines.pop();
    const answers = lines.map((line) => `${JSON.stringify(answer(JSON.parse(line)))}\n`);
    process.stdout.write(answers.join(""));
  });
}

process.stdin.on("end", () => process.exit(0));
if (process.argv[2] === "jsonrpc") await echoJsonRpc();
else echoLines();
