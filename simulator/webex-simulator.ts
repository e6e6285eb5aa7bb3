import { ClientRegistry, type SimulatedClient } from "./client-registry.js";
import { controlRoute } from "./control-routes.js";
import { FaultQueue, type FaultRule } from "./faults.js";
import { ForeignOrigin, type ForeignRequest } from "./foreign-origin.js";
import { SimulatorServer, type ListenOptions } from "./http-server.js";
import { initialKnobs, knobProblems, type Knobs } from "./knobs.js";
import type {
  OrganizationOptions,
  SimulatedOrganization,
  SimulatedPerson,
} from "./people-factory.js";
import { Population } from "./population.js";
import { PresenceEngine } from "./presence-engine.js";
import { RateLimiter } from "./rate-limit.js";
import { RequestLog, type LoggedRequest, type RequestFilter } from "./request-log.js";
import { Router } from "./router.js";
import { ADMIN_SCOPES, TokenStore, type Role, type SimulatedGrant } from "./token-store.js";
import { DEFAULT_OFFICE_TIME, WalkClock } from "./walk-clock.js";

export interface SimulatorOptions extends Partial<Knobs> {
  readonly organizations: readonly OrganizationOptions[];
  /** The integration; its id and secret are random and its redirect URI the worker's default unless said. */
  readonly client?: {
    clientId?: string;
    clientSecret?: string;
    redirectUris?: readonly string[];
    scopes?: readonly string[];
  };
  /** The time in the offices at the start, ms since 1970; a working day at ten unless said. */
  readonly officeTime?: number;
  /** Whether the offices close for the night and the weekend; not unless said. */
  readonly nights?: boolean;
  /** ms since 1970, for tests that move time; the machine's clock unless said. */
  readonly now?: () => number;
}

/** Tokens as `authorization/import` takes them (lifetimes in seconds), and the organization that they are for. */
export interface IssuedGrant {
  readonly refreshToken: string;
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly refreshTokenExpiresIn: number;
  readonly scope: string;
  readonly orgId: string;
}

/** A stand-in for Webex's REST service: people, organizations, OAuth, limits and faults over real HTTP. */
export class WebexSimulator {
  readonly #population: Population;
  readonly #requests = new RequestLog();
  readonly #client: SimulatedClient;
  readonly #knobs: Knobs;
  readonly #now: () => number;
  readonly #clock: WalkClock;
  readonly #tokens: TokenStore;
  readonly #clients: ClientRegistry;
  readonly #faults = new FaultQueue();
  readonly #limiter = new RateLimiter();
  readonly #foreign = new ForeignOrigin();
  readonly #server: SimulatorServer;
  #url = "";

