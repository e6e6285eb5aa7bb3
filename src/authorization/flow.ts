import type { Disposer, Subscribable } from "../faults/emitter.js";
import { asFault, Fault, faultFields } from "../faults/fault.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { TokenResponse } from "../webex/oauth.js";
import type { Authorization } from "./grant.js";
import type { OAuthContext } from "./oauth-context.js";
import { cancelled, delay, throwIfCancelled } from "./shared-task.js";

export type FlowMethod = "browser" | "device";
export type FlowState = "waiting" | "authorized" | "denied" | "failed" | "expired" | "cancelled";

/** What a person needs to authorize. Members that a method does not have are null. */
export interface FlowView {
  readonly method: FlowMethod;
  readonly url: string | null;
  readonly redirectUri: string | null;
  readonly verificationUri: string | null;
  readonly verificationUriComplete: string | null;
  readonly userCode: string | null;
  /** ISO 8601. */
  readonly expiresAt: string | null;
  readonly state: FlowState;
  readonly message: string | null;
}

export interface FlowEvents {
  readonly viewChanged: FlowView;
}

/**
 * An interactive authorization. A flow ends by itself (authorized, denied, failed, expired) or by
 * `stop`. `isOpen` says whether it has ended, not `view.state`: the browser flow reports a declined
 * or failed attempt as `denied` or `failed`, and stays open for further attempts until its
 * deadline. The grant is stored before the state becomes `authorized`.
 */
export interface Flow {
  readonly method: FlowMethod;
  readonly view: FlowView;
  /** True from a successful `start` until the flow is over. */
  readonly isOpen: boolean;
  readonly events: Subscribable<FlowEvents>;
  /**
   * Resolves when a person can act. Faults: `clientNotConfigured`, `redirectPortInUse`,
   * `webexUnreachable`, and those of the keychain.
   */
  start(signal: AbortSignal): Promise<FlowView>;
  /** `reason`: why the flow ends, if it was not simply cancelled. */
  stop(reason?: string): Promise<void>;
}

export interface AuthorizationChange {
  readonly authorizations: readonly Authorization[];
  /** The open flow, or one that has just ended. */
  readonly flow: FlowView | null;
}

export interface AuthorizationEvents {
  readonly authorizationsChanged: AuthorizationChange;
}

/** Accepts the tokens that a flow obtains. */
export interface GrantSink {
  readonly events: Subscribable<AuthorizationEvents>;
  /** Verifies the tokens with Webex and stores them as a grant of their context. */
  completeGrant(
    context: OAuthContext,
    tokens: TokenResponse,
    signal: AbortSignal,
  ): Promise<Authorization>;
  list(): Promise<readonly Authorization[]>;
}

