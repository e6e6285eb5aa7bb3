import type { Fault } from "../faults/fault.js";
import { asFault } from "../faults/fault.js";
import type { Disposer } from "../faults/emitter.js";
import { Emitter } from "../faults/emitter.js";
import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { SecretStore } from "../ports/secret-store.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { Grant } from "./grant.js";
import type { StoredContent } from "./vault-content.js";
import { readContent, hasSameTokens, withGrant, withoutGrant } from "./vault-content.js";
import {
  CLIENT_ACCOUNT,
  decodeGrant,
  decodeIndex,
  encodeClient,
  encodeGrant,
  encodeIndex,
  encodeProxy,
  grantAccount,
  INDEX_ACCOUNT,
  PROXY_ACCOUNT,
} from "./keychain-records.js";
import type { GrantStoreState } from "./vault-state.js";
import { logStateChange, isSameState } from "./vault-state.js";

/** Another process's change is noticed within this (the contract allows 60 s). */
const POLL_MS = 30_000;
/** With the store's own deadline of 3 s a call, under the 10 s of the contract. */
const RETRY_MS = 5_000;
/** How long a stop waits for a call under way: a keyring that hangs must not keep the worker from ending. */
const STOP_MS = 500;

export interface GrantStoreEvents {
  readonly contentChanged: GrantStoreState;
}

interface UnsavedGrant {
  /** What the keychain held when `grant` was obtained. */
  readonly base: Grant;
  readonly grant: Grant;
}

/**
 * What the keychain holds, in memory: read at the start, read again every 30 s, tried again every 5 s while the store is out of
 * reach. Reads and writes run one after another. A record that cannot be read is left as it is; only a new one written by a person's
 * act (an authorization, `setClient`) takes its place.
 */
export class GrantStore {
  readonly #store: SecretStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly events = new Emitter<GrantStoreEvents>();
  readonly #unsaved = new Map<string, UnsavedGrant>();
  #state: GrantStoreState = { kind: "unread" };
  #queue: Promise<unknown> = Promise.resolve();
  #timer: Disposer | null = null;
  #running = false;

  constructor(store: SecretStore, clock: Clock, logger: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
  }

  get kind(): SecretStore["kind"] {
    return this.#store.kind;
  }

  get state(): GrantStoreState {
    return this.#state;
  }

  /** Resolves after the first try to read; a failure is in the state. */
  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    await this.#poll();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#timer?.();
    this.#timer = null;
    let cancelTimer: Disposer = () => undefined;
    const timeout = new Promise<void>((resolve) => {
      cancelTimer = this.#clock.schedule(STOP_MS, resolve);
    });
    await Promise.race([this.#queue, timeout]);
    cancelTimer();
  }

  /** Reads the keychain now. Rejects with the store's fault, which is in the state as well. */
  reload(): Promise<void> {
    return this.#exclusive(() => this.#read());
  }

  /** The organization's grant as stored, and a renewed one that could not be stored yet. */
  findGrant(orgId: string): { stored: Grant | null; unsaved: Grant | null } {
    const grants = this.#state.kind === "ready" ? this.#state.grants : [];
    return {
      stored: grants.find((g) => g.orgId === orgId) ?? null,
      unsaved: this.#unsaved.get(orgId)?.grant ?? null,
    };
  }

  setClient(client: OAuthClient): Promise<void> {
    return this.#write(
      () => this.#store.set(CLIENT_ACCOUNT, encodeClient(client)),
      (content) => ({
        ...content,
        client,
        unreadableAccounts: content.unreadableAccounts.filter((a) => a !== CLIENT_ACCOUNT),
      }),
    );
  }

