import { handleControlRequest } from "./control-routes.js";
import type { SimulatorContext } from "./exchange.js";
import { FaultQueue, ForeignOrigin, type FaultRule, type ForeignRequest } from "./faults.js";
import { HeldResponses, type HeldResponse } from "./held-responses.js";
import { SimulatorServer, type ListenOptions } from "./http-server.js";
import { initialKnobs, knobProblems, type Knobs } from "./knobs.js";
import type {
  OrganizationOptions,
  SimulatedOrganization,
  SimulatedPerson,
} from "./people-factory.js";
import { Population } from "./population.js";
import { DEFAULT_OFFICE_TIME, OfficeClock } from "./presence-walk.js";
import { RateLimiter } from "./rate-limit.js";
import { RequestLog, type LoggedRequest, type RequestFilter } from "./request-log.js";
import {
  ADMIN_SCOPES,
  ClientRegistry,
  TokenStore,
  type ClientOptions,
  type Role,
  type SimulatedClient,
  type SimulatedGrant,
} from "./token-store.js";

export interface SimulatorOptions extends Partial<Knobs> {
  readonly organizations: readonly OrganizationOptions[];
  /** The integration. */
  readonly client?: ClientOptions;
  /** The initial simulated time, in milliseconds since the epoch. Default: a workday at 10:00. */
  readonly officeTime?: number;
  /** Whether simulated time includes nights and weekends. Default: false. */
  readonly nights?: boolean;
  /** The real time, in milliseconds since the epoch. Default: `Date.now`. */
  readonly now?: () => number;
}

/** The parameters of `authorization/import` (lifetimes in seconds), and their organization. */
export interface IssuedGrant {
  readonly refreshToken: string;
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly refreshTokenExpiresIn: number;
  readonly scope: string;
  readonly orgId: string;
}

/** Simulates Webex's REST API over HTTP: people, organizations, OAuth, rate limits and faults. */
export class WebexSimulator {
  readonly #context: SimulatorContext;
  readonly #knobs: Knobs = initialKnobs();
  readonly #clock: OfficeClock;
  readonly #client: SimulatedClient;
  readonly #server: SimulatorServer;
  #url = "";

