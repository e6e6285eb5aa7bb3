import { ProtocolError, RpcCode } from "./errors.js";
import type { Params } from "./params.js";

export const PROTOCOL_VERSION = "1.0";
const MAJOR_VERSION = 1;

/** The parameters of `initialize`; null for what the host left out. */
export interface HostInfo {
  readonly host: {
    readonly name: string;
    readonly version: string;
    readonly licensed: boolean | null;
  } | null;
  readonly attendantConsole: { readonly version: string } | null;
  readonly hostPid: number | null;
}

/**
 * The state of the conversation with the host. `initialize` is optional and accepted once; after
 * `shutdown`, only `exit` is accepted.
 */
export class Session {
  #state: "new" | "initialized" | "shutDown" | "exited" = "new";

  /** Throws a `ProtocolError` -32600 after `shutdown`. */
  assertOpen(): void {
    if (this.#state === "shutDown" || this.#state === "exited") {
      throw new ProtocolError(
        RpcCode.invalidRequest,
        "The worker is shut down and accepts only exit.",
      );
    }
  }

  /**
   * Throws a `ProtocolError` -32600 if called a second time, or 1002 for another major version. A
   * rejected call does not count.
   */
  initialize({ protocolVersion, host, attendantConsole, hostPid }: Params<"initialize">): HostInfo {
    if (this.#state !== "new") {
      throw new ProtocolError(RpcCode.invalidRequest, "The session is already initialized.");
    }
    if (majorVersion(protocolVersion) !== MAJOR_VERSION) {
      throw new ProtocolError(
        RpcCode.protocolMismatch,
        "The worker does not support this version of the protocol.",
        { supported: [PROTOCOL_VERSION] },
      );
    }
    this.#state = "initialized";
    return {
      host:
        host === undefined
          ? null
          : { name: host.name, version: host.version, licensed: host.licensed ?? null },
      attendantConsole:
        attendantConsole === undefined ? null : { version: attendantConsole.version },
      hostPid: hostPid ?? null,
    };
  }

  shutDown(): void {
    this.#state = "shutDown";
  }

  /** Returns the exit code of the process, or null if `exit` was received before. */
  exit(): 0 | 1 | null {
    if (this.#state === "exited") return null;
    const code = this.#state === "shutDown" ? 0 : 1;
    this.#state = "exited";
    return code;
  }
}

function majorVersion(version: string): number | null {
  const match = /^(\d+)(\.\d+)*$/.exec(version);
  return match === null ? null : Number(match[1]);
}
