import { spawn } from "node:child_process";
import { once } from "node:events";

import {
  CancellationTokenSource,
  createMessageConnection,
  ParameterStructures,
  type ResponseError,
} from "vscode-jsonrpc/node";

import {
  type ClientReport,
  type ClientScenario,
  runClientScenario,
} from "../support/client-scenario-fixture.js";

async function useWorker({ worker, address, client, grant }: ClientScenario): Promise<object> {
  const [command = "", ...args] = worker;
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"] });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const connection = createMessageConnection(child.stdout, child.stdin);
  try {
    const changed = new Promise((resolve) =>
      connection.onNotification("presence/changed", ({ changes }: { changes: Change[] }) => {
        for (const change of changes) if (change.state === "available") resolve(change);
      }),
    );
    connection.listen();
    const errorOf = (request: Promise<unknown>): Promise<unknown> =>
      request.catch((error: unknown) => {
        const { code, message } = error as ResponseError<unknown>;
        return { code, message };
      });
    const exit = async (): Promise<number | null> => {
      await connection.sendNotification("exit", undefined);
      const [code] = await exited;
      return code;
    };
    const statuses = await Promise.all([
      connection.sendRequest<Status>("worker/status"),
      // On the wire [null], {} and [{}].
      connection.sendRequest<Status>("worker/status", undefined),
      connection.sendRequest<Status>("worker/status", {}),
      connection.sendRequest<Status>("worker/status", ParameterStructures.byPosition, {}),
    ]);
    const { openrpc } = await connection.sendRequest<{ openrpc: string }>(
      "rpc.discover",
      undefined,
    );
    const unknown = await errorOf(connection.sendRequest("presence/Get", undefined));
    const invalid = await errorOf(connection.sendRequest("presence/get", undefined));
    await connection.sendNotification("initialized", undefined);
    await connection.sendNotification("no/such/method", null);
    await connection.sendRequest("authorization/setClient", client);
    const authorization = await connection.sendRequest("authorization/import", grant);
    const subscription = await connection.sendRequest(
      "presence/subscribe",
      ParameterStructures.byPosition,
      { uris: [address] },
    );
    const cancellation = new CancellationTokenSource();
    const query = { uri: address, maxWaitMs: 30_000 };
    const waiting = connection.sendRequest("presence/get", query, cancellation.token);
    cancellation.cancel();
    const cancelled = await errorOf(waiting);
    return {
      phases: statuses.map(({ phase }) => phase),
      openrpc,
      unknown,
      invalid,
      authorization,
      subscription,
      cancelled,
      changed: await changed,
      record: await connection.sendRequest("presence/get", { uri: address }),
      shutdown: await connection.sendRequest("shutdown", undefined),
      exitCode: await exit(),
    };
  } finally {
    connection.dispose();
    child.kill("SIGKILL");
  }
}

interface Change {
  readonly state: string;
}

interface Status {
  readonly phase: string;
}

describe("e2e: a host in Node.js with the client of vscode-jsonrpc", function () {
  this.timeout(60_000);

  it("works in each form in which the library sends parameters", () =>
    runClientScenario(async (scenario) => (await useWorker(scenario)) as ClientReport));
});
