import { expect } from "chai";

import { DELAYS_SECONDS, PRESENCE_STEPS } from "../../../src/cli/check-host/presence-steps.js";
import {
  SCENARIOS,
  ScenarioRecord,
  type LaunchFacts,
  type ScenarioEvent,
} from "../../../src/cli/check-host/record.js";
import { REQUIREMENTS } from "../../../src/cli/check-host/requirements.js";
import { MarkdownPage } from "../../support/markdown-page-fixture.js";

const URI = "ada@northwind.example";
const PLAN = {
  folder: "/plugins/webex",
  settingsPath: "/etc/ucx (x86)/Presence.ini",
  args: ["--log-dir", "/plugins/webex/log files"],
  delaysSeconds: DELAYS_SECONDS,
};
const LAUNCH: LaunchFacts = {
  launch: 1,
  startedAt: 0,
  args: [...PLAN.args, "--settings", PLAN.settingsPath, "--host-pid", "7"],
  folder: PLAN.folder,
  parentPid: 7,
  settings: { value: PLAN.settingsPath, isAbsolute: true, path: PLAN.settingsPath },
  hostPid: { value: "7", isAlive: true },
};

type WithoutTime<Event> = Event extends ScenarioEvent ? Omit<Event, "at" | "pid"> : never;
type Step = WithoutTime<ScenarioEvent> & { readonly at?: number; readonly pid?: number };

/** Events 10 ms apart of the worker 9, unless they say otherwise. */
function recordOf(...steps: readonly Step[]): ScenarioRecord {
  let at = 0;
  const events = steps.map((step) => {
    at = step.at ?? at + 10;
    return { pid: 9, ...step, at };
  });
  return new ScenarioRecord(PLAN, events);
}

function judge(id: string, ...steps: readonly Step[]): string {
  const requirement = REQUIREMENTS.find((each) => each.id === id);
  if (requirement === undefined) throw new Error(`There is no requirement ${id}.`);
  const { outcome, observed } = requirement.judge(recordOf(...steps));
  return `${outcome}: ${observed}`;
}

const hostLaunched: Step = { type: "hostLaunched", hostPid: 7 };
const launched = (facts: Partial<LaunchFacts> = {}, pid = 9): Step => ({
  type: "launched",
  ...LAUNCH,
  ...facts,
  pid,
});
const received = (method: string | null, params?: unknown, id?: unknown): Step => ({
  type: "received",
  method,
  ...(params !== undefined && { params }),
  ...(id !== undefined && { id }),
});
const responded = (method: string, code = 0): Step => ({
  type: "responded",
  method,
  error: code === 0 ? null : { code, message: "No." },
});
const shown = (state: string, freshness: string | null = null): Step => ({
  type: "shown",
  uri: URI,
  state,
  reason: null,
  freshness,
});
const subscription: readonly Step[] = [
  hostLaunched,
  launched(),
  received("presence/subscribe", { uris: [URI] }, 1),
  responded("presence/subscribe"),
  { type: "reached", step: "subscribed" },
];
const endRequested: Step = { type: "endRequested", by: "end of stdin" };
const hostEnded = (code = 0): Step => ({
  type: "hostEnded",
  code,
  signal: null,
  lastLine: code === 0 ? "" : "Unhandled exception",
});

