import { isRefusal } from "../faults/problem-catalog.js";
import { requestPoll } from "../platform/poll-request-file.js";
import type { Problem } from "../supervisor/status.js";
import { ok, warning, type Check, type Finding, type NamedFinding } from "./doctor-finding.js";
import type { Session } from "./session.js";
import { readStatusFile, workerFiles } from "./worker-files.js";

/**
 * If Webex accepts an organization that the running worker still reports as refused, asks that
 * worker to try again. Finds nothing if there is nothing to ask. `findings` are those of the checks
 * before it.
 */
export function workerCheck(
  { settingsPath }: Pick<Session, "settingsPath">,
  logDir: string | undefined,
  findings: readonly NamedFinding[],
): Check {
  return {
    name: "worker",
    run: async () => {
      const files = workerFiles(logDir);
      if (files === null) return [];
      const { running, status } = await readStatusFile(files.status);
      if (!running) return [];
      // A worker with other settings may poll another address, with another keychain.
      if (settingsPath !== null && status.settings.path !== settingsPath) return [];
      const outdated = status.problems.filter((problem) => isOutdated(problem, findings));
      if (outdated.length === 0) return [];
      const orgIds = [...new Set(outdated.map(({ orgId }) => orgId))];
      const names = orgIds.map(
        (id) => status.organizations.find(({ orgId }) => orgId === id)?.orgName ?? id,
      );
      const codes = [...new Set(outdated.map(({ code }) => code))].join(", ");
      return askForPoll(
        files.folder,
        `Webex accepts ${names.join(", ")}, but the running worker still reports ${codes}.`,
      );
    },
  };
}

async function askForPoll(folder: string, event: string): Promise<Finding> {
  try {
    await requestPoll(folder);
    return ok(`${event} The running worker has been asked to try again.`);
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    return warning({
      message: `${event} It could not be asked to try again, because ${folder} cannot be written (${code}).`,
      hint: "Wait a minute, or one poll interval if that is longer: the worker tries again by itself.",
    });
  }
}

/** Whether the checks have found that Webex no longer refuses the organization. */
function isOutdated(problem: Problem, findings: readonly NamedFinding[]): boolean {
  if (!isRefusal(problem) || problem.orgId === null) return false;
  const names = ["grant", "scopes", "role"];
  if (problem.code === "statusSharingOff") names.push("status sharing");
  return names.every((name) =>
    findings.some(
      (finding) =>
        finding.name === name &&
        finding.orgId === problem.orgId &&
        (finding.state === "ok" || finding.state === "warning"),
    ),
  );
}
