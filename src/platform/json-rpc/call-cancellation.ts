import { Event } from "vscode-jsonrpc";
import type { AbstractCancellationTokenSource, CancellationToken } from "vscode-jsonrpc";

import type { RequestCall } from "../../ports/channel.js";

/**
 * vscode-jsonrpc's cancellation of one request, as an `AbortSignal`. It is its own token, and the signal is made when first read:
 * an AbortController a request would cost as much as answering a query.
 */
export class RequestCancellation
  implements AbstractCancellationTokenSource, CancellationToken, RequestCall
{
  readonly onCancellationRequested: CancellationToken["onCancellationRequested"] = Event.None;
  #controller: AbortController | null = null;
  #isCancelled = false;

  get token(): CancellationToken {
    return this;
  }

  get isCancellationRequested(): boolean {
    return this.#isCancelled;
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#isCancelled) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#controller?.abort();
  }

  dispose(): void {
    this.#controller = null;
  }
}
