import type { Subscribable, Disposer } from "../faults/emitter.js";
import { asFault, Fault } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { TokenResponse } from "../webex/oauth-api.js";
import type { AuthorizationEvents } from "./authorizations.js";
import type { Authorization } from "./grant.js";
import type { OAuthContext } from "./oauth-context.js";
import { cancelled, throwIfCancelled } from "./shared-task.js";

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

/** What a flow needs of the vault. */
export interface GrantSink {
  /** Asks Webex whose grant this is and keeps it as its counterpart's. Faults: those of `IdentityApi` and of the keychain. */
  completeGrant(
    oauthContext: OAuthContext,
    answer: TokenResponse,
    signal: AbortSignal,
  ): Promise<Authorization>;
  list(): Promise<readonly Authorization[]>;
  readonly events: Subscribable<AuthorizationEvents>;
}

interface StoreGrantOptions {
  readonly keeper: GrantSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly deadline: number;
  readonly onTrouble: (fault: Fault) => void;
}

/** A store out of reach is tried again at least this often (contract: keychain). */
const RETRY_MS = 10_000;

/**
 * Keeps a grant that Webex has already given, through whatever passes: a locked keychain, a network that is gone. Each passing
 * trouble is told, and tried again until `deadline` (of the monotonic clock); then, or with a lasting fault, it is thrown.
 */
export async function storeGrant(
  oauthContext: OAuthContext,
  answer: TokenResponse,
  options: StoreGrantOptions,
  signal: AbortSignal,
): Promise<Authorization> {
  try {
    return await storeWithRetry(oauthContext, answer, options, signal);
  } catch (thrown) {
    // Told by nobody else: the flow itself only says that it is over.
    if (signal.aborted) {
      options.logger.warn(
        "An authorization that Webex had given already was not kept, because its flow ended first: the organization has to be authorized again.",
      );
    }
    throw thrown;
  }
}

async function storeWithRetry(
  oauthContext: OAuthContext,
  answer: TokenResponse,
  options: StoreGrantOptions,
  signal: AbortSignal,
): Promise<Authorization> {
  for (;;) {
    try {
      return await options.keeper.completeGrant(oauthContext, answer, signal);
    } catch (thrown) {
      const fault = asFault(thrown);
      const wait = Math.max(fault.retryAfterMs ?? 0, RETRY_MS);
      if (
        signal.aborted ||
        fault.kind !== "transient" ||
        options.clock.monotonic() + wait >= options.deadline
      )
        throw fault;
      options.onTrouble(fault);
      await delay(options.clock, wait, signal);
    }
  }
}

/** Waits on the clock; ends with the fault `cancelled` as soon as the signal fires. */
export function delay(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(cancelled());
      return;
    }
    const onAbort = (): void => {
      dispose();
      reject(cancelled());
    };
    const dispose = clock.schedule(ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

interface ActiveFlow {
  readonly flow: Flow;
  readonly abort: AbortController;
  readonly dispose: Disposer;
  /** Resolves when there is something for a person to do. */
  started: Promise<void>;
  isStarted: boolean;
  /** Null until it is known. */
  oauthContext: OAuthContext | null;
  /** Ended because it was begun with another counterpart than is wanted now. */
  isOutdated: boolean;
}

/** Room for one flow at a time. Each change is told; the end of a flow twice: with its last state, then as none. */
export class FlowSlot {
  readonly #createFlow: (method: FlowMethod) => Flow;
  readonly #onChange: () => void;
  #active: ActiveFlow | null = null;
  #previous: Flow | null = null;

  constructor(createFlow: (method: FlowMethod) => Flow, onChange: () => void) {
    this.#createFlow = createFlow;
    this.#onChange = onChange;
  }

  /** The flow that is open, or has just ended; null otherwise. */
  get view(): FlowView | null {
    return this.#active?.isStarted === true ? this.#active.flow.view : null;
  }

  /**
   * The flow of that method that is open, or a new one; `prepare` runs before it starts and says what it is begun with. Fault:
   * `authorizationInProgress`.
   */
  async begin(
    method: FlowMethod,
    signal: AbortSignal,
    prepare: () => Promise<OAuthContext>,
  ): Promise<FlowView> {
    throwIfCancelled(signal);
    const open = this.#active;
    if (open !== null && open.flow.method !== method) {
      throw new Fault(
        "authorizationInProgress",
        `An authorization by ${open.flow.method} is open: it ends first, or is cancelled.`,
        {
          data: { method: open.flow.method },
        },
      );
    }
    const active = open ?? this.#create(method, signal, prepare);
    try {
      await active.started;
      return active.flow.view;
    } catch (error) {
      // Who began it has called it off, or it went to the wrong place: whoever asked still wants one.
      const shouldRetry = !signal.aborted && (open !== null || active.isOutdated);
      if (shouldRetry && error instanceof Fault && error.code === "cancelled")
        return this.begin(method, signal, prepare);
      throw error;
    }
  }

  async cancel(): Promise<void> {
    if (this.#active !== null) await this.#cancel(this.#active);
  }

  /** Ends the flow that is open if there is a reason to, by what it was begun with. */
  cancelIf(cancelReason: (oauthContext: OAuthContext) => string | null): void {
    const active = this.#active;
    if (!active?.oauthContext) return;
    const reason = cancelReason(active.oauthContext);
    if (reason === null) return;
    active.isOutdated = true;
    void this.#cancel(active, reason);
  }

  async #cancel(active: ActiveFlow, reason?: string): Promise<void> {
    active.abort.abort();
    await active.flow.stop(reason);
    await active.started.catch(() => undefined);
    this.#end(active);
  }

  #create(
    method: FlowMethod,
    signal: AbortSignal,
    prepare: () => Promise<OAuthContext>,
  ): ActiveFlow {
    const flow = this.#createFlow(method);
    const abort = new AbortController();
    const active: ActiveFlow = {
      flow,
      abort,
      dispose: flow.events.on("viewChanged", () => this.#handleChange(active)),
      started: Promise.resolve(),
      isStarted: false,
      oauthContext: null,
      isOutdated: false,
    };
    this.#active = active;
    active.started = this.#start(active, AbortSignal.any([signal, abort.signal]), prepare);
    return active;
  }

  async #start(
    active: ActiveFlow,
    signal: AbortSignal,
    prepare: () => Promise<OAuthContext>,
  ): Promise<void> {
    try {
      // The one before may still be closing its port.
      await this.#previous?.stop();
      active.oauthContext = await prepare();
      if (signal.aborted) throw cancelled();
      await active.flow.start(signal);
    } catch (error) {
      active.dispose();
      if (this.#active === active) this.#active = null;
      await active.flow.stop();
      throw signal.aborted ? cancelled() : error;
    }
    active.isStarted = true;
    this.#handleChange(active);
  }

  #handleChange(active: ActiveFlow): void {
    if (this.#active !== active || !active.isStarted) return;
    this.#onChange();
    if (!active.flow.isOpen) this.#end(active);
  }

  #end(active: ActiveFlow): void {
    if (this.#active !== active) return;
    active.dispose();
    this.#previous = active.flow;
    this.#active = null;
    this.#onChange();
  }
}
