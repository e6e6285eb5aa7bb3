import { ProtocolError, RpcCode } from "./errors.js";
import type { Params } from "./params.js";

export const PROTOCOL_VERSION = "1.0";
const MAJOR_VERSION = 1;

/** What the host said of itself; null for what it left out. */
export interface HostInfo {
  readonly host: {
    readonly name: string;
    readonly version: string;
    readonly licensed: boolean | null;
  } | null;
  readonly attendantConsole: { readonly version: string } | null;
  readonly hostPid: number | null;
}

type Phase =
  | { readonly kind: "fresh" }
  | { readonly kind: "initialized" }
  | { readonly kind: "shutDown" }
  | { readonly kind: "ended" };

/**
 * Where the conversation stands. `initialize` is optional and works once; after `shutdown` only `exit` is taken, which leaves with
 * 0, and with 1 where no `shutdown` came before.
 */
export class Session {
  #phase: Phase = { kind: "fresh" };

  get isOpen(): boolean {
    return this.#phase.kind === "fresh" || this.#phase.kind === "initialized";
  }

  /** Throws -32600 once `shutdown` was asked for. */
  assertOpen(): void {
    if (!this.isOpen)
      throw new ProtocolError(
        RpcCode.invalidRequest,
        "The worker is shut down: only exit is taken now.",
      );
  }

  /** Throws -32600 the second time, 1002 for another major version; neither changes the phase. */
  initialize(params: Params<"initialize">): HostInfo {
    if (this.#phase.kind !== "fresh") {
      throw new ProtocolError(RpcCode.invalidRequest, "The session is initialized already.");
    }
    if (majorVersion(params.protocolVersion) !== MAJOR_VERSION) {
      throw new ProtocolError(
        RpcCode.protocolMismatch,
        "The worker does not speak this version of the protocol.",
        {
          supported: [PROTOCOL_VERSION],
        },
      );
    }
    this.#phase = { kind: "initialized" };
    const { host, attendantConsole, hostPid } = params;
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
    this.#phase = { kind: "shutDown" };
  }

  /** The process's exit code, or null where the session is over already. */
  exit(): 0 | 1 | null {
    if (this.#phase.kind === "ended") return null;
    const code = this.#phase.kind === "shutDown" ? 0 : 1;
    this.#phase = { kind: "ended" };
    return code;
  }
}

/** "1", "1.0", "1.7.2" are major 1; what is no version has none. */
function majorVersion(version: string): number | null {
  const match = /^(\d+)(\.\d+)*$/.exec(version);
  return match === null ? null : Number(match[1]);
}
