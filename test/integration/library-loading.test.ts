import { expect } from "chai";
import sinon from "sinon";

import { importers } from "../../src/platform/lazy-modules.js";
import type { LibraryName } from "../../src/platform/lazy-modules.js";
import { TestServer, closedPort, faultOf, getRequest, openHttp } from "../support/http-fixture.js";

/** Lets the next load of a library fail, as with a virus scanner that holds its file. */
function failOnce(name: LibraryName): void {
  const busy = Object.assign(new Error("EMFILE"), { code: "EMFILE" });
  sinon.stub(importers, name).callThrough().onFirstCall().rejects(busy);
}

describe("a library that could not be loaded", () => {
  let server: TestServer;
  before(async () => {
    server = await new TestServer((_request, response) => response.end("served")).start();
  });
  after(() => server.stop());
  afterEach(() => sinon.restore());

  it("is loaded again by the next request, and reported as a problem of the installation", async () => {
    const http = openHttp();
    failOnce("axios");
    const fault = await faultOf(http.send(getRequest(server.url("/"))));
    expect(fault.data.reason).to.equal("installation");
    expect(fault.message).to.equal(
      "The worker's library axios could not be loaded (EMFILE). No request was sent to Webex.",
    );
    expect(fault.hint).to.contain("virus scanning").and.to.contain("install the worker again");
    const response = await http.send(getRequest(server.url("/")));
    expect(Buffer.from(response.body).toString()).to.equal("served");
    http.close();
  });

  for (const library of ["https-proxy-agent", "http-proxy-agent"] as const) {
    it(`is loaded again for the proxy: ${library}`, async () => {
      const http = openHttp({ proxy: `http://127.0.0.1:${await closedPort()}` });
      failOnce(library);
      const send = (): Promise<unknown> => http.send(getRequest("https://webex.example/"));
      expect((await faultOf(send())).data.reason).to.equal("installation");
      expect((await faultOf(send())).message).to.contain("refused the connection");
      http.close();
    });
  }
});
