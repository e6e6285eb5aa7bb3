import { asFault, type Fault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import type { Chance, Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { TokenAnswer } from "../webex/oauth-api.js";
import { foreignText } from "./authorization-page-markup.js";
import { type Attempt, faultyAttempt, refusedAttempt } from "./authorization-page-state.js";
import type { Counterpart } from "./counterpart.js";
import { type Authorization, REQUIRED_SCOPES } from "./grant.js";
import { type GrantKeeper, keepGrant } from "./grant-keeper.js";

interface AttemptParts {
  readonly counterpart: () => Counterpart;
  readonly keeper: GrantKeeper;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly logger: Logger;
}

/** One visit to Webex that is under way: everything its answer has to be checked against. */
interface Departure {
  readonly counterpart: Counterpart;
  readonly verifier: Secret;
}

interface Voyage {
  readonly redirectUri: string;
  /** Of the monotonic clock. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** More visits than this at a time are not a person's doing; the oldest is forgotten. */
const MOST_DEPARTURES = 32;
const KNOWN_ERRORS = new Set([
  "access_denied",
  "invalid_scope",
  "server_error",
  "temporarily_unavailable",
  "invalid_request",
  "unauthorized_client",
]);

/** The visits to Webex of one browser flow: each leaves with its own state and PKCE verifier, and its answer is taken once. */
export class BrowserAttempts {
  readonly #parts: AttemptParts;
  readonly #onChange: () => void;
  readonly #departures = new Map<string, Departure>();
  readonly #usedCodes = new Set<string>();
  readonly #kept = new Map<string, string>();
  #voyage: Voyage | null = null;
  #latest: Attempt = { kind: "none" };
  #arriving: Promise<unknown> = Promise.resolve();

  constructor(parts: AttemptParts, onChange: () => void) {
    this.#parts = parts;
    this.#onChange = onChange;
  }

  get latest(): Attempt {
    return this.#latest;
  }

  /** The names of the organizations authorized in this flow. */
  get kept(): readonly string[] {
    return [...this.#kept.values()];
  }

  begin(voyage: Voyage): void {
    this.#voyage = voyage;
  }

  /** Settles when no answer of Webex is being worked on: a consent just given is not lost to the deadline. */
  async idle(): Promise<void> {
    await this.#arriving;
  }

  /** Webex's address to go to, or null when the integration is not configured any more (`latest` says so). */
  depart(): string | null {
    const { chance } = this.#parts;
    const voyage = this.#voyage;
    if (voyage === null) return null;
    try {
      const counterpart = this.#parts.counterpart();
      const departure = { counterpart, verifier: new Secret(chance.token(32)) };
      const state = chance.token(32);
      const url = counterpart.oauth.authorizeUrl({
        clientId: counterpart.client.clientId,
        redirectUri: voyage.redirectUri,
        scope: REQUIRED_SCOPES.join(" "),
        state,
        codeChallenge: chance.sha256(departure.verifier.reveal()),
      });
      this.#departures.set(state, departure);
      for (const oldest of this.#departures.keys()) {
        if (this.#departures.size <= MOST_DEPARTURES) break;
        this.#departures.delete(oldest);
      }
      this.#turn({ kind: "waiting" });
      return url;
    } catch (thrown) {
      this.#fail(asFault(thrown));
      return null;
    }
  }

  /**
   * Takes Webex's answer (RFC 6749, 4.1.2): false when it belongs to no visit of this flow, or was used before. Otherwise resolves
   * when there is something to show; `latest` says what.
   */
  async arrive(query: URLSearchParams): Promise<boolean> {
    const state = query.get("state");
    const departure = state === null ? undefined : this.#departures.get(state);
    if (state === null || departure === undefined) return false;
    const code = query.get("code");
    const error = query.get("error");
    if (error === null && (code === null || code === "")) return false;
    this.#departures.delete(state);
    if (error !== null) {
      this.#parts.logger.warn("Webex answered the authorization with a refusal.", {
        error: KNOWN_ERRORS.has(error) ? error : "other",
      });
      this.#turn(refusedAttempt(error, foreignText(query.get("error_description"))));
      return true;
    }
    const digest = this.#parts.chance.sha256(code ?? "");
    if (this.#usedCodes.has(digest)) return false;
    this.#usedCodes.add(digest);
    const work = this.#finish(departure, new Secret(code ?? ""));
    this.#arriving = Promise.all([this.#arriving, work]);
    await work;
    return true;
  }

  async #finish(departure: Departure, code: Secret): Promise<void> {
    const voyage = this.#voyage;
    if (voyage === null) return;
    this.#turn({ kind: "finishing" });
    try {
      const grant = { code, redirectUri: voyage.redirectUri, codeVerifier: departure.verifier };
      const { counterpart } = departure;
      const answer = await counterpart.oauth.exchangeCode(counterpart.client, grant, voyage.signal);
      await this.#keep(counterpart, answer, voyage);
    } catch (thrown) {
      if (!voyage.signal.aborted) this.#fail(asFault(thrown));
    }
  }

  /** Resolves at the first outcome: kept, refused, or a trouble that passes; after a trouble the keeping goes on behind. */
  #keep(counterpart: Counterpart, answer: TokenAnswer, voyage: Voyage): Promise<void> {
    const { keeper, clock, logger } = this.#parts;
    return new Promise((resolve) => {
      const onTrouble = (fault: Fault): void => {
        this.#fail(fault, true);
        resolve();
      };
      const way = { keeper, clock, logger, deadline: voyage.deadline, onTrouble };
      keepGrant(counterpart, answer, way, voyage.signal)
        .then(
          (authorization) => this.#succeed(authorization),
          (thrown: unknown) => {
            if (!voyage.signal.aborted) this.#fail(asFault(thrown));
          },
        )
        .finally(resolve);
    });
  }

  #succeed(authorization: Authorization): void {
    this.#kept.set(authorization.orgId, authorization.orgName);
    this.#parts.logger.info("An organization was authorized.", { method: "browser", orgId: authorization.orgId });
    this.#turn({ kind: "authorized", authorization });
  }

  #fail(fault: Fault, kept = false): void {
    this.#parts.logger.error("The authorization failed.", {
      method: "browser",
      fault: fault.code,
      status: fault.status,
      trackingId: fault.trackingId,
      ...(fault.code === "defect" ? { error: fault } : {}),
      goesOn: kept,
    });
    this.#turn(faultyAttempt(fault, kept));
  }

  #turn(attempt: Attempt): void {
    this.#latest = attempt;
    this.#onChange();
  }
}
