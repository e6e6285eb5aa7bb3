import { expect } from "chai";
import { DEFAULT_OFFICE_TIME, PresenceWalk } from "../../../simulator/presence-walk.js";
import { OfficeClock } from "../../../simulator/presence-walk.js";

const HOUR = 3_600_000;
const MORNING = Date.parse("2026-03-04T09:00:00.000Z");
const PERSONS = 2000;

function shares(walk: PresenceWalk, now: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let person = 0; person < PERSONS; person++) {
    const status = walk.statusAt(person, now);
    counts[status] = (counts[status] ?? 0) + 1 / PERSONS;
  }
  return counts;
}

describe("presence walk", () => {
  it("produces the same days for the same seed, and others for another", () => {
    const tell = (seed: number): string[] =>
      Array.from({ length: 300 }, (_, person) =>
        new PresenceWalk({ seed }).statusAt(person, DEFAULT_OFFICE_TIME),
      );
    expect(tell(5)).to.deep.equal(tell(5));
    expect(tell(5)).not.to.deep.equal(tell(6));
  });

  it("has most people at work in the morning, in every Webex status", () => {
    const found = shares(new PresenceWalk({ seed: 1 }), DEFAULT_OFFICE_TIME + HOUR / 3);
    expect(found.active).to.be.within(0.4, 0.75);
    expect(found).to.include.all.keys(
      "inactive",
      "call",
      "meeting",
      "presenting",
      "DoNotDisturb",
      "OutOfOffice",
      "pending",
      "unknown",
    );
    expect(found.meeting).to.be.within(0.03, 0.3);
    expect(found.OutOfOffice).to.be.within(0.02, 0.06);
    expect(found.pending).to.be.within(0.01, 0.03);
  });

  it("has nearly everybody away at night and on Sundays", () => {
    const walk = new PresenceWalk({ seed: 1 });
    expect(shares(walk, Date.parse("2026-03-04T03:00:00Z")).inactive).to.be.above(0.9);
    expect(shares(walk, Date.parse("2026-03-08T11:00:00Z")).inactive).to.be.above(0.95);
  });

  it("predicts the next change exactly", () => {
    const walk = new PresenceWalk({ seed: 3 });
    for (let person = 0; person < 300; person++) {
      const before = walk.statusAt(person, MORNING);
      const next = walk.nextChangeAfter(person, MORNING);
      if (next.at === Infinity) continue;
      expect(next.at).to.be.above(MORNING);
      expect(walk.statusAt(person, Math.ceil(next.at) - 1)).to.equal(before);
      expect(walk.statusAt(person, next.at)).to.equal(next.status).and.not.equal(before);
    }
  });

  it("has calls of minutes, and meetings of about 30 or 60 minutes", () => {
    const walk = new PresenceWalk({ seed: 4 });
    const lengths: Record<string, number[]> = {};
    for (let person = 0; person < 300; person++) {
      for (let at = MORNING; at < MORNING + 2.5 * HOUR;) {
        const segment = walk.segmentAt(person, at);
        (lengths[segment.status] ??= []).push((segment.until - segment.since) / 60_000);
        at = segment.until;
      }
    }
    const median = (status: string): number =>
      lengths[status]!.sort((a, b) => a - b)[Math.floor(lengths[status]!.length / 2)]!;
    expect(median("call")).to.be.within(1, 6);
    expect(median("meeting")).to.be.within(24, 60);
    expect(lengths.call!.length).to.be.above(300);
  });
});

describe("office clock", () => {
  const at = (day: string, elapsedHours: number, nights = false): string => {
    let real = 0;
    const clock = new OfficeClock({
      realNow: () => real,
      startsAt: Date.parse(day),
      speed: 60,
      nights,
    });
    real = (elapsedHours * HOUR) / 60;
    return new Date(clock.now()).toISOString().slice(0, 16);
  };

  it("skips nights and weekends", () => {
    expect(at("2026-03-04T10:00:00Z", 7)).to.equal("2026-03-04T17:00");
    expect(at("2026-03-04T10:00:00Z", 8)).to.equal("2026-03-05T09:30");
    expect(at("2026-03-06T10:00:00Z", 8)).to.equal("2026-03-09T09:30");
    expect(at("2026-03-04T10:00:00Z", 7.5 + 8.5 * 2)).to.equal("2026-03-09T09:00");
    expect(at("2026-03-04T10:00:00Z", 24, true)).to.equal("2026-03-05T10:00");
  });

  it("keeps its time when the speed changes, and stops at 0", () => {
    let real = 0;
    const clock = new OfficeClock({
      realNow: () => real,
      startsAt: MORNING,
      speed: 10,
      nights: true,
    });
    real = 1000;
    clock.setSpeed(0);
    real = 5000;
    expect(clock.now()).to.equal(MORNING + 10_000);
    clock.setSpeed(2);
    real = 6000;
    expect(clock.now()).to.equal(MORNING + 12_000);
  });
});
