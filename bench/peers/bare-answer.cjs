// The minimum in Node: reads one framed request and answers like a worker that has not read its
// settings yet, without libraries or checks.
let received = Buffer.alloc(0);
process.stdin.on("data", (chunk) => {
  received = Buffer.concat([received, chunk]);
  const headerEnd = received.indexOf("\r\n\r\n");
  if (headerEnd < 0) return;
  const length = Number(/Content-Length: (\d+)/.exec(received.toString("latin1", 0, headerEnd))[1]);
  if (received.length < headerEnd + 4 + length) return;
  const { id, params } = JSON.parse(
    received.toString("utf8", headerEnd + 4, headerEnd + 4 + length),
  );
  const result = {
    uri: params.uri,
    state: "unknown",
    basic: null,
    activities: [],
    reason: "notReady",
    webexStatus: null,
    displayName: null,
    personId: null,
    orgId: null,
    lastActivity: null,
    since: new Date().toISOString(),
    observedAt: null,
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id, result });
  process.stdout.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
});
