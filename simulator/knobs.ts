interface KnobDefinition<T = unknown> {
  readonly initial: T;
  /** Default: any value of the type of `initial`; numbers must be 0 or greater. */
  readonly choices?: readonly T[];
  readonly description: string;
}

const number = (initial: number, description: string): KnobDefinition<number> => ({
  initial,
  description,
});
const flag = (initial: boolean, description: string): KnobDefinition<boolean> => ({
  initial,
  description,
});
/** The first choice is the initial value. */
const choice = <const T>(
  choices: readonly [T, ...T[]],
  description: string,
): KnobDefinition<T> => ({
  initial: choices[0],
  choices,
  description,
});

/** The latency of the live service: 2 s for a page of 1,000 persons, 0.2 s for a lookup. */
export const WEBEX_LATENCY = { latencyMs: 200, latencyPerPersonMs: 1.8 } as const;

/** The settings that can be changed while the simulator runs. */
export const KNOBS = {
  requestsPerMinute: number(
    0,
    "Requests per organization in a sliding 60 s before the limit applies; 0 = no limit",
  ),
  rateLimitStatus: choice([429, 423], "Status of a response over the limit"),
  retryAfterForm: choice(
    ["seconds", "missing", "zero", "rand", "date"],
    "Form of `Retry-After`; `rand` is the literal text `rand(30),add(30)`",
  ),
  trackingIdRepeats: number(1, "Number of `TrackingID` headers in a response"),
  latencyMs: number(0, "Delay before each response, in milliseconds; presence is read after it"),
  latencyPerPersonMs: number(
    0,
    "Additional delay per person in a response, in milliseconds: pages take longer the larger they are; presence is read before it",
  ),
  compression: choice(
    ["gzip", "br", "none"],
    "Content coding of responses over 1,000 bytes, for clients that accept it",
  ),
  maxPageSize: number(1000, "Largest page; a larger `max` is silently reduced to it"),
  linkForm: choice(
    ["quoted", "unquoted", "several"],
    "Form of the `Link` header: `rel` quoted, unquoted, or one of several links",
  ),
  linkUses: number(
    0,
    "How often the link to a page can be used before it is a 400: with 1, old links are not honored; 0 = no limit",
  ),
  movePersons: number(
    0,
    "Persons who change pages after each page: a sweep misses some and returns others twice",
  ),
  botsInList: flag(true, "Include bots and guests in the list"),
  booleansAsStrings: flag(false, 'Send `"true"` instead of `true`'),
  speed: number(1, "Speed of simulated time; 0 = presence does not change by itself"),
  sharingOff: flag(
    false,
    "The administrator does not share their status: nobody has a `status` or `lastActivity`",
  ),
  strangeStatus: {
    initial: "",
    description: "An undocumented status, sent for every tenth person",
  } as KnobDefinition<string>,
  roleLost: flag(false, "The administrator has lost the role: 400 for the unfiltered list"),
  scopeMissing: flag(false, "Grants lack `spark-admin:people_read`: 403"),
  integrationBlocked: flag(
    false,
    "Control Hub blocks the integration: the page `Access denied`, and invalid refresh tokens",
  ),
  accessTokenSeconds: number(1_209_599, "Lifetime of access tokens"),
  refreshTokenSeconds: number(7_775_999, "Lifetime of unused refresh tokens"),
  rotateRefreshToken: flag(
    false,
    "A refresh issues a new refresh token and invalidates the old one",
  ),
  sameAccessToken: flag(
    false,
    "A refresh returns the previous access token with its remaining lifetime",
  ),
  refreshTokenInAnswer: flag(
    true,
    "Include the refresh token in the response to a refresh that does not replace it",
  ),
  scopeInAnswer: flag(true, "Include `scope` in token responses"),
  deadRefreshTokenForm: choice(
    ["invalid_grant", "invalid_request", "webex"],
    "Body of the 400 for an invalid refresh token: an OAuth error, or Webex's usual error body",
  ),
  tokensPerUser: number(0, "Grants per user and client before `tokenlimit_reached`; 0 = no limit"),
  codeSeconds: number(300, "Lifetime of authorization codes"),
  devicePendingForm: choice(
    ["428", "authorization_pending"],
    "Response while a device flow is pending",
  ),
  deviceTooFastForm: choice(
    ["slow_down", "429", "ignore"],
    "Response to polls that come faster than the interval",
  ),
  deviceErrorForm: choice(
    ["webex", "oauth"],
    "Form of the device flow's errors: Webex's error body, with the code in `errors[0].description`, or RFC 8628's `error`",
  ),
  deviceSeconds: number(300, "Lifetime of a device flow"),
  deviceIntervalSeconds: number(2, "Polling interval that the device flow asks for"),
} satisfies Record<string, KnobDefinition>;

export type Knobs = {
  -readonly [Name in keyof typeof KNOBS]: (typeof KNOBS)[Name]["initial"];
};

export function initialKnobs(): Knobs {
  return Object.fromEntries(
    Object.entries(KNOBS).map(([name, { initial }]) => [name, initial]),
  ) as unknown as Knobs;
}

/** The reasons why a change of knobs is not valid, one sentence each; empty if it is valid. */
export function knobProblems(patch: Readonly<Record<string, unknown>>): string[] {
  const definitions: Readonly<Record<string, KnobDefinition>> = KNOBS;
  return Object.entries(patch).flatMap(([name, value]) => {
    const knob = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
    if (!knob) return [`There is no knob ${name}.`];
    if (knob.choices && !knob.choices.includes(value)) {
      return [`${name} must be one of ${knob.choices.join(", ")}.`];
    }
    if (typeof value !== typeof knob.initial) return [`${name} must be a ${typeof knob.initial}.`];
    if (typeof value === "number" && !(Number.isFinite(value) && value >= 0)) {
      return [`${name} must be 0 or greater.`];
    }
    return [];
  });
}

/** The knobs as the Markdown table of docs/simulator.md. */
export function knobTable(): string {
  const rows = Object.entries<KnobDefinition>(KNOBS).map(([name, knob]) => {
    const values =
      knob.choices?.map((value) => `\`${String(value)}\``).join(", ") ?? typeof knob.initial;
    const initial = knob.initial === "" ? "(empty)" : `\`${String(knob.initial)}\``;
    return `| \`${name}\` | ${values} | ${initial} | ${knob.description} |`;
  });
  return ["| Knob | Values | Initial value | Effect |", "| --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}
