import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Fault } from "../../src/faults/fault.js";
import type { HttpRequest } from "../../src/ports/http.js";

/** A GET with a short deadline. */
export function getRequest(url: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: "GET",
    url,
    headers: {},
    timeoutMs: 5_000,
    maxBytes: 1_000_000,
    signal: new AbortController().signal,
    ...changes,
  };
}

/** The fault that a call rejects with. */
export async function faultOf(call: Promise<unknown>): Promise<Fault> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("The call did not fail.");
}

/** A real server on a free loopback port that records its connections and requests. */
export class TestServer {
  readonly sockets = new Set<Socket>();
  /** The number of connections accepted. */
  connections = 0;
  readonly requests: IncomingMessage[] = [];
  readonly #server: Server;
  readonly #scheme: string;

  constructor(listener: RequestListener, secure?: { key: string; cert: string }) {
    const record = (request: IncomingMessage, response: ServerResponse): void => {
      this.requests.push(request);
      listener(request, response);
    };
    this.#server = secure === undefined ? createServer(record) : createSecureServer(secure, record);
    this.#scheme = secure === undefined ? "http" : "https";
    this.#server.on("connection", (socket: Socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.sockets.delete(socket));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(path: string, host = "127.0.0.1"): string {
    return `${this.#scheme}://${host}:${this.port}${path}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A loopback port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Keys and certificates made by openssl: an authority, and server certificates that it signed. */
export interface TestCertificates {
  /** PEM of the authority. */
  readonly authority: string;
  /** For `localhost` and 127.0.0.1, signed by an intermediate authority. */
  readonly good: { key: string; cert: string };
  /** For the name `localhost` only. */
  readonly nameOnly: { key: string; cert: string };
  readonly otherName: { key: string; cert: string };
  readonly expired: { key: string; cert: string };
  readonly selfSigned: { key: string; cert: string };
}

export function makeCertificates(): TestCertificates {
  const folder = mkdtempSync(join(tmpdir(), "ucx-certs-"));
  const openssl = (...args: string[]): void =>
    void execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const issue = (
    name: string,
    subject: string,
    extensions: string,
    issuer: string,
    ...validity: string[]
  ): void => {
    writeFileSync(join(folder, `${name}.ext`), extensions);
    openssl("req", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject);
    const issuing = [
      "-CA",
      `${issuer}.pem`,
      "-CAkey",
      `${issuer}.key`,
      "-CAcreateserial",
      "-extfile",
      `${name}.ext`,
    ];
    openssl("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, ...issuing, ...validity);
  };
  const self = (name: string, subject: string, ...more: string[]): void =>
    openssl(
      "req",
      "-x509",
      ...newKey,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
      "-days",
      "30",
      "-subj",
      subject,
      ...more,
    );
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  const pair = (name: string, chain = ""): { key: string; cert: string } => ({
    key: read(`${name}.key`),
    cert: read(`${name}.pem`) + chain,
  });
  try {
    self("root", "/CN=Test authority");
    issue(
      "middle",
      "/CN=Test intermediate",
      "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign",
      "root",
      "-days",
      "30",
    );
    issue("good", "/CN=localhost", names, "middle", "-days", "30");
    issue("name", "/CN=localhost", "subjectAltName=DNS:localhost", "root", "-days", "30");
    issue(
      "other",
      "/CN=elsewhere.example",
      "subjectAltName=DNS:elsewhere.example",
      "root",
      "-days",
      "30",
    );
    issue("expired", "/CN=localhost", names, "root", "-days", "-1");
    self("alone", "/CN=localhost", "-addext", names);
    return {
      authority: read("root.pem"),
      good: pair("good", read("middle.pem")),
      nameOnly: pair("name"),
      otherName: pair("other"),
      expired: pair("expired"),
      selfSigned: pair("alone"),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
