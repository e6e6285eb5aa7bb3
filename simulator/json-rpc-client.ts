import type { Readable, Writable } from "node:stream";

/** What a worker answers in place of a result. */
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

/** A request under way; `cancel` asks the worker to give up, and the answer is then most likely an `RpcError` with code -32800. */
export interface PendingRequest extends Promise<unknown> {
  cancel(): void;
}

/**
 * JSON-RPC 2.0 over two byte streams, framed by `Content-Length` headers as in the Language Server Protocol: header lines ended by
 * CRLF, an empty line, then that many BYTES (not characters) of UTF-8 JSON.
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
  /** Bytes that are not the protocol. */
  onProtocolError: (error: Error) => void = () => undefined;

  constructor(input: Readable, output: Writable) {
    this.#output = output;
    input.on("data", (chunk: Buffer) => this.#receive(chunk));
    // Writing to a worker that has just died is no news here: its exit is.
    output.on("error", () => undefined);
  }

  /** Sends a request. Rejects with an `RpcError` where the worker answers with an error, or with the reason of `close`. */
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
    if (!this.#closed)
      this.#send({ jsonrpc: "2.0", method, ...(params === undefined ? {} : { params }) });
  }

  /** Rejects what is under way and all that comes later. */
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
          new Error(`The worker wrote something that is not the protocol: ${header.slice(0, 200)}`),
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
    this.#dispatch(message);
  }

  #dispatch(message: Message): void {
    if (message.method !== undefined) {
      if (message.id === undefined) this.onNotification(message.method, message.params);
      else
        this.#send({
          jsonrpc: "2.0",
          id: message.id,
          error: { code: -32601, message: "The host offers no methods." },
        });
      return;
    }
    const pendingCall = typeof message.id === "number" ? this.#pending.get(message.id) : undefined;
    if (!pendingCall) {
      this.onProtocolError(
        new Error(`An answer to no request: ${message.error?.message ?? "no error"}`),
      );
      return;
    }
    this.#pending.delete(message.id as number);
    const { error } = message;
    if (error) pendingCall.reject(new RpcError(error.code, error.message, error.data));
    else pendingCall.resolve(message.result);
  }
}
