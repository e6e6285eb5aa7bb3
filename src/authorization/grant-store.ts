import { Emitter, type Disposer } from "../faults/emitter.js";
import { asFault, type Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { SecretStore } from "../ports/secret-store.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { Grant } from "./grant.js";
import {
  CLIENT_ACCOUNT,
  decodeGrant,
  decodeIndex,
  encodeClient,
  encodeGrant,
  encodeIndex,
  encodeProxy,
  fingerprint,
  grantAccount,
  hasSameTokens,
  INDEX_ACCOUNT,
  PROXY_ACCOUNT,
  readContent,
  renewalAccount,
  withGrant,
  withoutGrant,
  type StoredContent,
} from "./keychain-records.js";
import { delay } from "./shared-task.js";

export type GrantStoreState =
  | { readonly kind: "unread"; readonly fault: null }
  | { readonly kind: "unavailable"; readonly fault: Fault }
  /** `fault`: the keychain has become unavailable since. The content is the last known one. */
  | ({ readonly kind: "ready"; readonly fault: Fault | null } & StoredContent);

/** A change by another process has to be noticed within 60 s. */
const POLL_MS = 30_000;
/** An unavailable keychain has to be retried within 10 s. A call itself can take 3 s. */
const RETRY_MS = 5_000;
/** While another process is expected to change the keychain, how often and how long it is read. */
const EXPECTANT_POLL_MS = 2_000;
const EXPECTANT_MS = 30_000;
/** How long `stop` waits for a pending call, because a keyring can hang. */
const STOP_TIMEOUT_MS = 500;

interface UnsavedGrant {
  /** The grant in the keychain when `grant` was obtained. */
  readonly base: Grant;
  readonly grant: Grant;
}

/**
 * A cache of what the keychain contains. It reads the keychain at the start and every 30 s, every 5
 * s while the keychain is unavailable, and every 2 s while it expects a change. Reads and writes
 * run one after another. A record that cannot be read stays as it is until a new authorization or
 * `setClient` replaces it.
 */
export class GrantStore {
  readonly events = new Emitter<{ readonly contentChanged: GrantStoreState }>();
  readonly #store: SecretStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #unsaved = new Map<string, UnsavedGrant>();
  #state: GrantStoreState = { kind: "unread", fault: null };
  #queue: Promise<unknown> = Promise.resolve();
  #timer: Disposer | null = null;
  #isRunning = false;
  /** Of grants that are being verified. */
  readonly #onTrial = new Set<Secret>();
  /** A time of `Clock.monotonic()`. */
  #changeExpectedUntil = Number.NEGATIVE_INFINITY;

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

  /** The content as last read, or null if the keychain could not be read yet. */
  get content(): StoredContent | null {
    return this.#state.kind === "ready" ? this.#state : null;
  }

  /** Resolves after the first attempt to read. A failure shows in `state`. */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    await this.#poll();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#timer?.();
    const end = new AbortController();
    await Promise.race([this.#queue, delay(this.#clock, STOP_TIMEOUT_MS, end.signal)]);
    end.abort();
  }

  /** Reads the keychain now. Rejects with the fault that `state` shows too. */
  reload(): Promise<void> {
    return this.#exclusive(() => this.#read());
  }

  /** All secrets that the keychain, as last read, and this process hold. */
  secrets(): readonly Secret[] {
    const { client = null, grants = [], proxyPassword = null } = this.content ?? {};
    const unsaved = [...this.#unsaved.values()].map(({ grant }) => grant);
    const tokens = [...grants, ...unsaved].flatMap((grant) => [
      grant.accessToken,
      grant.refreshToken,
    ]);
    return [client?.clientSecret ?? null, proxyPassword, ...tokens, ...this.#onTrial].filter(
      (s) => s !== null,
    );
  }

  /** Counts the tokens of a grant that is not stored yet among `secrets` while `verify` runs. */
  async verifying<T>(tokens: readonly Secret[], verify: () => Promise<T>): Promise<T> {
    for (const token of tokens) this.#onTrial.add(token);
    try {
      return await verify();
    } finally {
      for (const token of tokens) this.#onTrial.delete(token);
    }
  }

  /** Another process may change the keychain soon: reads it more often for 30 s. */
  expectChange(): void {
    this.#changeExpectedUntil = this.#clock.monotonic() + EXPECTANT_MS;
    this.#schedule();
  }

  /** Returns the stored grant, and the refreshed one that could not be stored yet. */
  findGrant(orgId: string): { stored: Grant | null; unsaved: Grant | null } {
    return {
      stored: this.content?.grants.find((grant) => grant.orgId === orgId) ?? null,
      unsaved: this.#unsaved.get(orgId)?.grant ?? null,
    };
  }

  setClient(client: OAuthClient): Promise<void> {
    return this.#write(
      [CLIENT_ACCOUNT],
      () => this.#store.set(CLIENT_ACCOUNT, encodeClient(client)),
      (content) => ({ ...content, client }),
    );
  }

  /** Null deletes the password. */
  setProxyPassword(password: Secret | null): Promise<void> {
    return this.#write(
      [PROXY_ACCOUNT],
      async () => {
        if (password === null) await this.#store.delete(PROXY_ACCOUNT);
        else await this.#store.set(PROXY_ACCOUNT, encodeProxy(password));
      },
      (content) => ({ ...content, proxyPassword: password }),
    );
  }

  /** Stores a new authorization, which replaces the organization's previous one. */
  storeGrant(grant: Grant): Promise<void> {
    const account = grantAccount(grant.orgId);
    return this.#write(
      [account, INDEX_ACCOUNT],
      async () => {
        await this.#store.set(account, encodeGrant(grant));
        await this.#changeIndex((orgIds) => [...new Set([...orgIds, grant.orgId])]);
        this.#unsaved.delete(grant.orgId);
      },
      (content) => withGrant(content, grant),
    );
  }

  /** Deletes the tokens before the index entry, so that a failure in between leaves no tokens. */
  removeGrant(orgId: string): Promise<void> {
    const account = grantAccount(orgId);
    return this.#write(
      [account],
      async () => {
        await this.#store.delete(account);
        await this.#changeIndex((orgIds) => orgIds.filter((id) => id !== orgId));
        await this.#store.delete(renewalAccount(orgId)).catch(() => false);
        this.#unsaved.delete(orgId);
      },
      (content) => withoutGrant(content, orgId),
    );
  }

  /**
   * Stores the result of refreshing `base`. Never rejects: while the keychain is unavailable, the
   * grant stays in memory and is stored later. It is discarded only if another process has replaced
   * or revoked the grant in the meantime.
   */
  storeRefreshed(base: Grant, grant: Grant): Promise<"stored" | "unsaved"> {
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
        this.#handleFailure(error);
        return "unsaved";
      }
    });
  }

  async #poll(): Promise<void> {
    await this.reload().catch(() => undefined);
    this.#schedule();
  }

  #schedule(): void {
    this.#timer?.();
    if (!this.#isRunning) return;
    const isHealthy =
      this.#state.kind === "ready" && this.#state.fault === null && this.#unsaved.size === 0;
    const isChangeExpected = this.#clock.monotonic() < this.#changeExpectedUntil;
    const pollMs = isChangeExpected ? EXPECTANT_POLL_MS : POLL_MS;
    this.#timer = this.#clock.schedule(isHealthy ? pollMs : RETRY_MS, () => void this.#poll());
  }

  async #read(): Promise<void> {
    try {
      await this.#saveUnsaved();
      const content = await readContent(this.#store);
      if (this.#state.kind === "ready") logForeignChanges(this.#logger, this.#state, content);
      this.#setState({ kind: "ready", fault: null, ...content });
    } catch (error) {
      throw this.#handleFailure(error);
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
          "Another process has replaced or revoked the authorization. The result of this worker's refresh is discarded.",
          { orgId },
        );
      }
      this.#unsaved.delete(orgId);
    }
  }

  async #changeIndex(change: (orgIds: readonly string[]) => readonly string[]): Promise<void> {
    const text = await this.#store.get(INDEX_ACCOUNT);
    const before = text === null ? [] : decodeIndex(text);
    if (before === null)
      this.#logger.warn(
        "The index of authorizations in the keychain cannot be read. A new one replaces it.",
        { account: INDEX_ACCOUNT },
      );
    const after = change(before ?? []);
    if (after.join() !== before?.join()) await this.#store.set(INDEX_ACCOUNT, encodeIndex(after));
  }

  /** `change`: what `write` changes in the content. The records of `accounts` are readable then. */
  #write(
    accounts: readonly string[],
    write: () => Promise<void>,
    change: (content: StoredContent) => StoredContent,
  ): Promise<void> {
    return this.#exclusive(async () => {
      try {
        await write();
      } catch (error) {
        throw this.#handleFailure(error);
      }
      if (this.#state.kind !== "ready") await this.#read().catch(() => undefined);
      else
        this.#apply((content) => ({
          ...change(content),
          unreadableAccounts: content.unreadableAccounts.filter((a) => !accounts.includes(a)),
        }));
    });
  }

  #apply(change: (content: StoredContent) => StoredContent): void {
    if (this.#state.kind !== "ready") return;
    this.#setState({ kind: "ready", fault: this.#state.fault, ...change(this.#state) });
  }

  #handleFailure(error: unknown): Fault {
    const fault = asFault(error);
    const before = this.#state;
    this.#setState(before.kind === "ready" ? { ...before, fault } : { kind: "unavailable", fault });
    this.#schedule();
    return fault;
  }

  #setState(next: GrantStoreState): void {
    const before = this.#state;
    this.#state = next;
    logUnreadable(this.#logger, before, next);
    if (isSameState(before, next)) return;
    try {
      this.events.emit("contentChanged", next);
    } catch (error) {
      // A defect in a listener must not look like a failure of the keychain.
      this.#logger.error("A listener for changes of the keychain failed.", {
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

function isSameState(a: GrantStoreState, b: GrantStoreState): boolean {
  if (a.kind !== b.kind || a.fault?.message !== b.fault?.message) return false;
  return a.kind !== "ready" || b.kind !== "ready" || fingerprint(a) === fingerprint(b);
}

/** What this process writes is in `before` already. A renewal keeps `grantedAt`. */
function logForeignChanges(logger: Logger, before: StoredContent, after: StoredContent): void {
  const isIndexReadable = !after.unreadableAccounts.includes(INDEX_ACCOUNT);
  for (const { orgId } of before.grants) {
    const isLeft = after.grants.some((grant) => grant.orgId === orgId);
    if (isLeft || !isIndexReadable || after.unreadableOrgIds.includes(orgId)) continue;
    logger.info("Another process has removed an authorization from the keychain.", { orgId });
  }
  for (const { orgId, grantedAt } of after.grants) {
    if (before.grants.some((grant) => grant.orgId === orgId && grant.grantedAt === grantedAt))
      continue;
    logger.info("Another process has stored an authorization in the keychain.", { orgId });
  }
}

/** Logs each unreadable record once. The status logs whether the keychain can be reached. */
function logUnreadable(logger: Logger, before: GrantStoreState, next: GrantStoreState): void {
  if (next.kind !== "ready") return;
  const knownAccounts = before.kind === "ready" ? before.unreadableAccounts : [];
  for (const account of next.unreadableAccounts.filter((a) => !knownAccounts.includes(a))) {
    logger.warn(
      "A record in the keychain is missing or cannot be read. It is not used and not changed.",
      { account },
    );
  }
}
