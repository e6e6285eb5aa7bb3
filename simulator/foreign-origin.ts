import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that reached the wrong origin. */
export interface ForeignRequest {
  readonly method: string;
  readonly path: string;
  readonly bearer: boolean;
}

/** A second origin, where foreign links and redirects lead: nothing may come here, a bearer token least of all. */
export class ForeignOrigin {
  readonly requests: ForeignRequest[] = [];
  readonly #server: Server = createServer((request, response) => {
    const bearer = request.headers.authorization !== undefined;
    this.requests.push({ method: request.method ?? "GET", path: request.url ?? "/", bearer });
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"items":[]}');
  });
  #url = "";

  get url(): string {
    return this.#url;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", resolve);
    });
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
