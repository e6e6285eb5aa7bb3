import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { settle } from "../../support/clock-fake.js";
import { DASHBOARD_PORT, DashboardFixture } from "../../support/dashboard-fixture.js";

describe("dashboard", () => {
  let fixture: DashboardFixture;

  beforeEach(() => {
    fixture = new DashboardFixture();
  });

  const isOpen = (port = DASHBOARD_PORT): boolean => fixture.loopback.isListening(port);

  describe("its port", () => {
    it("is opened and closed by the setting, at once, and costs nothing while it is 0", async () => {
      await fixture.open(0);
      expect(fixture.clock.pendingTimers).to.equal(0);
      expect(fixture.files).to.deep.equal([]);
      await fixture.open();
      expect(isOpen()).to.equal(true);
      expect(fixture.url).to.match(/^http:\/\/localhost:8468\/\?key=[\w-]{43}$/);
      expect(JSON.parse(fixture.files[0] ?? "")).to.include({ pid: 4711 });
      expect(fixture.logger.text).to.include(fixture.url);
      await fixture.request("/people");
      await fixture.open(0);
      expect(isOpen()).to.equal(false);
      expect(fixture.files.at(-1)).to.equal(null);
      expect(fixture.clock.pendingTimers).to.equal(0);
    });

    it("is written to the file again, in case something has kept or deleted it", async () => {
      fixture.canWrite = false;
      await fixture.open();
      expect(isOpen()).to.equal(true);
      fixture.canWrite = true;
      await fixture.clock.advance(10_000);
      expect(fixture.files).to.have.length(1);
      await fixture.clock.advance(59_000);
      expect(fixture.files).to.have.length(1);
      await fixture.clock.advance(1_000);
      expect(fixture.files).to.deep.equal([fixture.files[0], fixture.files[0]]);
      await fixture.dashboard.stop();
      await fixture.clock.advance(120_000);
      expect(fixture.files.slice(2)).to.deep.equal([null]);
    });

    it("changes with the setting, and the key stays that of the process", async () => {
      await fixture.open();
      const { key } = fixture;
      await fixture.open(9000);
      expect([isOpen(), isOpen(9000)]).to.deep.equal([false, true]);
      expect(fixture.url).to.equal(`http://localhost:9000/?key=${key}`);
    });

    it("is tried again every few seconds while another program has it", async () => {
      let conflicts = 0;
      fixture.dashboard.events.on("conflictChanged", () => (conflicts += 1));
      const other = await fixture.loopback.listen(DASHBOARD_PORT, () =>
        Promise.reject(new Error()),
      );
      await fixture.open();
      expect(fixture.dashboard.conflict).to.deep.equal({ port: DASHBOARD_PORT, reason: "used" });
      await fixture.clock.advance(10_000);
      expect(conflicts).to.equal(1);
      await other.close();
      await fixture.clock.advance(5_000);
      expect(fixture.dashboard.conflict).to.equal(null);
      expect(conflicts).to.equal(2);
      expect((await fixture.request("/")).status).to.equal(200);
    });

    it("is no problem any more when the setting names another one, or none", async () => {
      await fixture.loopback.listen(DASHBOARD_PORT, () => Promise.reject(new Error()));
      await fixture.open();
      await fixture.open(0);
      expect(fixture.dashboard.conflict).to.equal(null);
      expect(fixture.clock.pendingTimers).to.equal(0);
      await fixture.open();
      await fixture.open(9000);
      expect(fixture.dashboard.conflict).to.equal(null);
      expect(isOpen(9000)).to.equal(true);
    });

    it("is never that of the authorization page", async () => {
      await fixture.open(8467);
      expect(isOpen(8467)).to.equal(false);
      expect(fixture.dashboard.conflict).to.deep.equal({ port: 8467, reason: "redirectPort" });
      await fixture.open();
      expect(fixture.dashboard.conflict).to.equal(null);
      fixture.dashboard.apply({ dashboardPort: DASHBOARD_PORT, redirectPort: DASHBOARD_PORT });
      await settle();
      expect(isOpen()).to.equal(false);
      expect(fixture.dashboard.conflict).to.include({ reason: "redirectPort" });
    });

    it("is named anew when another one is taken, too", async () => {
      const conflicts: unknown[] = [];
      fixture.dashboard.events.on("conflictChanged", () =>
        conflicts.push(fixture.dashboard.conflict?.port),
      );
      for (const port of [DASHBOARD_PORT, 9000]) {
        await fixture.loopback.listen(port, () => Promise.reject(new Error()));
        await fixture.open(port);
      }
      expect(conflicts).to.deep.equal([DASHBOARD_PORT, 9000]);
    });

    it("fails for another reason with one warning, whatever the number of attempts", async () => {
      fixture.listen = () => Promise.reject(new Fault("defect", "The system refused."));
      await fixture.open();
      await fixture.clock.advance(20_000);
      expect(fixture.dashboard.conflict).to.equal(null);
      expect(fixture.logger.text.match(/The dashboard cannot be shown/g)).to.have.length(1);
      fixture.listen = fixture.loopback.listen;
      await fixture.clock.advance(5_000);
      expect(isOpen()).to.equal(true);
    });

    it("is free once stop resolves, and before that the file of its address is gone", async () => {
      await fixture.open();
      let isRemoved = (): void => undefined;
      fixture.removeFile = () => {
        expect(isOpen(), "the next worker on this port may write its own file").to.equal(true);
        return new Promise((resolve) => (isRemoved = resolve));
      };
      let hasStopped = false;
      const stopped = fixture.dashboard.stop().then(() => (hasStopped = true));
      await settle();
      expect(hasStopped).to.equal(false);
      isRemoved();
      await stopped;
      expect(isOpen()).to.equal(false);
    });

    it("is closed by stop, also while it is being opened", async () => {
      fixture.dashboard.apply({ dashboardPort: DASHBOARD_PORT, redirectPort: 8467 });
      await fixture.dashboard.stop();
      expect(isOpen()).to.equal(false);
      await fixture.open(9000);
      expect(isOpen(9000)).to.equal(false);
      expect(fixture.clock.pendingTimers).to.equal(0);
    });
  });

  it("leaves no timer if it is closed while a page is open", async () => {
    fixture.report({ Ann: "active" });
    const timers = fixture.clock.pendingTimers;
    await fixture.open();
    await fixture.stream();
    await fixture.request("/people");
    await fixture.dashboard.stop();
    expect(fixture.clock.pendingTimers).to.equal(timers);
  });
  it("stops beginning an authorization when it closes", async () => {
    await fixture.open();
    let signal: AbortSignal | null = null;
    fixture.begin = (ofBegin) => {
      signal = ofBegin;
      return new Promise(() => undefined);
    };
    const headers = { origin: `http://localhost:${DASHBOARD_PORT}` };
    void fixture.request("/authorize", { method: "POST", headers });
    await settle();
    expect(signal!.aborted).to.equal(false);
    await fixture.dashboard.stop();
    expect(signal!.aborted).to.equal(true);
  });
});
