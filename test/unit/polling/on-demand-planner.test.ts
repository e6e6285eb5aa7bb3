import { expect } from "chai";

import {
  type OnDemandInput,
  type OnDemandPlan,
  planOnDemand,
} from "../../../src/polling/on-demand-planner.js";
import type { PollingRequest } from "../../../src/polling/planner.js";
import type { RefreshRequest } from "../../../src/presence/polled-roster.js";

const NOW = 1_000_000;
const NEVER = Number.POSITIVE_INFINITY;

function wanted(name: string, change: Partial<RefreshRequest> = {}): RefreshRequest {
  const address = `${name}@example.com`;
  return {
    id: name,
    address,
    page: null,
    sentFrom: NOW,
    calledAt: NOW,
    waitsUntil: NOW + 3_000,
    outstanding: 1,
    ...change,
  };
}

const ada = wanted("ada", { page: 3 });
const bob = wanted("bob", { page: 3 });
const eve = wanted("eve", { page: 7 });
const max = wanted("max", { page: 7 });
const kim = wanted("kim", { page: 7 });
const unmatched = wanted("unmatched", { id: null });

const INPUT: OnDemandInput = {
  now: NOW,
  requests: [ada],
  isAccepted: true,
  freePlaces: 1,
  nextPossibleAt: NOW - 1,
  requestIntervalMs: 1_000,
  requestDurationMs: { page: 2_000, lookup: 200 },
  inFlight: [],
  refetchablePages: 10,
  answered: { pages: new Map(), keys: new Map() },
};

const lookUp = ({ id, address }: RefreshRequest): PollingRequest => ({
  kind: "lookup",
  address: address!,
  isUnmatched: id === null,
});
const waitUntil = (untilMs: number) => ({ kind: "wait", untilMs }) as const;
const readingPage = (page: number, sentAt: number) => ({
  request: { kind: "refetch", page } as const,
  ...{ page, sentAt, isOnDemand: false },
});
const lookingUp = (request: RefreshRequest, sentAt: number) => ({
  ...{ request: lookUp(request), page: null, sentAt, isOnDemand: false },
});
/** A lookup for a caller who has gone. */
const silent = (name: string, silentMs: number) => ({
  ...lookingUp(wanted(name), NOW - silentMs),
  isOnDemand: true,
});
const NO_PLACE = { freePlaces: 0, requestDurationMs: { page: 2_000, lookup: 1_000 } };
/** The same, requested by a call that lacks a hundred answers. */
const ofMany = (request: RefreshRequest): RefreshRequest => ({ ...request, outstanding: 100 });

