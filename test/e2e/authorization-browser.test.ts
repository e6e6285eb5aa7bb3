import { expect } from "chai";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

import { findSeriousViolations } from "../support/axe-fixture.js";
import { launchChromium } from "../support/browser-flow-http-harness.js";
import {
  AuthorizationHarness,
  type AuthorizationHarnessOptions,
} from "../support/authorization-harness.js";

describe("e2e: authorization in a browser", function () {
  this.timeout(90_000);
  let browser: Browser | null = null;
  let harness: AuthorizationHarness;
  let page: Page;
  let address: string;
  let errors: string[];

  before(async function () {
    browser = await launchChromium(this);
  });

  after(async () => {
    await browser?.close();
  });

  afterEach(async () => {
    await page.context().close();
    await harness.stop();
    expect(errors).to.deep.equal([]);
  });

  const open = async (
    options: AuthorizationHarnessOptions = {},
    contextOptions: BrowserContextOptions = {},
  ): Promise<void> => {
    harness = await AuthorizationHarness.start(options);
    address = await harness.open();
    page = await (await browser!.newContext(contextOptions)).newPage();
    errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (/Content.Security.Policy/i.test(message.text())) errors.push(message.text());
    });
    harness.recordResponses(page);
    await page.goto(address);
  };
  const authorize = async (decision: string, login = "0:fullAdmin"): Promise<void> => {
    await page.getByTestId("authorize").click();
    await page.getByTestId("consent-page").waitFor();
    await page.getByTestId("consent-admin").selectOption(login);
    await page.getByTestId(`consent-${decision}`).click();
  };
  const stateIs = async (state: string): Promise<void> => {
    await page.locator(`[data-testid="state"][data-state="${state}"]`).waitFor({ timeout: 10_000 });
    await harness.recordContent(page);
    expect(await findSeriousViolations(page), `accessibility, ${state}`).to.deep.equal([]);
  };
  const text = (testId: string): Promise<string> => page.getByTestId(testId).innerText();
  const email = (organization = 0): string => harness.webex.people(organization)[2]!.emails[0]!;

  it("reports the address to the log and the host, and starts presence after COMPLETE REQUEST", async () => {
    await open();
    expect(address).to.match(new RegExp(`^http://localhost:${harness.port}/\\?key=[\\w-]{40,}$`));
    expect(harness.worker.host.transcript.text("stderr")).to.include(address);
    await harness.waitForLog(address);
    expect(Date.parse(harness.flow?.expiresAt ?? "") - Date.now()).to.be.within(540_000, 600_000);
    expect((await harness.worker.status()).phase).to.equal("blocked");
    expect(await harness.worker.get(email())).to.include({ state: "unknown", reason: "blocked" });
    expect(await page.title()).to.equal("Webex integration authorization");
    await stateIs("required");
    expect(await page.getByTestId("complete").isDisabled()).to.equal(true);
    expect(await text("help"))
      .to.include("Control Hub")
      .and.to.include(harness.webex.client.clientId);

    harness.webex.setStatus(email(), "meeting");
    await authorize("accept");
    await stateIs("authorized");
    expect(page.url()).to.equal(address);
    const row = await page.locator(".row").first().innerText();
    expect(row)
      .to.include("Example Ltd")
      .and.to.include(harness.webex.organizations[0]!.administrator.displayName);
    expect(row)
      .to.match(/valid until/i)
      .and.to.match(/can read\s+people and presence status, organization name/i);
    await page.getByTestId("complete").click();
    await page.getByText("Presence starts now").waitFor();
    await harness.waitForPresence(email(), "inMeeting");
    await harness.worker.waitForPhase("polling");
    expect((await harness.worker.status()).problems.map(({ code }) => code)).to.deep.equal([
      "memorySecretStore",
    ]);
    expect(
      harness.changes.some(
        ({ flow }) =>
          flow?.state === "authorized" && flow.message?.includes("Example Ltd") === true,
      ),
    ).to.equal(true);
    expect(harness.flow).to.equal(null);
    expect(harness.changes.at(-1)?.authorizations).to.have.lengthOf(1);
    expect(await harness.isListening()).to.equal(false);
  });

  it("shows a declined request and a wrong scope, and allows another attempt after each", async () => {
    await open();
    await authorize("decline");
    await stateIs("denied");
    expect(await text("state")).to.include(
      "Message from Webex: The resource owner denied the request.",
    );
    await harness.waitForFlow(
      "declined",
      (flow) => flow.state === "denied" && flow.url === address,
    );
    expect((await harness.waitForProblem("authorizationDenied")).hint).to.include("Control Hub");
    await authorize("wrong-scope");
    await stateIs("failed");
    expect(await text("state")).to.include("spark-admin:people_read");
    await harness.waitForFlow(
      "failed",
      (flow) => flow.state === "failed" && flow.message?.includes("scope") === true,
    );
    await authorize("accept");
    await stateIs("authorized");
    await harness.worker.waitForPhase("polling");
    await harness.waitForProblemEnd("authorizationDenied", 3_000);
    await page.getByTestId("complete").click();
    await page.getByText("Presence starts now").waitFor();
  });

  it("shows that the user is not an administrator, and accepts another one", async () => {
    await open();
    await authorize("accept", "0:user");
    await stateIs("authorized");
    await page.locator('.notice[data-code="adminRoleLost"]').waitFor();
    expect(await text("state")).to.include("its presence is not available");
    expect(await page.locator(".row").first().innerText()).to.include("Needs attention");
    expect(await page.locator('.notice[data-code="adminRoleLost"]').innerText()).to.include(
      "Full Admin",
    );
    await stateIs("authorized");
    expect(
      (await harness.worker.waitForPhase("blocked")).problems.map(({ code }) => code),
    ).to.include("adminRoleLost");
    expect(await harness.worker.get(email())).to.include({ state: "unknown", reason: "blocked" });
    await authorize("accept");
    await page.locator('.notice[data-code="adminRoleLost"]').waitFor({ state: "detached" });
    await harness.worker.waitForPhase("polling");
    await page.getByTestId("complete").click();
    await page.getByText("Presence starts now").waitFor();
  });

  it("shows help while Control Hub blocks the integration, and allows another attempt", async () => {
    await open();
    const watching = await page.context().newPage();
    harness.recordResponses(watching);
    await watching.goto(address);
    await authorize("blocked");
    await page.getByTestId("access-denied").waitFor();
    await watching.locator('[data-state="waiting"]').waitFor();
    expect(await watching.getByTestId("help").innerText())
      .to.include("Integrations")
      .and.to.include(harness.webex.client.clientId);
    await page.goto(address);
    await stateIs("waiting");
    await authorize("accept");
    await stateIs("authorized");
    await watching.locator('[data-state="authorized"]').waitFor();
  });

  it("authorizes a second organization on the same page", async () => {
    await open({
      organizations: [
        { name: "Acme", persons: 5, seed: 1 },
        { name: "Beta", persons: 5, seed: 2 },
      ],
    });
    await authorize("accept");
    await stateIs("authorized");
    expect(await page.locator(".row").allInnerTexts()).to.satisfy(
      (rows: string[]) =>
        rows.length === 2 && rows[0]!.includes("Acme") && rows[1]!.includes("Another organization"),
    );
    await authorize("accept", "1:fullAdmin");
    await page.getByText("Beta is authorized").waitFor();
    await stateIs("authorized");
    await page.getByTestId("complete").click();
    await page.getByText("Presence starts now").waitFor();
    for (const organization of [0, 1]) {
      harness.webex.setStatus(email(organization), "call", organization);
      await harness.waitForPresence(email(organization), "onCall");
    }
    const { organizations } = await harness.worker.status();
    expect(organizations).to.have.lengthOf(2);
  });

  it("shows in the open page that status sharing is off, and when it is on again", async () => {
    await open();
    await authorize("accept");
    await stateIs("authorized");
    harness.webex.set({ sharingOff: true });
    await page.locator('.notice[data-code="statusSharingOff"]').waitFor({ timeout: 12_000 });
    expect(await text("state")).to.include("its presence is not available");
    await stateIs("authorized");
    harness.webex.set({ sharingOff: false });
    await page
      .locator('.notice[data-code="statusSharingOff"]')
      .waitFor({ state: "detached", timeout: 12_000 });
  });

  for (const javaScriptEnabled of [true, false]) {
    it(`polls again at once when somebody presses Try again ${javaScriptEnabled ? "with" : "without"} JavaScript`, async () => {
      await open({}, { javaScriptEnabled });
      await authorize("accept");
      await harness.worker.waitForPhase("polling");
      harness.webex.set({ roleLost: true });
      await harness.worker.host.request("worker/poll");
      await harness.waitForProblem("adminRoleLost");
      await page.reload();
      await page.getByTestId("retry").click();
      await page.getByText("The worker has asked Webex again").waitFor();
      harness.webex.set({ roleLost: false });
      await page.getByTestId("retry").click();
      await harness.waitForProblemEnd("adminRoleLost", 3_000);
      await page.getByTestId("retry").waitFor({ state: "detached", timeout: 5_000 });
      await page.locator('[data-testid="state"][data-state="authorized"]').waitFor();
      expect(await text("state")).not.to.include("not available");
    });
  }

  it("opens another page when the grant has ended, and names the organization", async () => {
    await open();
    await authorize("accept");
    await stateIs("authorized");
    await page.getByTestId("complete").click();
    await page.getByText("Presence starts now").waitFor();
    await harness.worker.waitForPhase("polling");
    harness.webex.endGrants();
    const pageUrl = await harness.waitForPage(address);
    await page.goto(pageUrl);
    await stateIs("required");
    expect(await text("state")).to.include("Example Ltd: authorize again");
    expect(await page.getByTestId("complete").isDisabled()).to.equal(true);
    await authorize("accept");
    await stateIs("authorized");
    await harness.worker.waitForPhase("polling");
  });

  it("closes the page within 1 s of Enable=0 or Authorize=off, and opens the next with a new key", async () => {
    await open();
    await stateIs("required");
    for (const [close, how] of [
      [() => harness.writeSettings(0), "Enable=0"],
      [() => harness.writeSettings(1, "off"), "Authorize=off"],
    ] as const) {
      const before = address;
      await close();
      const closedAt = Date.now();
      await harness.worker.waitFor(
        `the page closed by ${how}`,
        async () => ((await harness.isListening()) ? null : true),
        3_000,
      );
      expect(Date.now() - closedAt, how).to.be.lessThan(1_000);
      await page.locator('[data-state="expired"]').waitFor();
      await harness.worker.waitFor("no flow", () => (harness.flow === null ? true : null));
      await harness.writeSettings(1);
      address = await harness.waitForPage(before, 3_000);
      expect((await harness.request(`/${new URL(before).search}`)).status).to.equal(403);
      await page.goto(address);
      await stateIs("required");
    }
  });
});
