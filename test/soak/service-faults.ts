import type { FaultRule } from "../../simulator/faults.js";
import {
  phaseShown,
  problemGone,
  problemShown,
  type Expectation,
  type FaultView,
  type SoakFault,
} from "./soak-fault.js";

const PEOPLE = "/v1/people";
const TOKEN = "/v1/access_token";
/** Of Presence.ini; no fault makes it longer. */
export const POLL_INTERVAL_SECONDS = 10;

/** The next request may be an interval away, and the second failure makes a problem. */
const SHOWN_MS = 20_000;
/** Within one poll interval, which varies, and the time of the request that proves it. */
const GONE_MS = 1.2 * POLL_INTERVAL_SECONDS * 1000 + 6_000;
/**
 * A failure of one page is over with that page. After smaller pages or a new sweep, that page comes
 * when the sweep gets there: 20,000 persons take 40 s, twice that beside refetches.
 */
const PAGE_GONE_MS = 90_000;
/** The end of the next whole sweep, beside refetches, proves that links lead to the end again. */
const LOOP_GONE_MS = 150_000;
/** A request that is silent is given up after 20 s. */
const SILENCE_MS = 20_000;
/** After the first 429 without a usable `Retry-After` 5 s, then 10 s, and a tenth more. */
const RATE_LIMIT_GONE_MS = 11_000 + GONE_MS;

function webexFault(
  name: string,
  rule: Partial<FaultRule> & Pick<FaultRule, "kind">,
  options: Partial<SoakFault> & { codes?: readonly string[]; goneMs?: number } = {},
): SoakFault {
  const { codes = ["webexError"], goneMs, ...rest } = options;
  const usualGoneMs = codes.includes("webexError") ? PAGE_GONE_MS : GONE_MS;
  return {
    name,
    lastsMs: [2_000, 9_000],
    begin: ({ fail }) => fail({ path: PEOPLE, times: null, ...rule }),
    end: ({ clearFaults }) => clearFaults(),
    shown: problemShown(codes, SHOWN_MS),
    gone: problemGone(codes, goneMs ?? usualGoneMs),
    problems: codes,
    ...rest,
  };
}

function rateLimit(name: string, headers: () => Readonly<Record<string, string>>): SoakFault {
  const codes = ["rateLimited"];
  const fault = webexFault(
    `429 ${name}`,
    { kind: "status" },
    { codes, goneMs: RATE_LIMIT_GONE_MS, lastsMs: [500, 4_000] },
  );
  return {
    ...fault,
    begin: ({ fail }) =>
      fail({ kind: "status", path: PEOPLE, times: null, status: 429, headers: headers() }),
  };
}

const renewed: Expectation = {
  what: "a renewal after a 401",
  withinMs: SHOWN_MS,
  isMet: ({ requests }: FaultView) =>
    requests.some(({ path, status }) => path.startsWith(PEOPLE) && status === 401) &&
    requests.some(({ path, status }) => path === TOKEN && status === 200),
};

const answered: Expectation = {
  what: "an answer of Webex",
  withinMs: GONE_MS,
  isMet: ({ requests }: FaultView) =>
    requests.some(({ path, status }) => path.startsWith(PEOPLE) && status === 200),
};

const UNREACHABLE = ["webexUnreachable"];
const HANGING = {
  codes: UNREACHABLE,
  goneMs: SILENCE_MS + GONE_MS,
  lastsMs: [1_000, 6_000],
} as const;

/** What Webex, and what is before it, does to the worker. */
export const SERVICE_FAULTS: readonly SoakFault[] = [
  webexFault("503 with a gateway's page", { kind: "status" }),
  webexFault("500 in Webex's form", { kind: "status", status: 500, body: "webex" }),
  webexFault("an HTML page instead of people (200)", { kind: "status", status: 200 }),
  webexFault("a web server's own page", { kind: "gateway" }),
  webexFault("a redirect to another server", { kind: "redirect" }),
  webexFault("a link to another server", { kind: "foreignLink" }),
  webexFault(
    "links in a loop",
    { kind: "linkLoop" },
    { lastsMs: [8_000, 14_000], goneMs: LOOP_GONE_MS },
  ),
  webexFault("connections reset", { kind: "reset" }, { codes: UNREACHABLE }),
  webexFault("responses cut off", { kind: "truncate" }, { codes: UNREACHABLE }),
  webexFault("no response", { kind: "hang" }, HANGING),
  webexFault("half a response, then silence", { kind: "hangInBody" }, HANGING),
  webexFault("gzip data cut off", { kind: "truncatedGzip" }),
  webexFault("an unknown content coding", { kind: "unknownCoding" }),
  webexFault("a gzip bomb", { kind: "gzipBomb" }, { isEarly: true, lastsMs: [500, 1_000] }),
  webexFault(
    "a page of 80 MiB",
    { kind: "oversizePage" },
    { isEarly: true, lastsMs: [500, 1_000] },
  ),
  rateLimit("with Retry-After in seconds", () => ({ "retry-after": "3" })),
  rateLimit("with Retry-After as a date", () => ({
    "retry-after": new Date(Date.now() + 4_000).toUTCString(),
  })),
  rateLimit("without Retry-After", () => ({})),
  rateLimit("with Retry-After 0", () => ({ "retry-after": "0" })),
  rateLimit("with an unreadable Retry-After", () => ({ "retry-after": "soon" })),
  rateLimit("with Webex's template in Retry-After", () => ({ "retry-after": "rand(2),add(2)" })),
  webexFault(
    "the token endpoint fails",
    { kind: "status", path: TOKEN },
    {
      // An access token lives 20 s.
      shown: problemShown(["webexError", "webexUnreachable"], 20_000 + SHOWN_MS),
      gone: problemGone(["webexError", "webexUnreachable"], GONE_MS),
      problems: ["webexError", "webexUnreachable"],
    },
  ),
  {
    name: "all access tokens expire",
    lastsMs: [0, 0],
    begin: ({ expireAccessTokens }) => expireAccessTokens(),
    shown: renewed,
    gone: answered,
  },
  {
    name: "the administrator's role is lost for a moment",
    lastsMs: [1_000, 6_000],
    begin: async ({ set, allow }) => {
      allow("blocked");
      await set({ roleLost: true });
    },
    end: async ({ set, poll }) => {
      await set({ roleLost: false });
      await poll();
    },
    shown: problemShown(["adminRoleLost"], SHOWN_MS),
    gone: phaseShown("polling", GONE_MS),
    after: ({ disallow }) => disallow("blocked"),
    problems: ["adminRoleLost"],
  },
];