describe("planner of what callers wait for", () => {
  const rows: [string, Partial<OnDemandInput>, OnDemandPlan["next"], RefreshRequest[]?][] = [
    ["requests nothing if nobody waits", { requests: [] }, waitUntil(NEVER)],
    ["looks up a person by address", {}, lookUp(ada)],
    ["looks up an address that matches nobody", { requests: [unmatched] }, lookUp(unmatched)],
    [
      "requests a person without an address by id",
      { requests: [wanted("tom", { address: null })] },
      { kind: "person", id: "tom" },
    ],
    ["begins with the first caller", { requests: [eve, ada] }, lookUp(eve)],
    ["refetches a page with two of them", { requests: [ada, bob] }, { kind: "refetch", page: 3 }],
    [
      "refetches the page with most of them first",
      { requests: [ada, bob, eve, max, kim] },
      { kind: "refetch", page: 7 },
    ],
    [
      "looks them up if old links are not honored",
      { requests: [ada, bob], refetchablePages: 0 },
      lookUp(ada),
    ],
    [
      "looks them up if the page is not known",
      { requests: [eve, max], refetchablePages: 7 },
      lookUp(eve),
    ],
    [
      "looks them up if a page takes too long",
      { requests: [ada, bob], requestDurationMs: { page: 3_001, lookup: 200 } },
      lookUp(ada),
    ],
    [
      "looks them up if nobody knows how long a page takes",
      { requests: [ada, bob], requestDurationMs: { page: 0, lookup: 200 } },
      lookUp(ada),
    ],
    [
      "looks up whoever was not on the page",
      {
        requests: [ada, bob],
        answered: { pages: new Map([[3, { sentAt: NOW, answeredAt: NOW }]]), keys: new Map() },
      },
      lookUp(ada),
    ],
    [
      "waits for a lookup in flight that was sent late enough",
      { inFlight: [lookingUp(ada, NOW)] },
      waitUntil(NEVER),
    ],
    [
      "waits for a request by id in flight",
      {
        requests: [wanted("tom", { address: null })],
        inFlight: [
          { request: { kind: "person", id: "tom" }, page: null, sentAt: NOW, isOnDemand: true },
        ],
      },
      waitUntil(NEVER),
    ],
    [
      "does not wait for one that was sent too early",
      { inFlight: [lookingUp(ada, NOW - 1)] },
      lookUp(ada),
    ],
    ["does not wait for that of another person", { inFlight: [lookingUp(bob, NOW)] }, lookUp(ada)],
    [
      "waits for a page in flight, up to twice its usual duration",
      { requests: [{ ...ada, outstanding: 2 }], inFlight: [readingPage(3, NOW)] },
      waitUntil(NOW + 4_000),
    ],
    [
      "looks up a single person beside a page that polling reads",
      { inFlight: [readingPage(3, NOW)] },
      lookUp(ada),
    ],
    [
      "waits for such a page if it comes as soon as a lookup",
      {
        requests: [{ ...ada, sentFrom: NOW - 1_700 }],
        inFlight: [readingPage(3, NOW - 1_700)],
      },
      waitUntil(NOW + 2_300),
    ],
    [
      "waits for a page that is read for callers",
      { inFlight: [{ ...readingPage(3, NOW), isOnDemand: true }] },
      waitUntil(NOW + 4_000),
    ],
    [
      "waits for the later of two readings of the page",
      {
        requests: [{ ...ada, sentFrom: NOW - 1_000, outstanding: 2 }],
        inFlight: [readingPage(3, NOW), readingPage(3, NOW - 1_000)],
      },
      waitUntil(NOW + 4_000),
    ],
    [
      "does not wait for a page that takes longer",
      {
        requests: [{ ...ada, sentFrom: NOW - 4_000 }],
        inFlight: [readingPage(3, NOW - 4_000)],
      },
      lookUp(ada),
    ],
    [
      "does not wait for a page that will be too late",
      { requests: [{ ...ada, waitsUntil: NOW + 1_999 }], inFlight: [readingPage(3, NOW)] },
      lookUp(ada),
    ],
    [
      "does not wait for a page of unknown duration",
      { requestDurationMs: { page: 0, lookup: 0 }, inFlight: [readingPage(3, NOW)] },
      lookUp(ada),
    ],
    [
      "requests the others meanwhile",
      { requests: [ada, eve], inFlight: [lookingUp(ada, NOW)] },
      lookUp(eve),
    ],
    ["waits for a place", { freePlaces: 0 }, waitUntil(NEVER)],
    [
      "begins with the call that lacks the fewest answers",
      { requests: [ofMany(eve), ofMany(ada), kim] },
      lookUp(kim),
    ],
    [
      "looks up the person of a small call before the page of a large one",
      { requests: [...[eve, max].map(ofMany), ada] },
      lookUp(ada),
    ],
    [
      "refetches the page of a large call after that",
      { requests: [...[eve, max].map(ofMany), ada], inFlight: [lookingUp(ada, NOW)] },
      { kind: "refetch", page: 7 },
    ],
    [
      "gives a small call the place that the budget has in time",
      { nextPossibleAt: NOW + 1_500, requests: [ofMany(wanted("x")), ofMany(wanted("y")), ada] },
      waitUntil(NOW + 1_500),
      [ofMany(wanted("y"))],
    ],
    [
      "takes the place of a silent request that nobody waits for, after 5 times its usual duration",
      { ...NO_PLACE, inFlight: [silent("a", 4_999)] },
      waitUntil(NOW + 1),
    ],
    [
      "does so at that time",
      { ...NO_PLACE, inFlight: [silent("a", 5_000), silent("b", 0)] },
      lookUp(ada),
    ],
    [
      "does so after 2 s at the earliest",
      { freePlaces: 0, inFlight: [silent("a", 1_999)] },
      waitUntil(NOW + 1),
    ],
    [
      "does not take the place of a request that a caller waits for",
      {
        ...NO_PLACE,
        requests: [{ ...bob, sentFrom: NOW - 9_000, waitsUntil: NOW + 500 }, ada],
        inFlight: [{ ...lookingUp(bob, NOW - 9_000), isOnDemand: true }],
      },
      waitUntil(NOW + 500),
    ],
    [
      "does not take the place of the planner's request",
      { ...NO_PLACE, inFlight: [{ ...silent("a", 9_000), isOnDemand: false }] },
      waitUntil(NEVER),
    ],
    [
      "takes two such places",
      { ...NO_PLACE, freePlaces: -1, inFlight: [silent("a", 9_000), silent("b", 9_000)] },
      lookUp(ada),
    ],
    [
      "takes each of them once",
      { ...NO_PLACE, freePlaces: -1, inFlight: [silent("a", 9_000)] },
      waitUntil(NEVER),
    ],
    [
      "takes no third one",
      { ...NO_PLACE, freePlaces: -2, inFlight: ["a", "b", "c"].map((name) => silent(name, 9_000)) },
      waitUntil(NEVER),
    ],
    ["waits for the budget", { nextPossibleAt: NOW + 2_800 }, waitUntil(NOW + 2_800)],
    [
      "dismisses what the budget does not allow in time",
      { nextPossibleAt: NOW + 2_900, requests: [ada, { ...eve, waitsUntil: NOW + 9_000 }] },
      waitUntil(NOW + 2_900),
      [ada],
    ],
    [
      "dismisses those for whom the budget has no place after the others",
      { nextPossibleAt: NOW + 1_000, requests: [wanted("x"), wanted("y"), eve, max, wanted("z")] },
      waitUntil(NOW + 1_000),
      [eve, max, wanted("z")],
    ],
    [
      "counts the persons of one page once",
      { nextPossibleAt: NOW + 1_000, requests: [wanted("x"), eve, max, kim, ada] },
      waitUntil(NOW + 1_000),
      [ada],
    ],
    [
      "counts each of them if the page cannot be requested",
      {
        nextPossibleAt: NOW + 1_000,
        refetchablePages: 7,
        requests: [wanted("x"), eve, max, kim],
      },
      waitUntil(NOW + 1_000),
      [max, kim],
    ],
    [
      "dismisses nobody while the budget allows a request now",
      { requests: [wanted("v"), wanted("w"), wanted("x"), wanted("y"), wanted("z")] },
      lookUp(wanted("v")),
    ],
    [
      "waits for the budget no longer than for a page in flight",
      {
        requests: [ada, eve].map((each) => ({ ...each, sentFrom: NOW - 3_000 })),
        nextPossibleAt: NOW + 2_000,
        inFlight: [readingPage(3, NOW - 3_000)],
      },
      waitUntil(NOW + 1_000),
    ],
    [
      "waits for the first of several pages in flight",
      {
        requests: [ada, eve].map((each) => ({ ...each, sentFrom: NOW - 3_000, outstanding: 2 })),
        inFlight: [readingPage(3, NOW - 3_000), readingPage(7, NOW - 1_000)],
      },
      waitUntil(NOW + 1_000),
    ],
    [
      "dismisses nothing for the budget that is in flight",
      { nextPossibleAt: NOW + 9_000, inFlight: [lookingUp(ada, NOW)] },
      waitUntil(NEVER),
    ],
    [
      "dismisses what nobody waits for any more",
      { requests: [{ ...ada, waitsUntil: NOW }, eve] },
      lookUp(eve),
      [{ ...ada, waitsUntil: NOW }],
    ],
    [
      "dismisses whoever was asked for in vain",
      {
        answered: {
          pages: new Map(),
          keys: new Map([[ada.address!, { sentAt: NOW, answeredAt: NOW }]]),
        },
      },
      waitUntil(NEVER),
      [ada],
    ],
    [
      "dismisses whoever was asked for by id in vain",
      {
        requests: [wanted("tom", { address: null })],
        answered: {
          pages: new Map(),
          keys: new Map([["tom", { sentAt: NOW, answeredAt: NOW }]]),
        },
      },
      waitUntil(NEVER),
      [wanted("tom", { address: null })],
    ],
    [
      "asks again if the answer is to a request that was sent too early",
      {
        answered: {
          pages: new Map(),
          keys: new Map([[ada.address!, { sentAt: NOW - 1, answeredAt: NOW }]]),
        },
      },
      lookUp(ada),
    ],
    [
      "asks again if the answer came before the call",
      {
        requests: [{ ...ada, sentFrom: NOW - 100 }],
        answered: {
          pages: new Map(),
          keys: new Map([[ada.address!, { sentAt: NOW - 50, answeredAt: NOW - 1 }]]),
        },
      },
      lookUp(ada),
    ],
    [
      "takes a page again whose answer came before the calls",
      {
        requests: [ada, bob].map((each) => ({ ...each, sentFrom: NOW - 100 })),
        answered: {
          pages: new Map([[3, { sentAt: NOW - 50, answeredAt: NOW - 1 }]]),
          keys: new Map(),
        },
      },
      { kind: "refetch", page: 3 },
    ],
    [
      "dismisses everything while Webex cannot be asked",
      { isAccepted: false, requests: [ada, eve] },
      waitUntil(NEVER),
      [ada, eve],
    ],
  ];
  for (const [name, change, next, dismissed = []] of rows) {
    it(name, () => {
      expect(planOnDemand({ ...INPUT, ...change })).to.deep.equal({ next, dismissed });
    });
  }
});