export interface FlowOptions {
  /** Returns the current context. Throws `clientNotConfigured`. */
  readonly oauthContext: () => OAuthContext;
  readonly grantSink: GrantSink;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface StoreGrantOptions extends FlowOptions {
  /** A time of `Clock.monotonic()`. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  readonly onRetry: (fault: Fault) => void;
}

/** An unavailable keychain has to be retried within 10 s. */
const RETRY_MS = 10_000;

/**
 * Stores tokens that Webex has issued. Transient faults, such as a locked keychain, are reported to
 * `onRetry` and retried until the deadline. Other faults are thrown.
 */
export async function storeGrant(
  context: OAuthContext,
  tokens: TokenResponse,
  { grantSink, clock, logger, deadline, signal, onRetry }: StoreGrantOptions,
): Promise<Authorization> {
  for (;;) {
    try {
      return await grantSink.completeGrant(context, tokens, signal);
    } catch (thrown) {
      const fault = asFault(thrown);
      const delayMs = Math.max(fault.retryAfterMs ?? 0, RETRY_MS);
      const isLate = clock.monotonic() + delayMs >= deadline;
      if (!signal.aborted) {
        if (fault.kind !== "transient" || isLate) throw fault;
        onRetry(fault);
        await delay(clock, delayMs, signal).catch(() => undefined);
      }
      if (!signal.aborted) continue;
      // The flow itself only reports that it has ended.
      logger.warn(
        "Webex had granted an authorization, but its flow ended before it was stored. The organization has to be authorized again.",
      );
      throw fault;
    }
  }
}

export function logFailure(
  logger: Logger,
  method: FlowMethod,
  fault: Fault,
  isRetrying = false,
): void {
  const error = fault.code === "defect" ? fault : undefined;
  const fields = { method, ...faultFields(fault), error, isRetrying };
  logger.error("The authorization failed.", fields);
}

interface ActiveFlow {
  readonly flow: Flow;
  readonly abort: AbortController;
  readonly dispose: Disposer;
  /** Resolves when a person can act. */
  started: Promise<void>;
  isStarted: boolean;
  /** Null until it is known. */
  context: OAuthContext | null;
  /** The flow was ended because the settings name another context now. */
  isOutdated: boolean;
}

export interface FlowSlotOptions {
  readonly createFlow: (method: FlowMethod) => Flow;
  /** Runs before a flow starts, and returns its context. */
  readonly prepare: () => Promise<OAuthContext>;
  /** Called on each change of the view, and twice when a flow ends: with and without the flow. */
  readonly onChange: () => void;
}

/** Holds at most one flow. */
export class FlowSlot {
  readonly #options: FlowSlotOptions;
  #active: ActiveFlow | null = null;
  #previous: Flow | null = null;

  constructor(options: FlowSlotOptions) {
    this.#options = options;
  }

  /** The flow that is open or has just ended, or null. */
  get view(): FlowView | null {
    return this.#active?.isStarted === true ? this.#active.flow.view : null;
  }

  /**
   * Returns the open flow of this method, or starts one. Throws `authorizationInProgress` if a flow
   * of the other method is open.
   */
  async begin(method: FlowMethod, signal: AbortSignal): Promise<FlowView> {
    throwIfCancelled(signal);
    const open = this.#active;
    if (open !== null && open.flow.method !== method) {
      throw new Fault(
        "authorizationInProgress",
        `An authorization by ${open.flow.method} is in progress. Wait for its end, or cancel it.`,
        { data: { method: open.flow.method } },
      );
    }
    const active = open ?? this.#create(method, signal);
    try {
      await active.started;
      return active.flow.view;
    } catch (error) {
      // This caller still needs a flow if another one cancelled it, or if the context changed.
      const shouldRetry = !signal.aborted && (open !== null || active.isOutdated);
      if (!shouldRetry || asFault(error).code !== "cancelled") throw error;
      return this.begin(method, signal);
    }
  }

  async cancel(): Promise<void> {
    if (this.#active !== null) await this.#cancel(this.#active);
  }

  /** Cancels the flow if `findReason` returns a reason for its context. */
  cancelIf(findReason: (context: OAuthContext) => string | null): void {
    const active = this.#active;
    if (!active?.context) return;
    const reason = findReason(active.context);
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

  #create(method: FlowMethod, signal: AbortSignal): ActiveFlow {
    const flow = this.#options.createFlow(method);
    const abort = new AbortController();
    const active: ActiveFlow = {
      flow,
      abort,
      dispose: flow.events.on("viewChanged", () => this.#handleChange(active)),
      started: Promise.resolve(),
      isStarted: false,
      context: null,
      isOutdated: false,
    };
    this.#active = active;
    active.started = this.#start(active, AbortSignal.any([signal, abort.signal]));
    return active;
  }

  async #start(active: ActiveFlow, signal: AbortSignal): Promise<void> {
    try {
      // The previous flow may still be closing its port.
      await this.#previous?.stop();
      active.context = await this.#options.prepare();
      throwIfCancelled(signal);
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
    this.#options.onChange();
    if (!active.flow.isOpen) this.#end(active);
  }

  #end(active: ActiveFlow): void {
    if (this.#active !== active) return;
    active.dispose();
    this.#previous = active.flow;
    this.#active = null;
    this.#options.onChange();
  }
}