describe("cli/check-host requirements", () => {
  it("have ids and scenarios of their own, and sections of the documentation", () => {
    const ids = REQUIREMENTS.map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
    expect(new Set(REQUIREMENTS.map(({ scenario }) => scenario))).to.deep.equal(new Set(SCENARIOS));
    for (const { docs, id } of REQUIREMENTS) {
      const [path = "", anchor] = docs.split("#");
      expect(new MarkdownPage(path).anchors, `${docs} of ${id}`).to.include(anchor);
    }
  });

  it("are not observed in a host that launches nothing, but for the launch itself", () => {
    for (const { id, judge: judgeRecord } of REQUIREMENTS) {
      const { outcome } = judgeRecord(recordOf(hostLaunched, hostEnded(1)));
      const isLaunch = id === "launch" || id === "relative-command";
      expect(outcome, id).to.equal(isLaunch ? "failed" : "notObserved");
    }
    expect(judge("launch", hostLaunched, hostEnded(1))).to.equal(
      "failed: The host ended (exit code 1, on stderr: Unhandled exception) without launching the worker.",
    );
    expect(judge("launch", hostLaunched)).to.match(/^failed: .* within 15\.0 s\.$/);
    expect(judge("launch", hostLaunched, endRequested, hostEnded(1))).to.match(
      /^failed: .* within 15\.0 s\.$/,
    );
  });

  const launches: readonly (readonly [string, Partial<LaunchFacts>, RegExp])[] = [
    ["arguments", { args: ["--log-dir", "/plugins/webex/log", "files"] }, /^failed: It passed \[/],
    ["arguments", { args: LAUNCH.args.slice(2) }, /^failed/],
    ["settings-path", { settings: null }, /^failed: It did not pass --settings/],
    [
      "settings-path",
      { settings: { value: "Presence.ini", isAbsolute: false, path: null } },
      /^failed: It passed a relative path: "Presence.ini"/,
    ],
    [
      "settings-path",
      { settings: { value: "/etc/ucx", isAbsolute: true, path: null } },
      /^failed: .* not "\/etc\/ucx \(x86\)\/Presence.ini"/,
    ],
    ["host-pid", { hostPid: null }, /^failed: It did not pass --host-pid/],
    ["host-pid", { hostPid: { value: "$$", isAlive: false } }, /^failed: It passed "\$\$"/],
    [
      "host-pid",
      { hostPid: { value: "8", isAlive: false } },
      /^failed: .* not the id of a running/,
    ],
    ["host-pid", { hostPid: { value: "8", isAlive: true } }, /^failed: .* another process/],
    // The command of the check was a program that starts the host.
    ["host-pid", { hostPid: { value: "6", isAlive: true }, parentPid: 6 }, /^passed/],
    ["direct-launch", { hostPid: { value: "6", isAlive: true }, parentPid: 6 }, /^passed/],
    ["direct-launch", { parentPid: 8 }, /^failed: Process 8 launched the worker; the host is .* 7/],
    ["direct-launch", { parentPid: 8, hostPid: null }, /^notObserved/],
    ["current-folder", { folder: "/" }, /^failed: The worker's current folder is "\/"/],
  ];
  for (const [id, facts, expected] of launches) {
    it(`judge ${id}: ${JSON.stringify(facts)}`, () => {
      expect(judge(id, hostLaunched, launched())).to.match(/^passed/);
      expect(judge(id, hostLaunched, launched(facts))).to.match(expected);
    });
  }

  it("pass a host that subscribes, and are not observed in one that says nothing", () => {
    const fulfilled = [
      ...["launch", "first-message", "framing", "requests", "unique-ids", "no-responses"],
      ...["subscription", "slow-worker", "no-repetition", "no-timer"],
    ];
    for (const id of fulfilled) expect(judge(id, ...subscription), id).to.match(/^passed/);
    expect(judge("relative-command", launched())).to.match(/^passed/);
    for (const id of ["framing", "requests", "unique-ids", "slow-worker", "no-repetition"])
      expect(judge(id, hostLaunched, launched()), id).to.match(/^notObserved/);
    const ended: Step = { type: "workerGone", workerPid: 9, at: 1_020 };
    expect(judge("slow-worker", ...subscription, ended)).to.equal(
      "failed: The worker was ended after 1.0 s.",
    );
    expect(judge("unexpected-messages", ...subscription)).to.match(/^failed: The scenario did not/);
    expect(judge("error-responses", ...subscription, hostEnded(1))).to.match(/^notObserved/);
    expect(judge("silent-worker", ...subscription, endRequested)).to.match(/^notObserved/);
    for (const id of ["unknown", "foreign-subscription"])
      expect(judge(id, ...subscription, shown("onCall")), id).to.match(/^notObserved/);
  });

  it("judge the messages of the host", () => {
    const unreadable: Step = { type: "unreadable", reason: "a header has no Content-Length" };
    expect(judge("framing", ...subscription, unreadable)).to.equal(
      "failed: The input was not the protocol: a header has no Content-Length.",
    );
    expect(judge("requests", ...subscription, responded("presence/get", -32602))).to.equal(
      "failed: presence/get: No. (-32602)",
    );
    expect(judge("requests", ...subscription, responded("presence/get", 1301))).to.match(/^passed/);
    const repeated = received("worker/status", {}, 1);
    expect(judge("unique-ids", ...subscription, repeated)).to.match(/^failed: The id 1 was used/);
    expect(judge("unique-ids", ...subscription, received("a", {}, "1"))).to.match(/^passed/);
    expect(judge("unique-ids", ...subscription, { ...repeated, pid: 10 })).to.match(/^passed/);
    expect(judge("no-responses", ...subscription, received(null, undefined, 4))).to.match(
      /^failed: It sent a response, with id 4/,
    );
    expect(judge("first-message", launched(), { ...received("initialize"), at: 5_100 })).to.match(
      /^failed: It sent its first message after 5\.1 s/,
    );
    expect(judge("first-message", launched())).to.match(/^failed: It sent no message/);
    expect(judge("subscription", launched(), received("presence/list"))).to.match(/^failed/);
  });

  it("judge the length of non-ASCII bodies by what comes after the question", () => {
    const asked: Step = { type: "asked", uri: "zoë.ångström@northwind.example" };
    const unreadable: Step = { type: "unreadable", reason: "a body is not JSON" };
    const query = (uri: string): Step => received("presence/get", { uri, maxAgeSeconds: 0 }, 2);
    const judgeAll = (...steps: Step[]): string => judge("byte-length", ...subscription, ...steps);
    expect(judgeAll(asked, query("zoë.ångström@northwind.example"))).to.match(/^passed/);
    expect(judgeAll(asked, unreadable)).to.match(/^failed/);
    expect(judgeAll(asked, query("zo?.?ngstr?m@northwind.example"))).to.match(/^failed.*zo\?/);
    expect(judgeAll(asked)).to.match(/^notObserved/);
    expect(judgeAll(unreadable)).to.match(/^notObserved/);
  });

  const steps = PRESENCE_STEPS.flatMap(({ state }) => [state, "unknown"]);
  const shownAll = (states: readonly string[]): Step[] => states.map((state) => shown(state));
  const rest = ["available", "away"];

  it("judge what is shown, in the order of the changes", () => {
    const judgeShown = (id: string, states: readonly string[]): string =>
      judge(id, ...subscription, shown("onCall"), ...shownAll(states));
    for (const id of ["states", "unknown", "foreign-subscription"]) {
      expect(judgeShown(id, [...steps, ...rest]), id).to.match(/^passed/);
      expect(judge(id, ...subscription), id).to.match(/^notObserved: The host prints no lines/);
    }
    const asOffline = steps.map((state) => (state === "unknown" ? "offline" : state));
    expect(judgeShown("unknown", [...asOffline, ...rest])).to.match(
      /^failed: It showed offline for stale, notReady/,
    );
    const kept = steps.filter((_, index) => index !== 1);
    expect(judgeShown("unknown", [...kept, ...rest])).to.equal(
      "failed: It showed the last state for stale.",
    );
    expect(judgeShown("states", [...kept, ...rest])).to.match(/^passed/);
    const few = steps.filter((state) => state !== "presenting");
    expect(judgeShown("states", [...few, ...rest])).to.match(/^failed: It did not show presenting/);
    const foreign = ["available", "doNotDisturb", "away"];
    expect(judgeShown("foreign-subscription", [...steps, ...foreign])).to.equal(
      "failed: It showed doNotDisturb.",
    );
  });

  it("judge whether the host goes on", () => {
    const sent: Step = { type: "reached", step: "unexpectedSent" };
    const changed = (state: "inMeeting" | "onCall"): Step => ({ type: "changed", uri: URI, state });
    const judgeNext = (id: string, ...events: Step[]): string =>
      judge(id, ...subscription, ...events);
    const unexpected = "unexpected-messages";
    expect(judgeNext(unexpected, changed("inMeeting"), shown("inMeeting"), sent)).to.match(
      /^passed: .* showed/,
    );
    expect(judgeNext(unexpected, changed("inMeeting"), sent)).to.match(/^passed: .*no lines/);
    expect(judgeNext(unexpected, shown("away"), changed("inMeeting"), sent)).to.match(
      /^failed: It went on, but did not show/,
    );
    expect(judgeNext(unexpected, changed("inMeeting"), hostEnded(1))).to.match(
      /^failed: The host ended \(exit code 1/,
    );
    const workerGone: Step = { type: "workerGone", workerPid: 9 };
    const errors = [changed("inMeeting"), sent, responded("presence/get", 1301)] as const;
    expect(judgeNext(unexpected, ...errors, workerGone)).to.match(/^passed/);
    expect(judgeNext("error-responses", ...errors, workerGone)).to.match(
      /^failed: The worker was ended/,
    );
    expect(judgeNext("error-responses", ...errors, changed("onCall"))).to.match(/^passed/);
    expect(judgeNext("error-responses", changed("inMeeting"), sent)).to.match(/^notObserved/);
  });

  it("judge decisions", () => {
    const asked: Step = { type: "asked", uri: URI };
    const query = (maxAge: object): Step => received("presence/get", { uri: URI, ...maxAge }, 2);
    const judgeAll = (id: string, ...events: Step[]): string =>
      judge(id, ...subscription, ...events);
    expect(judgeAll("decision", asked, query({ maxAgeSeconds: 0 }))).to.match(/^passed/);
    expect(judgeAll("decision", asked, query({}))).to.match(/^failed: .* without maxAgeSeconds/);
    expect(judgeAll("decision", asked, query({ maxAgeSeconds: 10 }))).to.match(/^failed/);
    expect(judgeAll("decision", asked)).to.match(/^notObserved/);
    const many = received("presence/getMany", { uris: [URI], maxAgeSeconds: 0 }, 2);
    expect(judgeAll("decision", asked, many)).to.match(/^passed/);

    const decided = [asked, query({ maxAgeSeconds: 0 })] as const;
    const judgeFreshness = (...texts: readonly string[]): string =>
      judgeAll("freshness", ...decided, ...texts.map((text) => shown("away", text)));
    expect(judgeFreshness("fresh", "not fresh")).to.match(/^passed/);
    expect(judgeFreshness("fresh", "fresh")).to.match(/^failed/);
    expect(judgeFreshness("not fresh", "not fresh")).to.match(/^failed/);
    expect(judgeFreshness("fresh")).to.match(/^notObserved/);
    expect(judgeFreshness()).to.match(/^notObserved/);

    const polls = Array.from({ length: 3 }, () => query({ maxAgeSeconds: 5 }));
    expect(judgeAll("no-timer", ...polls, asked)).to.match(/^failed: .* it sent 3/);
    expect(judgeAll("no-timer", asked, ...polls)).to.match(/^passed/);
    expect(judgeAll("no-timer", query({}), query({}), query({}), asked)).to.match(/^passed/);

    const repeated = [query({ maxAgeSeconds: 0 }), query({ maxAgeSeconds: 0 })] as const;
    expect(judgeAll("no-repetition", ...repeated)).to.match(/^failed: It sent presence\/get again/);
    const inTurn = [repeated[0], responded("presence/get"), repeated[1]] as const;
    expect(judgeAll("no-repetition", ...inTurn)).to.match(/^passed/);
  });

  it("judge reading", () => {
    const flooding: Step = { type: "reached", step: "flooding" };
    const read: Step = { type: "reached", step: "errorOutputRead", seconds: 1.25 };
    expect(judge("stderr", ...subscription, flooding, read)).to.match(/^passed: .* 1\.3 s/);
    expect(judge("stderr", ...subscription, flooding)).to.match(/^failed: It did not read 1 MB/);
    expect(judge("stdout", ...subscription, flooding, hostEnded(1))).to.match(/^failed: The host/);
    expect(judge("stdout", ...subscription)).to.match(/^notObserved/);
  });

  it("judge restarts by when processes begin", () => {
    const ending = (pid: number, at: number): Step => ({ type: "ending", code: 70, pid, at });
    const begin = (pid: number, startedAt: number): Step => ({
      ...launched({ startedAt }, pid),
      at: startedAt + 50,
    });
    const first = [...subscription, ending(9, 1_000)];
    const second = [...first, begin(10, 1_510), ending(10, 1_600)];
    const third = [...second, begin(11, 2_600), ending(11, 2_700)];
    expect(judge("restart-delays", ...third, begin(12, 4_700))).to.equal(
      "passed: It waited 0.5 s for 0.5 s, 1.0 s for 1.0 s, 2.0 s for 2.0 s.",
    );
    expect(judge("restart-delays", ...third, begin(12, 3_700))).to.match(/^failed: .* too early/);
    expect(judge("restart-delays", ...third, begin(12, 9_800))).to.match(/^failed: .* too late/);
    expect(judge("restart-delays", ...first)).to.match(/^notObserved/);
    expect(judge("restart", ...third, begin(12, 4_700))).to.match(/^passed/);
    expect(judge("restart", ...third)).to.match(/^failed: .* after exit code 70 during a request/);
    expect(judge("restart", ...first)).to.match(/^failed: .* after exit code 70\.$/);
    expect(judge("restart", ...subscription)).to.match(/^passed|^notObserved/);

    const subscribe = (uris: readonly string[]): Step => ({
      ...received("presence/subscribe", { uris }, 1),
      pid: 12,
      at: 5_000,
    });
    const last = [...third, begin(12, 4_700)];
    expect(judge("resubscription", ...last, subscribe([URI]))).to.match(/^passed/);
    expect(judge("resubscription", ...last, subscribe(["bo@x.example"]))).to.match(/^failed/);
    expect(judge("resubscription", ...last)).to.match(/^failed: It did not subscribe/);
    expect(judge("resubscription", ...third)).to.match(/^notObserved/);

    const meanwhile = (...states: readonly string[]): string =>
      judge("unknown-meanwhile", ...last, ...states.map((state) => shown(state)));
    expect(meanwhile("unknown", "onCall", "unknown", "onCall")).to.match(/^passed/);
    expect(meanwhile("onCall", "unknown")).to.match(/^passed/);
    expect(meanwhile("onCall")).to.match(/^failed: Without a worker, it kept showing onCall/);
    expect(meanwhile("onCall", "onCall")).to.match(/^failed: .* kept showing onCall/);
    expect(meanwhile("onCall", "offline", "onCall")).to.match(/^failed: .* it showed offline/);
    expect(judge("unknown-meanwhile", ...last)).to.match(/^notObserved/);
  });

  it("judge a worker that has ended on purpose", () => {
    const ending: Step = { type: "ending", code: 0 };
    expect(judge("clean-exit", ...subscription, ending)).to.match(/^passed/);
    expect(judge("clean-exit", ...subscription, ending, launched({ startedAt: 560 }, 10))).to.equal(
      "failed: It launched the worker again 0.5 s after its exit.",
    );
    expect(judge("clean-exit", launched())).to.match(/^notObserved/);
  });

  it("judge how the host ends", () => {
    const shutdown = [received("shutdown", undefined, 2), responded("shutdown")] as const;
    const exit = received("exit");
    const ending: Step = { type: "ending", code: 0 };
    const judgeEnd = (id: string, ...events: Step[]): string =>
      judge(id, ...subscription, endRequested, ...events);
    expect(judgeEnd("shutdown", ...shutdown, exit)).to.match(/^passed/);
    expect(judgeEnd("shutdown", shutdown[0], exit, shutdown[1])).to.match(/^failed: .* before the/);
    expect(judgeEnd("shutdown", exit)).to.match(/^failed: .* without shutdown/);
    expect(judgeEnd("shutdown", ...shutdown, hostEnded())).to.match(/^failed: .* no exit/);
    expect(judgeEnd("shutdown", { type: "inputEnded" })).to.match(/^failed: .* neither/);
    const killed: Step[] = [{ type: "hostKilled" }, hostEnded(), { type: "inputEnded" }];
    expect(judgeEnd("shutdown", ...killed)).to.match(/^notObserved/);
    expect(judge("shutdown", ...subscription, hostEnded(1), endRequested)).to.match(
      /^failed: The host/,
    );

    const whole = [...shutdown, exit, ending] as const;
    expect(judgeEnd("last-wait", ...whole, hostEnded())).to.match(/^passed/);
    expect(judgeEnd("last-wait", ...whole, hostEnded(3))).to.match(/^failed: .*exit code 3/);
    expect(judgeEnd("last-wait", ...whole)).to.match(/^failed: It still ran/);
    expect(judgeEnd("last-wait", ...whole, ...killed)).to.match(/^failed: It still ran/);
    expect(judgeEnd("last-wait", ...shutdown, exit, hostEnded(), ending)).to.match(/^failed/);
    expect(judgeEnd("last-wait", ...shutdown, exit, hostEnded())).to.match(/^failed: It killed/);
    expect(judgeEnd("last-wait", hostEnded())).to.match(/^notObserved/);

    const done: Step = { type: "reached", step: "done" };
    const gone: Step = { type: "workerGone", workerPid: 9 };
    const left: Step = { type: "workerLeft", workerPid: 9 };
    const judgeKill = (...events: Step[]): string =>
      judge("silent-worker", ...subscription, done, endRequested, ...events);
    expect(judgeKill(...shutdown, gone, hostEnded())).to.match(/^passed/);
    expect(judgeKill(...shutdown, hostEnded(), left)).to.match(/^failed: .* an orphan/);
    expect(judgeKill(...shutdown, ...killed)).to.match(/^failed: Neither/);
    expect(judgeKill(...killed)).to.match(/^notObserved/);
  });
});