  /** Null deletes it. */
  setProxyPassword(password: Secret | null): Promise<void> {
    return this.#write(
      async () => {
        if (password === null) await this.#store.delete(PROXY_ACCOUNT);
        else await this.#store.set(PROXY_ACCOUNT, encodeProxy(password));
      },
      (content) => ({
        ...content,
        proxyPassword: password,
        unreadableAccounts: content.unreadableAccounts.filter((a) => a !== PROXY_ACCOUNT),
      }),
    );
  }

  /** Keeps a person's new authorization, in the place of the organization's old one if there is one. */
  storeGrant(grant: Grant): Promise<void> {
    const account = grantAccount(grant.orgId);
    return this.#write(
      async () => {
        await this.#store.set(account, encodeGrant(grant));
        await this.#changeIndex((orgs) =>
          orgs.includes(grant.orgId) ? orgs : [...orgs, grant.orgId],
        );
        this.#unsaved.delete(grant.orgId);
      },
      (content) => withGrant(content, grant),
    );
  }

  /** The grant goes before its place in the index: what matters is that the tokens are gone. */
  removeGrant(orgId: string): Promise<void> {
    return this.#write(
      async () => {
        await this.#store.delete(grantAccount(orgId));
        await this.#changeIndex((orgs) => orgs.filter((o) => o !== orgId));
        this.#unsaved.delete(orgId);
      },
      (content) => withoutGrant(content, orgId),
    );
  }

  /**
   * Keeps what a refresh of `base` gave. Never rejects and never loses it: while the store is out of reach the grant is held here
   * and stored at the next try. Dropped only where another process has replaced or revoked the grant meanwhile.
   */
  storeRefreshed(base: Grant, grant: Grant): Promise<"stored" | "held"> {
    return this.#exclusive(async () => {
      const unsaved = this.#unsaved.get(base.orgId);
      this.#unsaved.set(base.orgId, {
        base: unsaved !== undefined && hasSameTokens(unsaved.grant, base) ? unsaved.base : base,
        grant,
      });
      try {
        await this.#saveUnsaved();
        return "stored";
      } catch (error) {
        this.#handleFailure(asFault(error));
        this.#schedule();
        return "held";
      }
    });
  }

  async #poll(): Promise<void> {
    await this.reload().catch(() => undefined);
    this.#schedule();
  }

  #schedule(): void {
    this.#timer?.();
    this.#timer = null;
    if (!this.#running) return;
    const isHealthy =
      this.#state.kind === "ready" && this.#state.fault === null && this.#unsaved.size === 0;
    this.#timer = this.#clock.schedule(isHealthy ? POLL_MS : RETRY_MS, () => void this.#poll());
  }

  async #read(): Promise<void> {
    try {
      await this.#saveUnsaved();
      this.#setState({ kind: "ready", fault: null, ...(await readContent(this.#store)) });
    } catch (error) {
      const fault = asFault(error);
      this.#handleFailure(fault);
      throw fault;
    }
  }

  async #saveUnsaved(): Promise<void> {
    for (const [orgId, { base, grant }] of [...this.#unsaved]) {
      const account = grantAccount(orgId);
      const text = await this.#store.get(account);
      const present = text === null ? null : decodeGrant(text);
      if (present !== null && hasSameTokens(present, base)) {
        await this.#store.set(account, encodeGrant(grant));
        this.#apply((content) => ({
          ...content,
          grants: content.grants.map((g) => (g.orgId === orgId ? grant : g)),
        }));
      } else if (present === null || !hasSameTokens(present, grant)) {
        this.#logger.info(
          "Another process has replaced or revoked this authorization meanwhile: its own is used.",
          { orgId },
        );
      }
      this.#unsaved.delete(orgId);
    }
  }

  async #changeIndex(
    change: (organizations: readonly string[]) => readonly string[],
  ): Promise<void> {
    const text = await this.#store.get(INDEX_ACCOUNT);
    const before = text === null ? [] : decodeIndex(text);
    if (before === null)
      this.#logger.warn(
        "The index of authorizations in the keychain cannot be read and is begun anew.",
        {
          account: INDEX_ACCOUNT,
        },
      );
    const after = change(before ?? []);
    if (after.join() !== before?.join()) await this.#store.set(INDEX_ACCOUNT, encodeIndex(after));
  }

  #write(
    act: () => Promise<void>,
    apply: (content: StoredContent) => StoredContent,
  ): Promise<void> {
    return this.#exclusive(async () => {
      try {
        await act();
      } catch (error) {
        const fault = asFault(error);
        this.#handleFailure(fault);
        this.#schedule();
        throw fault;
      }
      if (this.#state.kind === "ready") this.#apply(apply);
      else await this.#read().catch(() => undefined);
    });
  }

  #apply(change: (content: StoredContent) => StoredContent): void {
    if (this.#state.kind !== "ready") return;
    this.#setState({ kind: "ready", fault: this.#state.fault, ...change(this.#state) });
  }

  #handleFailure(fault: Fault): void {
    const before = this.#state;
    this.#setState(before.kind === "ready" ? { ...before, fault } : { kind: "unavailable", fault });
  }

  #setState(next: GrantStoreState): void {
    const before = this.#state;
    this.#state = next;
    logStateChange(this.#logger, before, next);
    if (isSameState(before, next)) return;
    try {
      this.events.emit("contentChanged", next);
    } catch (error) {
      // A listener's defect must not pass for a failure of the keychain.
      this.#logger.error("A listener to the keychain's content failed.", {
        cause: asFault(error).cause,
      });
    }
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