  constructor(options: SimulatorOptions) {
    const { organizations, client, officeTime, nights, now = Date.now, ...knobs } = options;
    this.#clock = new OfficeClock({
      realNow: now,
      startsAt: officeTime ?? DEFAULT_OFFICE_TIME,
      speed: this.#knobs.speed,
      nights: nights ?? false,
    });
    const tokens = new TokenStore({ knobs: this.#knobs, now });
    this.#context = {
      population: new Population(organizations, { clock: this.#clock, realNow: now }),
      knobs: this.#knobs,
      tokens,
      clients: new ClientRegistry(tokens),
      faults: new FaultQueue(),
      holds: new HeldResponses(),
      foreignOrigin: new ForeignOrigin(),
      cursorUses: new Map(),
      limiter: new RateLimiter(),
      requests: new RequestLog(),
      now,
    };
    this.#client = this.#context.clients.register(client);
    this.#server = new SimulatorServer(this.#context, (exchange) =>
      handleControlRequest(exchange, this),
    );
    this.set(knobs);
  }

  /** Listens, by default on a free port of 127.0.0.1. */
  async start(options: ListenOptions = {}): Promise<{ url: string; apiUrl: string }> {
    await this.#context.foreignOrigin.start();
    this.#url = await this.#server.start(options);
    return { url: this.#url, apiUrl: this.apiUrl };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#server.stop(), this.#context.foreignOrigin.stop()]);
  }

  get url(): string {
    return this.#url;
  }

  get apiUrl(): string {
    return `${this.#url}/v1`;
  }

  get organizations(): readonly SimulatedOrganization[] {
    return this.#context.population.organizations;
  }

  get client(): { readonly clientId: string; readonly clientSecret: string } {
    return { clientId: this.#client.clientId, clientSecret: this.#client.clientSecret };
  }

  registerClient(options: ClientOptions): SimulatedClient {
    return this.#context.clients.register(options);
  }

  /** Registers another redirect URI for the integration. */
  addRedirectUri(uri: string): void {
    this.#client.redirectUris.add(uri);
  }

  get knobs(): Readonly<Knobs> {
    return this.#knobs;
  }

  /** Changes knobs. Throws a RangeError for an unknown knob or an invalid value. */
  set(patch: Partial<Knobs>): void {
    const problems = knobProblems(patch);
    if (problems.length > 0) throw new RangeError(problems.join(" "));
    Object.assign(this.#knobs, patch);
    if (patch.speed !== undefined) this.#clock.setSpeed(patch.speed);
  }

  /** Adds a fault that applies to the next matching request, or to `times` of them (null = all). */
  fail(rule: FaultRule): void {
    this.#context.faults.add(rule);
  }

  get faults(): readonly FaultRule[] {
    return this.#context.faults.list();
  }

  clearFaults(): void {
    this.#context.faults.clear();
  }

  /**
   * A person or bot by e-mail address or id, with current presence, or null. Without `orgIndex`,
   * searches all organizations in their order.
   */
  person(key: string, orgIndex?: number): SimulatedPerson | null {
    return this.#context.population.person(key, orgIndex);
  }

  /** The persons of an organization without its bots, in list order, with current presence. */
  people(orgIndex = 0): SimulatedPerson[] {
    return this.#context.population.people(orgIndex);
  }

  /**
   * Fixes a person's status (null: Webex sends none) until `release`. Returns the current time in
   * milliseconds since the epoch.
   */
  setStatus(key: string, status: string | null, orgIndex?: number): number {
    this.#context.population.setStatus(key, status, orgIndex);
    return this.#context.now();
  }

  /** Lets a person's presence follow the simulated day again. */
  release(key: string, orgIndex?: number): void {
    this.#context.population.release(key, orgIndex);
  }

  /**
   * Adds a person at the end of the list. Members that are not given are derived from the seed; a
   * `status` is fixed as by `setStatus`.
   */
  addPerson(
    orgIndex: number,
    options: { email?: string; displayName?: string; status?: string | null } = {},
  ): SimulatedPerson {
    return this.#context.population.add(orgIndex, options);
  }

  removePerson(key: string, orgIndex?: number): void {
    this.#context.population.remove(key, orgIndex);
  }

  /** Replaces a person's addresses; the id and the SIP addresses stay. */
  changeEmails(key: string, emails: readonly string[], orgIndex?: number): void {
    this.#context.population.changeEmails(key, emails, orgIndex);
  }

  /** Moves a person, with their id and addresses, to the end of another organization's list. */
  movePerson(key: string, toOrgIndex: number, orgIndex?: number): void {
    this.#context.population.move(key, toOrgIndex, orgIndex);
  }

  /** The organization of a person; null if there is no such person. */
  organizationOf(key: string): SimulatedOrganization | null {
    return this.#context.population.organizationOf(key);
  }

  /** Issues a grant without a consent page, ready for `authorization/import`. */
  issueGrant(
    options: {
      orgIndex?: number;
      role?: Role;
      scopes?: readonly string[];
      clientId?: string;
    } = {},
  ): IssuedGrant {
    const { orgIndex = 0, role = "fullAdmin", scopes = ADMIN_SCOPES } = options;
    const { clientId = this.#client.clientId } = options;
    const organization = this.#context.population.organization(orgIndex);
    const tokens = this.#context.tokens.issue({ organization, role, scopes, clientId });
    return {
      refreshToken: tokens.refresh_token,
      accessToken: tokens.access_token,
      expiresIn: tokens.expires_in,
      refreshTokenExpiresIn: tokens.refresh_token_expires_in,
      scope: scopes.join(" "),
      orgId: organization.id,
    };
  }

  /**
   * Ends the grants of one organization, or of all: their access tokens get 401, and their refresh
   * tokens 400.
   */
  endGrants(options: { orgIndex?: number } = {}): void {
    this.#context.tokens.endGrants(organizationFilter(options.orgIndex));
  }

  /** Expires the access tokens of one organization, or of all; refresh tokens stay valid. */
  expireAccessTokens(options: { orgIndex?: number } = {}): void {
    this.#context.tokens.expireAccessTokens(organizationFilter(options.orgIndex));
  }

  isRefreshTokenValid(refreshToken: string): boolean {
    return this.#context.tokens.isRefreshTokenValid(refreshToken);
  }

  /** Every token, code and client secret ever issued, for tests that search for leaks. */
  get issuedSecrets(): ReadonlySet<string> {
    return this.#context.tokens.issuedSecrets;
  }

  /** Uses up requests of an organization's limit, as other integrations do. */
  occupy(orgIndex: number, requests: number): void {
    const { id } = this.#context.population.organization(orgIndex);
    this.#context.limiter.consume(id, this.#context.now(), requests);
  }

  /** Forgets the requests of the last minute. */
  resetRateLimit(): void {
    this.#context.limiter.reset();
  }

  /** The current position in the request log, for `requestsSince`. */
  mark(): number {
    return this.#context.requests.total;
  }

  /** The requests after a mark, oldest first; 0 = all that are kept (at least the last 100,000). */
  requestsSince(mark: number, filter: RequestFilter = {}): LoggedRequest[] {
    return this.#context.requests.since(mark, filter);
  }

  /** Resolves with the next completed request that matches; rejects after `timeoutMs`. */
  nextRequest(filter: RequestFilter = {}, timeoutMs = 5000): Promise<LoggedRequest> {
    return this.#context.requests.next(filter, timeoutMs);
  }

  /**
   * Holds back the response to the next request that matches until `release`. Presence is read
   * before. `timeoutMs`: how long `held` waits for the request.
   */
  holdNext(
    matches: (request: LoggedRequest) => boolean = () => true,
    timeoutMs = 5000,
  ): HeldResponse {
    return this.#context.holds.holdNext(matches, timeoutMs);
  }

  /** The default target of foreign links and redirects. */
  get foreignUrl(): string {
    return this.#context.foreignOrigin.url;
  }

  /** The requests that reached the foreign origin. */
  get foreignRequests(): readonly ForeignRequest[] {
    return this.#context.foreignOrigin.requests;
  }
}

function organizationFilter(orgIndex: number | undefined): (grant: SimulatedGrant) => boolean {
  return (grant) => orgIndex === undefined || grant.organization.index === orgIndex;
}
