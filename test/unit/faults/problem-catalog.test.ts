import { expect } from "chai";

import { ProblemList } from "../../../src/supervisor/problem-list.js";
import {
  PROBLEM_SEVERITY,
  problemReport,
  problemText,
  type ProblemCode,
} from "../../../src/faults/problem-catalog.js";

const DETAIL = {
  organization: "Example Ltd",
  account: "svc",
  status: 503,
  trackingId: "T1",
  until: "2026-01-01T00:00:00.000Z",
  persons: 2000,
  port: 8467,
};

describe("supervisor/problems", () => {
  for (const code of Object.keys(PROBLEM_SEVERITY) as ProblemCode[]) {
    it(`explains ${code} and its remedy, with and without details`, () => {
      for (const detail of [DETAIL, {}]) {
        const { message, hint } = problemText(code, detail);
        expect(message).to.match(/^["A-Z].*\.$/s);
        expect(hint).to.match(/^[A-Z].*\.$/s);
        expect(message + hint).to.not.match(/undefined|null|NaN|\[object/);
      }
    });
  }

  it("rounds ages up to whole seconds, so that none reads below the limit it exceeds", () => {
    const { message } = problemText("freshnessMissed", {
      watchedP95: 44.70886265999999,
      staleAfterSeconds: 30,
    });
    expect(message).to.include(
      " are up to 45 s old, more than WebexPresence.StaleAfterSeconds (30).",
    );
    expect(
      problemText("freshnessMissed", { watchedP95: 180.2, staleAfterSeconds: 180 }).message,
    ).to.include("up to 181 s");
  });

  it("prefers the message and hint of whoever detected the problem", () => {
    expect(problemText("webexError", { reason: "A.", hint: "B." })).to.deep.equal({
      message: "A.",
      hint: "B.",
    });
  });

  for (const code of ["webexUnreachable", "webexError"] as const) {
    it(`names the cause of ${code}, the tracking ID and the remedy of the cause`, () => {
      const detail = { cause: "The name could not be resolved.", trackingId: "T1", hint: "B." };
      const { message, hint } = problemText(code, { organization: "Example Ltd", ...detail });
      expect(message).to.match(
        /"Example Ltd".*\. The name could not be resolved\. Tracking ID: T1\. Its presence/,
      );
      expect(hint).to.equal("B.");
    });
  }

  it("adds the cause to why a sweep was abandoned", () => {
    const detail = { reason: "People are missing.", cause: "Webex found nothing." };
    expect(problemText("webexError", detail).message).to.equal(
      "People are missing. Webex found nothing.",
    );
  });

  it("lists one problem per code and organization, but every line of the settings", () => {
    const list = new ProblemList(() => 0);
    list.replace([
      problemReport("webexError", "a", {}),
      problemReport("webexError", "a", { status: 500 }),
      problemReport("webexError", "b", {}),
      problemReport("settingsInvalid", null, { key: "One" }),
      problemReport("settingsInvalid", null, { key: "Two" }),
      problemReport("settingsUnknown", null, { line: 1 }),
      problemReport("settingsUnknown", null, { line: 2 }),
    ]);
    expect(list.problems.map((p) => [p.code, p.orgId])).to.deep.equal([
      ["webexError", "a"],
      ["webexError", "b"],
      ["settingsInvalid", null],
      ["settingsInvalid", null],
      ["settingsUnknown", null],
      ["settingsUnknown", null],
    ]);
  });
});
