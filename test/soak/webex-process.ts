// The simulated Webex of a soak: persons whose presence changes at random, and every change told.
import { setTimeout as delay } from "node:timers/promises";

import type { FaultRule } from "../../simulator/faults.js";
import { WEBEX_LATENCY, type Knobs } from "../../simulator/knobs.js";
import { mixSeeds, pick, seededRandom } from "../../simulator/random.js";
import type { LoggedRequest } from "../../simulator/request-log.js";
import { WebexSimulator } from "../../simulator/webex-simulator.js";
import type { TruthChange, WebexInfo, WebexOptions } from "./messages.js";
import { emitEvent, reportStalls, serveCalls } from "./process-peer.js";

const STATUSES = [
  "active",
  "inactive",
  "call",
  "meeting",
  "presenting",
  "DoNotDisturb",
  "OutOfOffice",
  "unknown",
  null,
] as const;
const TOKEN_PATH = "/v1/access_token";
const REPORT_MS = 200;
/** The worker has read and stored a response that left the simulator this long ago. */
const TOKEN_REST_MS = 2_000;

let webex: WebexSimulator | null = null;
let lastRequest = 0;
let open: LoggedRequest[] = [];

function simulator(): WebexSimulator {
  if (webex === null) throw new Error("The simulator has not started.");
  return webex;
}

async function start(options: WebexOptions): Promise<WebexInfo> {
  webex = new WebexSimulator({
    organizations: [{ name: "Example Ltd", persons: options.persons, seed: options.seed }],
    speed: 0,
    accessTokenSeconds: options.accessTokenSeconds,
    rotateRefreshToken: true,
    ...WEBEX_LATENCY,
  });
  await webex.start();
  const people = webex.people();
  const { orgId: _orgId, ...grant } = webex.issueGrant();
  reportStalls();
  return {
    apiUrl: webex.apiUrl,
    client: webex.client,
    grant,
    people: people.map(({ id, emails, status }) => ({ id, email: emails[0] ?? "", status })),
  };
}

/**
 * Changes the status of random persons, and tells the parent, with the requests since. Only when
 * the judge knows how everything was at first: it would miss an earlier change for ever.
 */
function changePresence({ flipping, flipsPerSecond, seed }: WebexOptions): void {
  const people = simulator().people().slice(0, flipping);
  const ids = people.map(({ id }) => id);
  const random = seededRandom(mixSeeds(seed, 1));
  const statuses = ids.map((id) => simulator().person(id)?.status ?? null);
  let due = 0;
  setInterval(() => {
    const changes: TruthChange[] = [];
    for (due += (flipsPerSecond * REPORT_MS) / 1000; due >= 1; due -= 1) {
      const person = Math.floor(random() * ids.length);
      const status = pick(
        STATUSES.filter((each) => each !== statuses[person]),
        random,
      );
      statuses[person] = status;
      changes.push({ person, at: simulator().setStatus(ids[person] ?? "", status), status });
    }
    emitEvent({ type: "truth", upTo: Date.now(), changes });
    reportRequests();
  }, REPORT_MS);
}

function reportRequests(): void {
  const recent = [...open, ...simulator().requestsSince(lastRequest)];
  lastRequest = simulator().mark();
  open = recent.filter(({ completedAt }) => completedAt === null);
  const requests = recent
    .filter(({ completedAt }) => completedAt !== null)
    .map(({ at, path, status, bearer }) => ({ at, path, status, bearer }));
  if (requests.length > 0) emitEvent({ type: "requests", requests });
}

/** Whether a process that is killed now cannot take a token with it that exists nowhere else. */
function areTokensAtRest(): boolean {
  return simulator()
    .requestsSince(0, { path: TOKEN_PATH })
    .slice(-3)
    .every(({ completedAt }) => completedAt !== null && completedAt < Date.now() - TOKEN_REST_MS);
}

serveCalls({
  start,
  changePresence,
  set: (knobs: Partial<Knobs>) => simulator().set(knobs),
  fail: (rule: FaultRule) => simulator().fail(rule),
  clearFaults: () => simulator().clearFaults(),
  expireAccessTokens: () => simulator().expireAccessTokens(),
  waitForTokensAtRest: async () => {
    while (!areTokensAtRest()) await delay(50);
  },
  foreignRequests: () => simulator().foreignRequests.length,
});