  constructor(options: SimulatorOptions) {
    const { organizations, client, officeTime, nights, now, ...knobs } = options;
    this.#now = now ?? Date.now;
    this.#knobs = initialKnobs();
    const { speed } = this.#knobs;
    this.#clock = new WalkClock({
      realNow: this.#now,
      startsAt: officeTime ?? DEFAULT_OFFICE_TIME,
      speed,
      nights: nights ?? false,
    });
    const presence = new PresenceEngine({ clock: this.#clock, realNow: this.#now });
    this.#population = new Population(organizations, presence);
    this.#tokens = new TokenStore({ knobs: () => this.#knobs, now: this.#now });
    this.#clients = new ClientRegistry(this.#tokens);
    this.#client = this.#clients.register(client);
    const foreignOrigin = this.#foreign;
    const context = {
      organizations: this.#population.organizations,
      knobs: this.#knobs,
      tokens: this.#tokens,
      clients: this.#clients,
      presence,
      faults: this.#faults,
      limiter: this.#limiter,
      requests: this.#requests,
      now: this.#now,
      get foreignUrl(): string {
        return foreignOrigin.url;
      },
    };
    const router = new Router(context, (exchange) => controlRoute(exchange, this));
    this.#server = new SimulatorServer(context, (exchange) => router.route(exchange));
    this.set(knobs);
  }

  /** Listens on a free port of 127.0.0.1 unless told another. */
  async start(listenOptions: ListenOptions = {}): Promise<{ url: string; apiUrl: string }> {
    await this.#foreign.start();
    this.#url = await this.#server.start(listenOptions);
    return { url: this.#url, apiUrl: this.apiUrl };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#server.stop(), this.#foreign.stop()]);
  }

  get url(): string {
    return this.#url;
  }

  get apiUrl(): string {
    return `${this.#url}/v1`;
  }

  get organizations(): readonly SimulatedOrganization[] {
    return this.#population.organizations;
  }

  get client(): { readonly clientId: string; readonly clientSecret: string } {
    return { clientId: this.#client.clientId, clientSecret: this.#client.clientSecret };
  }

  registerClient(options: Parameters<ClientRegistry["register"]>[0]): SimulatedClient {
    return this.#clients.register(options);
  }

  /** Lets the integration's flows come back to one more address. */
  addRedirectUri(uri: string): void {
    this.#client.redirectUris.add(uri);
  }

  get knobs(): Readonly<Knobs> {
    return this.#knobs;
  }

  /** Turns knobs. Throws a RangeError for one that does not exist or cannot be turned so. */
  set(patch: Partial<Knobs>): void {
    const problems = knobProblems(patch);
    if (problems.length > 0) throw new RangeError(problems.join(" "));
    Object.assign(this.#knobs, patch);
    if (patch.speed !== undefined) this.#clock.setSpeed(patch.speed);
  }

  /** Makes the next matching request (or `times` of them, null = all) go wrong. */
  fail(rule: FaultRule): void {
    this.#faults.add(rule);
  }

  get faults(): readonly FaultRule[] {
    return this.#faults.list();
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  /** A person (or bot) by e-mail address or id, presence brought up to now; the first organization that knows it unless one is named. */
  person(key: string, orgIndex?: number): SimulatedPerson | null {
    return this.#population.person(key, orgIndex);
  }

  /** The persons of an organization, bots left out, in the order of the list, presence brought up to now. */
  people(orgIndex = 0): SimulatedPerson[] {
    return this.#population.people(orgIndex);
  }

  /** Fixes a status (null: Webex tells none) until `release`. Returns when, ms since 1970. */
  setStatus(key: string, status: string | null, orgIndex?: number): number {
    this.#population.setStatus(key, status, orgIndex);
    return this.#now();
  }

  /** Gives a person back to the walk. */
  release(key: string, orgIndex?: number): void {
    this.#population.release(key, orgIndex);
  }

  /** A newcomer at the end of the list; seeded where nothing is said. With a `status`, it is fixed. */
  addPerson(
    orgIndex: number,
    options: { email?: string; displayName?: string; status?: string | null } = {},
  ): SimulatedPerson {
    return this.#population.add(orgIndex, options);
  }

  removePerson(key: string, orgIndex?: number): void {
    this.#population.remove(key, orgIndex);
  }

  /** An administrator's grant without the way through a browser, ready for `authorization/import`. */
  issueGrant(
    options: { orgIndex?: number; role?: Role; scopes?: readonly string[]; clientId?: string } = {},
  ): IssuedGrant {
    const organization = this.#population.organization(options.orgIndex ?? 0);
    const scopes = options.scopes ?? ADMIN_SCOPES;
    const clientId = options.clientId ?? this.#client.clientId;
    const tokens = this.#tokens.issue({
      organization,
      role: options.role ?? "fullAdmin",
      scopes,
      clientId,
    });
    return {
      refreshToken: tokens.refresh_token,
      accessToken: tokens.access_token,
      expiresIn: tokens.expires_in,
      refreshTokenExpiresIn: tokens.refresh_token_expires_in,
      scope: scopes.join(" "),
      orgId: organization.id,
    };
  }

  /** Ends the grants of one organization, or all: 401 to their access tokens, 400 to their refresh tokens. */
  endGrants(options: { orgIndex?: number } = {}): void {
    this.#tokens.endGrants(organizationFilter(options.orgIndex));
  }

  /** Lets access tokens expire now; refresh tokens stay good. */
  expireAccessTokens(options: { orgIndex?: number } = {}): void {
    this.#tokens.expireAccessTokens(organizationFilter(options.orgIndex));
  }

  isRefreshTokenValid(refreshToken: string): boolean {
    return this.#tokens.isRefreshTokenValid(refreshToken);
  }

  /** Every token, code and client secret ever given out: none of them may be found anywhere. */
  get issuedSecrets(): ReadonlySet<string> {
    return this.#tokens.issuedSecrets;
  }

  /** Others use up an organization's limit: so many of its requests of this minute are gone. */
  occupy(orgIndex: number, requests: number): void {
    this.#limiter.consume(this.#population.organization(orgIndex).id, this.#now(), requests);
  }

  /** Forgets all requests of the last minute. */
  resetRateLimit(): void {
    this.#limiter.reset();
  }

  /** The place in the request log up to now, for `requestsSince`. */
  mark(): number {
    return this.#requests.total;
  }

  /** The requests that came after a mark, oldest first; 0 = all that are kept (the latest 100,000). */
  requestsSince(mark: number, filter: RequestFilter = {}): LoggedRequest[] {
    return this.#requests.since(mark, filter);
  }

  /** The next request that is answered and matches; rejects after `timeoutMs`. */
  nextRequest(filter: RequestFilter = {}, timeoutMs = 5000): Promise<LoggedRequest> {
    return this.#requests.next(filter, timeoutMs);
  }

  /** Where foreign links and redirects lead. */
  get foreignUrl(): string {
    return this.#foreign.url;
  }

  /** What reached that other origin: it should stay empty. */
  get foreignRequests(): readonly ForeignRequest[] {
    return this.#foreign.requests;
  }
}

function organizationFilter(orgIndex: number | undefined): (grant: SimulatedGrant) => boolean {
  return (grant) => orgIndex === undefined || grant.organization.index === orgIndex;
}
