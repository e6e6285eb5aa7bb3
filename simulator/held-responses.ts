import type { ServerResponse } from "node:http";
import type { LoggedRequest } from "./request-log.js";

/** A response that a test holds back, however long it takes. */
export interface HeldResponse {
  /**
   * Resolves with the request when its response is complete: a later change of presence is not in
   * it. Rejects if no request matches in time.
   */
  readonly held: Promise<LoggedRequest>;
  /** Sends the response, or lets the request pass if it has not arrived yet. Idempotent. */
  release(): void;
}

interface Hold {
  readonly matches: (request: LoggedRequest) => boolean;
  readonly released: Promise<void>;
  /** Called when the response is complete. */
  readonly reportHeld: (request: LoggedRequest) => void;
}

/** Holds back responses until a test releases them, so that the order of events is certain. */
export class HeldResponses {
  readonly #waiting = new Set<Hold>();

  /** Holds the response to the next request that matches; `timeoutMs` is for `held`. */
  holdNext(matches: (request: LoggedRequest) => boolean, timeoutMs: number): HeldResponse {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let reportHeld: Hold["reportHeld"] = () => undefined;
    const held = new Promise<LoggedRequest>((resolve, reject) => {
      const fail = (): void => reject(new Error(`No request to hold within ${timeoutMs} ms.`));
      const deadline = setTimeout(fail, timeoutMs);
      reportHeld = (request) => {
        clearTimeout(deadline);
        resolve(request);
      };
    });
    // A test that fails earlier does not await it.
    held.catch(() => undefined);
    const hold: Hold = { matches, released, reportHeld };
    this.#waiting.add(hold);
    return {
      held,
      release: () => {
        this.#waiting.delete(hold);
        release();
      },
    };
  }

  /** Removes the hold that applies to a request and returns it; null if there is none. */
  take(request: LoggedRequest): Hold | null {
    for (const hold of this.#waiting) {
      if (!hold.matches(request)) continue;
      this.#waiting.delete(hold);
      return hold;
    }
    return null;
  }
}

/** Resolves with false if the client disconnects before the response is released. */
export function waitForRelease(
  hold: Hold,
  request: LoggedRequest,
  response: ServerResponse,
): Promise<boolean> {
  hold.reportHeld(request);
  return new Promise((resolve) => {
    const onClose = (): void => resolve(false);
    response.once("close", onClose);
    void hold.released.then(() => {
      response.off("close", onClose);
      resolve(!response.destroyed);
    });
  });
}
