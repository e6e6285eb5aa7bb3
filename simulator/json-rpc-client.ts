import type { Readable, Writable } from "node:stream";

/** A JSON-RPC error response. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data: unknown) {
    super(message);
    this.name = "RpcError";
    this.code = code;
    this.data = data;
  }
}

interface Message {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

interface PendingCall {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** `cancel` sends `$/cancelRequest`, to which the worker usually responds with -32800. */
export interface PendingRequest extends Promise<unknown> {
  cancel(): void;
}

/**
 * JSON-RPC 2.0 over two byte streams, framed as in the Language Server Protocol: header lines that
 * end with CRLF, an empty line, then `Content-Length` BYTES (not characters) of UTF-8 JSON.
 *
 *     Content-Length: 49\r\n
 *     \r\n
 *     {"jsonrpc":"2.0","id":1,"method":"worker/status"}
 */
export class JsonRpcClient {
  readonly #output: Writable;
  readonly #pending = new Map<number, PendingCall>();
  #received: Buffer = Buffer.alloc(0);
  #nextId = 1;
  #closed: Error | null = null;
  onNotification: (method: string, params: unknown) => void = () => undefined;
  /** Called for bytes that violate the protocol. */
  onProtocolError: (error: Error) => void = () => undefined;

  constructor(input: Readable, output: Writable) {
    this.#output = output;
    input.on("data", (chunk: Buffer) => this.#receive(chunk));
    // Writes to a worker that has just exited fail; its exit is reported elsewhere.
    output.on("error", () => undefined);
  }

  /** Rejects with an `RpcError` for an error response, or with the reason passed to `close`. */
  request(method: string, params?: object): PendingRequest {
    const id = this.#nextId++;
    const response = new Promise<unknown>((resolve, reject) => {
      if (this.#closed) {
        reject(this.#closed);
        return;
      }
      this.#pending.set(id, { resolve, reject });
      this.#send({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) });
    });
    return Object.assign(response, { cancel: () => this.notify("$/cancelRequest", { id }) });
  }

  notify(method: string, params?: object): void {
    if (this.#closed) return;
    this.#send({ jsonrpc: "2.0", method, ...(params === undefined ? {} : { params }) });
  }

  /** Rejects all pending and all later requests. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const pendingCall of this.#pending.values()) pendingCall.reject(reason);
    this.#pending.clear();
  }

  #send(message: object): void {
    const body = Buffer.from(JSON.stringify(message), "utf8");
    this.#output.write(
      Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`, "ascii"), body]),
    );
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    for (;;) {
      const headerEnd = this.#received.indexOf("\r\n\r\n");
      if (headerEnd < 0) return;
      const header = this.#received.subarray(0, headerEnd).toString("ascii");
      const length = Number(/^content-length: *(\d+)$/im.exec(header)?.[1] ?? Number.NaN);
      if (Number.isNaN(length)) {
        this.#received = Buffer.alloc(0);
        this.onProtocolError(
          new Error(`The worker wrote an invalid header: ${header.slice(0, 200)}`),
        );
        return;
      }
      const end = headerEnd + 4 + length;
      if (this.#received.length < end) return;
      const body = this.#received.subarray(headerEnd + 4, end).toString("utf8");
      this.#received = this.#received.subarray(end);
      this.#read(body);
    }
  }

  #read(body: string): void {
    let message: Message;
    try {
      message = JSON.parse(body) as Message;
    } catch {
      this.onProtocolError(new Error("The worker wrote a message that is not JSON."));
      return;
    }
    if (message.method !== undefined) {
      if (message.id === undefined) this.onNotification(message.method, message.params);
      else {
        const error = { code: -32601, message: "The host offers no methods." };
        this.#send({ jsonrpc: "2.0", id: message.id, error });
      }
      return;
    }
    const pendingCall = typeof message.id === "number" ? this.#pending.get(message.id) : undefined;
    if (!pendingCall) {
      this.onProtocolError(
        new Error(`Response without a pending request: ${message.error?.message ?? "no error"}`),
      );
      return;
    }
    this.#pending.delete(message.id as number);
    const { error } = message;
    if (error) pendingCall.reject(new RpcError(error.code, error.message, error.data));
    else pendingCall.resolve(message.result);
  }
}
