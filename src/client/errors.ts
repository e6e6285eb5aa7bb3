/** What the worker answered instead of a result. docs/errors.md lists the codes. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/**
 * - `manifestInvalid`: the manifest cannot be read, or describes a worker that this client cannot
 *   launch.
 * - `launchFailed`: the operating system did not start the worker's program.
 * - `notRunning`: the worker has not been started, was stopped, or will be restarted.
 * - `workerExited`: the worker ended before it answered.
 */
export type ClientErrorCode = "manifestInvalid" | "launchFailed" | "notRunning" | "workerExited";

/** There was no worker to answer. */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
