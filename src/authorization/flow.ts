import type { Subscribable } from "../faults/emitter.js";

export type FlowMethod = "browser" | "device";
export type FlowState = "waiting" | "authorized" | "denied" | "failed" | "expired" | "cancelled";

/** What a person needs to authorize; members a method does not have are null. `expiresAt` is ISO 8601. */
export interface FlowView {
  readonly method: FlowMethod;
  readonly url: string | null;
  readonly redirectUri: string | null;
  readonly verificationUri: string | null;
  readonly verificationUriComplete: string | null;
  readonly userCode: string | null;
  readonly expiresAt: string | null;
  readonly state: FlowState;
  readonly message: string | null;
}

export interface FlowEvents {
  readonly viewChanged: FlowView;
}

/**
 * One way to get a grant from a person: the browser flow and the device flow are two of these. A flow ends by itself (authorized,
 * denied, failed, expired) or by `stop`; whether it has ended is `open`, not `view.state`, because the browser flow tells a declined
 * or failed attempt as `denied` or `failed` and lets the person try again until its deadline. A grant it obtains goes to the vault
 * before `authorized` is told.
 */
export interface Flow {
  readonly method: FlowMethod;
  readonly view: FlowView;
  /** From a successful `start` until the flow is over. */
  readonly isOpen: boolean;
  /** Resolves when there is something for a person to do. Faults: `clientNotConfigured`, `redirectPortInUse`, `webexUnreachable`, keychain faults. */
  start(signal: AbortSignal): Promise<FlowView>;
  /** `reason`: why it is over, where nobody has simply called it off. */
  stop(reason?: string): Promise<void>;
  readonly events: Subscribable<FlowEvents>;
}
