/** What can be turned while the simulator runs. `KNOBS` says what each one means. */
export interface Knobs {
  requestsPerMinute: number;
  rateLimitStatus: 429 | 423;
  retryAfterForm: "seconds" | "missing" | "zero" | "rand" | "date";
  trackingIdRepeats: number;
  latencyMs: number;
  latencyPerPersonMs: number;
  gzip: boolean;
  maxPageSize: number;
  linkForm: "quoted" | "unquoted" | "several";
  movePersons: number;
  botsInList: boolean;
  booleansAsStrings: boolean;
  speed: number;
  sharingOff: boolean;
  strangeStatus: string;
  roleLost: boolean;
  scopeMissing: boolean;
  integrationBlocked: boolean;
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  rotateRefreshToken: boolean;
  sameAccessToken: boolean;
  scopeInAnswer: boolean;
  deadRefreshTokenForm: "invalid_grant" | "invalid_request" | "webex";
  tokensPerUser: number;
  codeSeconds: number;
  devicePendingForm: "428" | "authorization_pending";
  deviceTooFastForm: "slow_down" | "429" | "ignore";
  deviceSeconds: number;
  deviceIntervalSeconds: number;
}

/** One knob: its value at the start, what it may be, and what it does. */
export interface KnobDefinition<T = unknown> {
  readonly initial: T;
  /** The values it may take; without them, any value of the type of `initial` (numbers from 0 on). */
  readonly choices?: readonly T[];
  readonly description: string;
}

export const KNOBS: { readonly [Name in keyof Knobs]: KnobDefinition<Knobs[Name]> } = {
  requestsPerMinute: {
    initial: 0,
    description: "Hidden limit per organization in any sliding 60 s; 0 = none",
  },
  rateLimitStatus: {
    initial: 429,
    choices: [429, 423],
    description: "Status of a request over the limit",
  },
  retryAfterForm: {
    initial: "seconds",
    choices: ["seconds", "missing", "zero", "rand", "date"],
    description: "What `Retry-After` looks like; `rand` is the literal text `rand(30),add(30)`",
  },
  trackingIdRepeats: {
    initial: 1,
    description: "How often the header `TrackingID` stands in an answer",
  },
  latencyMs: { initial: 0, description: "Delay before each answer" },
  latencyPerPersonMs: {
    initial: 0,
    description: "Further delay for each person on a page (live: 1,000 persons take seconds)",
  },
  gzip: { initial: false, description: "Compress answers for who accepts gzip" },
  maxPageSize: { initial: 1000, description: "A larger `max` is clipped to this without a word" },
  linkForm: {
    initial: "quoted",
    choices: ["quoted", "unquoted", "several"],
    description: "Form of the `Link` header: rel quoted, unquoted, or among other links",
  },
  movePersons: {
    initial: 0,
    description:
      "How many persons change their page after each page served: one is missed, one comes twice",
  },
  botsInList: { initial: true, description: "Bots and guests stand in the list" },
  booleansAsStrings: { initial: false, description: '`"true"` where recordings say `true`' },
  speed: {
    initial: 1,
    description: "How fast the offices' day runs; 0 = nobody's presence changes by itself",
  },
  sharingOff: {
    initial: false,
    description:
      "The administrator does not share their status: no `status`, no `lastActivity` of anybody",
  },
  strangeStatus: {
    initial: "",
    description: "A status that nobody knows yet, told for each tenth person",
  },
  roleLost: {
    initial: false,
    description: "The administrators are none any more: 400 on the unfiltered list",
  },
  scopeMissing: { initial: false, description: "Grants have no `spark-admin:people_read`: 403" },
  integrationBlocked: {
    initial: false,
    description:
      "Control Hub blocks the integration: the page `Access denied`, and dead refresh tokens",
  },
  accessTokenSeconds: { initial: 1_209_599, description: "Lifetime of access tokens" },
  refreshTokenSeconds: { initial: 7_775_999, description: "Lifetime of unused refresh tokens" },
  rotateRefreshToken: {
    initial: false,
    description: "A refresh gives a new refresh token and ends the old one",
  },
  sameAccessToken: {
    initial: false,
    description: "A refresh gives the access token of before, with what is left of its life",
  },
  scopeInAnswer: { initial: true, description: "The token endpoint says `scope`" },
  deadRefreshTokenForm: {
    initial: "invalid_grant",
    choices: ["invalid_grant", "invalid_request", "webex"],
    description: "Body of the 400 for a dead refresh token: OAuth's, or Webex's usual one",
  },
  tokensPerUser: {
    initial: 0,
    description: "Grants per user and client before `tokenlimit_reached`; 0 = no cap",
  },
  codeSeconds: { initial: 300, description: "Lifetime of authorization codes" },
  devicePendingForm: {
    initial: "428",
    choices: ["428", "authorization_pending"],
    description: "How the device flow says that nobody has decided yet",
  },
  deviceTooFastForm: {
    initial: "slow_down",
    choices: ["slow_down", "429", "ignore"],
    description: "Answer to polls of the device flow that come faster than the interval",
  },
  deviceSeconds: { initial: 300, description: "Lifetime of a device flow" },
  deviceIntervalSeconds: { initial: 2, description: "Interval that the device flow asks for" },
};

export function initialKnobs(): Knobs {
  return Object.fromEntries(
    Object.entries(KNOBS).map(([name, knob]) => [name, knob.initial]),
  ) as unknown as Knobs;
}

/** What is wrong with a change of knobs, one sentence each; empty when it can be made. */
export function knobProblems(patch: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(patch).flatMap(([name, value]) => {
    const knob = Object.hasOwn(KNOBS, name)
      ? (KNOBS[name as keyof Knobs] as KnobDefinition)
      : undefined;
    if (!knob) return [`There is no knob ${name}.`];
    if (knob.choices && !knob.choices.includes(value))
      return [`${name} is one of ${knob.choices.join(", ")}.`];
    if (typeof value !== typeof knob.initial) return [`${name} is a ${typeof knob.initial}.`];
    if (typeof value === "number" && !(Number.isFinite(value) && value >= 0))
      return [`${name} is 0 or more.`];
    return [];
  });
}
