import { randomBytes } from "node:crypto";

import { nodeProcess } from "../platform/node-process.js";
import { type Check, failed, failedWith, type Finding, ok, warning } from "./doctor-finding.js";
import type { Session } from "./session.js";

/** Settings, account and keychain: what is on this machine. */
export function localChecks(session: Session): Check[] {
  return [
    { name: "settings", run: () => Promise.resolve(settingsFindings(session)) },
    { name: "account", run: () => Promise.resolve([accountFinding(session)]) },
    { name: "keychain", run: async () => [await keychainFinding(session)] },
  ];
}

function settingsFindings({ settingsPath, settingsState, settings }: Session): Finding[] {
  if (settingsState === null) {
    return [
      warning(
        "No settings file is named, so the defaults are checked.",
        "Name the file that the worker reads: --settings <Presence.ini>",
      ),
    ];
  }
  const problems = settingsState.problems.map(({ code, message, hint }) =>
    code === "settingsInvalid" ? warning(message, hint) : failed(message, hint),
  );
  if (problems.some(({ state }) => state === "failed")) return problems;
  if (!settings.enable) {
    return [
      ...problems,
      warning(
        `${settingsPath ?? ""}: presence from Webex is off (WebexPresence.Enable is 0).`,
        "Set WebexPresence.Enable=1 to turn it on.",
      ),
    ];
  }
  return [
    ...problems,
    ok(`${settingsPath ?? ""}: presence is on, asked for every ${settings.pollIntervalSeconds} s`),
  ];
}

function accountFinding({ account }: Session): Finding {
  const text = `${account}: a keychain belongs to one account, so the worker has to run under this one`;
  if (nodeProcess.platform !== "windows") return ok(text);
  return ok(`${text} (services.msc shows the account of the UCX Presence service)`);
}

/** Writes, reads and deletes a value of its own: a locked keychain says "nothing there" as an empty one does. */
async function keychainFinding(session: Session): Promise<Finding> {
  const { store, account } = session;
  const probe = `doctor:${process.pid}`;
  const value = randomBytes(16).toString("hex");
  try {
    await store.set(probe, value);
    const readBack = await store.get(probe);
    const deleted = await store.delete(probe);
    if (readBack !== value || !deleted) {
      return failed(
        `The keychain of account ${account} does not give back what was written to it: no authorization can be kept.`,
        "Repair or reset this account's keychain; other programs lose what they keep there, too.",
      );
    }
  } catch (error) {
    return failedWith(error);
  }
  await session.open();
  const { state } = session.grantStore;
  if (store.kind === "memory") {
    return warning(
      "Secrets are kept in memory only (--secret-store memory): nothing of the keychain is checked.",
      "Leave out --secret-store memory.",
    );
  }
  if (state.kind === "ready" && state.unreadableAccounts.length > 0) {
    return warning(
      `Written, read and deleted; but of the worker's records, these cannot be read: ${state.unreadableAccounts.join(", ")}.`,
      "Authorize again, or keep the client again (ucx-webex-presence secret client): that replaces them.",
    );
  }
  return state.kind === "unavailable" ? failedWith(state.fault) : ok("written, read and deleted");
}
