import { expect } from "chai";

import { conclude, type Conclusion } from "../../../src/cli/doctor-conclusion.js";
import {
  failed,
  failedAs,
  ok,
  skipped,
  warning,
  type Finding,
  type NamedFinding,
} from "../../../src/cli/doctor-finding.js";

const context = {
  account: "svc-ucx",
  platform: "linux",
  settingsPath: "/srv/Presence.ini",
  commandFor: (words: string) => `ucx-webex-presence ${words} --settings /srv/Presence.ini`,
} as const;
const STORE = context.commandFor("secret client");
const AUTHORIZE = context.commandFor("authorize");

const named = (name: string, finding: Finding): NamedFinding => ({ name, ...finding });
const ofOrganization = (name: string, finding: Finding): NamedFinding => ({
  ...named(name, finding),
  ...{ orgId: "B", orgName: "Beta" },
});
const failure = (name: string, code: string, hint = "Mend it."): NamedFinding =>
  named(name, failed({ code, message: "It failed.", hint }));
const warn = (name: string, code: string, hint = "Mind it."): NamedFinding =>
  named(name, warning(code, { message: "It is odd.", hint }));
const SKIPPED = named("role", skipped("not checked"));

const MISSING = failure("settings", "settingsMissing");
const LOCKED = named(
  "keychain",
  failedAs("keychainLocked", { account: "svc-ucx", platform: "linux" }),
);
const NO_NAME = failure(
  "DNS",
  "nameNotResolved",
  "Check the DNS servers of this machine. Or else.",
);
const NO_PROXY = failure("proxy", "webexUnreachable", "Check the proxy.");
const NO_TRUST = failure("TLS", "webexUnreachable", "Set WebexPresence.CaFile.");
const NO_CLIENT = failure("client", "clientNotConfigured");
const NO_GRANT = failure("grant", "authorizationRequired");
const ENDED = ofOrganization("grant", failed({ code: "authorizationExpired", message: "" }));
const NO_ROLE = ofOrganization("role", failedAs("adminRoleLost", { organization: "Beta" }));
const NOT_SHARED = ofOrganization(
  "status sharing",
  failedAs("statusSharingOff", { organization: "Beta" }),
);
const DISABLED = warn("settings", "presenceDisabled");
const NO_WORKER = warn("worker", "workerNotRunning");
const WRONG_CLOCK = warn("clock", "clockWrong");

type Expected = readonly [text: string, code: string | null, command?: string];

