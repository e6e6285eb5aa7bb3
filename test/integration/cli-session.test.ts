import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { createSession } from "../../src/cli/session.js";
import { Secret } from "../../src/faults/secret.js";

describe("cli/session", () => {
  it("keeps requests in flight when it reads a password that the proxy does not need", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ucx-session-"));
    const settings = join(folder, "Presence.ini");
    await writeFile(settings, "WebexPresence.Proxy=none\n");
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const session = await createSession({ settings, secretStore: "memory" });
    try {
      expect(session.needsProxyPassword).to.equal(false);
      session.openNetwork();
      const sending = session.network.send({
        ...{ method: "GET", headers: {}, timeoutMs: 5_000, maxBytes: 1_000 },
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
        signal: new AbortController().signal,
      });
      const [, response] = (await once(server, "request")) as [unknown, ServerResponse];
      await session.authorizations.setProxyPassword(new Secret("password"));
      await session.open();
      response.end();
      expect((await sending).status).to.equal(200);
    } finally {
      await session.close();
      server.close();
      await rm(folder, { recursive: true });
    }
  });
});