describe("cli/doctor: the conclusion", () => {
  const expectConclusion = (
    findings: readonly NamedFinding[],
    works: boolean | null,
    [text, code, command = null]: Expected | readonly [string, string | null, null],
  ): void => {
    const expected: Conclusion = { works, code, text, command };
    expect(conclude(findings, context)).to.deep.equal(expected);
    expect(conclude([...findings].reverse(), context), "in any order").to.deep.equal(expected);
  };

  for (const [what, findings, expected] of [
    [
      "a missing settings file",
      [MISSING, LOCKED, NO_NAME],
      [
        "Presence does not work until the settings file exists: create /srv/Presence.ini with the line WebexPresence.Enable=1.",
        "settingsMissing",
      ],
    ],
    [
      "a settings file that cannot be read",
      [failure("settings", "settingsUnreadable", "Save it as text."), NO_CLIENT],
      [
        "Presence does not work until the settings file can be read: save it as text.",
        "settingsUnreadable",
      ],
    ],
    [
      "a locked keychain, before the network and what it hides",
      [LOCKED, NO_NAME, NO_CLIENT, SKIPPED],
      [
        'Presence does not work until the keychain of svc-ucx is unlocked: sign in to its desktop session, or run "ucx-webex-presence doctor" in a terminal of its D-Bus session, which asks for the password.',
        "keychainLocked",
      ],
    ],
    [
      "another failure of the keychain",
      [failure("keychain", "keychainUnavailable", "Check it. Or not."), NO_CLIENT],
      [
        "Presence does not work until the keychain of svc-ucx works: check it.",
        "keychainUnavailable",
      ],
    ],
    [
      "an unlikely address, before what may follow from it",
      [warn("settings", "unlikelyApiUrl", "Set WebexPresence.ApiUrl=https://x/v1"), NO_TRUST],
      [
        "Presence does not work until WebexPresence.ApiUrl is right: set WebexPresence.ApiUrl=https://x/v1.",
        "unlikelyApiUrl",
      ],
    ],
    [
      "a client that an unlikely address has nothing to do with",
      [warn("settings", "unlikelyApiUrl"), NO_CLIENT],
      [
        "Presence will work as soon as the client ID and client secret of the Webex integration are stored.",
        "clientNotConfigured",
        STORE,
      ],
    ],
    [
      "DNS, before proxy, TLS and client",
      [NO_CLIENT, NO_TRUST, NO_PROXY, NO_NAME],
      [
        "Presence does not work until this machine can resolve names: check the DNS servers of this machine.",
        "nameNotResolved",
      ],
    ],
    [
      "the proxy, before TLS",
      [NO_TRUST, NO_PROXY],
      [
        "Presence does not work until the proxy passes requests to Webex on: check the proxy.",
        "webexUnreachable",
      ],
    ],
    [
      "TLS, before the client",
      [NO_CLIENT, NO_TRUST],
      [
        "Presence does not work until this machine can connect to Webex: set WebexPresence.CaFile.",
        "webexUnreachable",
      ],
    ],
    [
      "the address of Webex",
      [failure("address", "webexUnreachable", "Allow it."), SKIPPED],
      ["Presence does not work until this machine can reach Webex: allow it.", "webexUnreachable"],
    ],
    [
      "a client that is missing, before the grant",
      [NO_GRANT, NO_CLIENT, DISABLED, NO_WORKER],
      [
        "Presence does not work until the client ID and client secret of the Webex integration are stored.",
        "clientNotConfigured",
        STORE,
      ],
    ],
    [
      "a client that Webex rejects",
      [failure("client", "clientRejected"), SKIPPED],
      [
        "Presence does not work until the current client secret of developer.webex.com is stored.",
        "clientRejected",
        STORE,
      ],
    ],
    [
      "a missing authorization, before switching on",
      [NO_GRANT, DISABLED],
      [
        "Presence does not work until a Full Admin authorizes the integration.",
        "authorizationRequired",
        AUTHORIZE,
      ],
    ],
    [
      "an authorization that has ended",
      [ENDED],
      [
        "Presence of Beta will work as soon as a Full Admin authorizes it again.",
        "authorizationExpired",
        AUTHORIZE,
      ],
    ],
    [
      "an authorization that Webex refuses",
      [failure("grant", "grantRefused"), SKIPPED],
      [
        "Presence does not work until a Full Admin authorizes the integration.",
        "grantRefused",
        AUTHORIZE,
      ],
    ],
    [
      "a Webex that does not answer",
      [failure("grant", "webexError", "Check status.webex.com; or ask."), SKIPPED],
      ["Presence does not work until Webex answers: check status.webex.com; or ask.", "webexError"],
    ],
    [
      "a missing scope",
      [failure("scopes", "scopeMissing"), NO_ROLE],
      [
        "Presence does not work until the integration at developer.webex.com has all scopes and a Full Admin authorizes it again.",
        "scopeMissing",
        AUTHORIZE,
      ],
    ],
    [
      "a lost role",
      [NO_ROLE, NOT_SHARED],
      [
        "Presence of Beta does not work until a Full Admin has authorized it: give that administrator the Full Admin role back in Control Hub (Management > Users > the user > Administrator roles), or have another Full Admin authorize.",
        "adminRoleLost",
      ],
    ],
    [
      "a role that could not be asked for",
      [failure("role", "webexError", "Check status.webex.com.")],
      [
        'Presence will work as soon as "role" no longer fails: check status.webex.com.',
        "webexError",
      ],
    ],
    [
      "a status that is not shared",
      [NOT_SHARED],
      [
        "Presence of Beta will work as soon as the administrator who authorized shares their status: have that administrator share their status (Webex app > Settings > Privacy > Show status), or have another Full Admin authorize.",
        "statusSharingOff",
      ],
    ],
    [
      "a check that has failed for no known reason",
      [failure("clock", "defect", "Run the check again. If it fails again, see the log.")],
      ['Presence will work as soon as "clock" no longer fails: run the check again.', "defect"],
    ],
    [
      "presence that is switched off",
      [DISABLED, WRONG_CLOCK],
      [
        "Presence will work as soon as it is switched on: set WebexPresence.Enable=1 in /srv/Presence.ini.",
        "presenceDisabled",
      ],
    ],
    [
      "presence that is switched off, without a worker",
      [DISABLED, NO_WORKER],
      [
        "Presence does not work until it is switched on: set WebexPresence.Enable=1 in /srv/Presence.ini.",
        "presenceDisabled",
      ],
    ],
    [
      "a worker that does not run",
      [NO_WORKER, WRONG_CLOCK],
      [
        "Presence will work as soon as the worker runs: start the UCX Presence service, which launches it.",
        "workerNotRunning",
      ],
    ],
    [
      "a worker that reports an error",
      [warn("worker", "hostTooOld")],
      [
        "Presence will work as soon as the running worker no longer reports hostTooOld.",
        "hostTooOld",
        context.commandFor("status"),
      ],
    ],
    [
      "a worker that is blocked",
      [warn("worker", "workerBlocked")],
      [
        "Presence will work as soon as the worker is no longer blocked.",
        "workerBlocked",
        context.commandFor("status"),
      ],
    ],
  ] as const satisfies readonly (readonly [string, readonly NamedFinding[], Expected])[]) {
    it(`names ${what}`, () => expectConclusion(findings, false, expected));
  }

  for (const [what, finding, code, start] of [
    [
      "no settings file was given",
      warn("settings", "settingsNotGiven"),
      "settingsNotGiven",
      "It is",
    ],
    [
      "the worker has other settings",
      warn("worker", "workerHasOtherSettings"),
      "workerHasOtherSettings",
      "It is",
    ],
    ["it is unknown whether a worker runs", named("worker", skipped("?")), null, "Everything that"],
  ] as const) {
    it(`does not claim to know whether presence works if ${what}`, () => {
      const { works, code: found, text } = conclude([finding, WRONG_CLOCK], context);
      expect([works, found]).to.deep.equal([null, code]);
      expect(text.startsWith(start), text).to.equal(true);
    });
  }

  it("says that presence works, and what limits it", () => {
    const fine = named("DNS", ok("fine"));
    expectConclusion([fine], true, ["Presence works.", null]);
    const addresses = [
      warn("address", "addressUnreachable"),
      warn("address", "addressUnreachable"),
    ];
    expect(conclude([fine, ...addresses, WRONG_CLOCK], context)).to.deep.equal({
      ...{ works: true, code: null, command: null },
      text: "Presence works, with limits: other addresses cannot be reached; the clock is wrong.",
    });
    expect(conclude([fine, warn("worker", "workerNotAsked")], context)).to.deep.include({
      works: true,
      text: "Presence works, with limits: the worker takes up to a minute to notice it.",
    });
    const unlikely = warn("settings", "unlikelyApiUrl");
    expect(conclude([fine, unlikely], context).works, "an unlikely address that answers").to.equal(
      true,
    );
  });

  it("names the command that unlocks a keychain of macOS, and how to unlock that of Windows", () => {
    const locked = (platform: "macos" | "windows"): Conclusion => {
      const finding = failedAs("keychainLocked", { account: "svc-ucx", platform });
      return conclude([named("keychain", finding)], { ...context, platform });
    };
    expect(locked("macos")).to.deep.include({
      text: "Presence will work as soon as the keychain of svc-ucx is unlocked.",
      command: "security unlock-keychain ~/Library/Keychains/login.keychain-db",
    });
    expect(locked("windows")).to.deep.include({ command: null });
    expect(locked("windows").text).to.include('is unlocked: sign in once as "svc-ucx", or restart');
  });
});
