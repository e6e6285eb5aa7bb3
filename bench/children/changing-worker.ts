// The worker's channel, protocol and presence code without Webex. `worker/poll` changes the records
// of everybody at once.
import { Emitter } from "../../src/faults/emitter.js";
import type { AuthorizationService } from "../../src/authorization/authorizations.js";
import { JsonRpcChannel } from "../../src/platform/json-rpc/channel.js";
import { claimStdio } from "../../src/platform/stdio.js";
import { systemClock, systemCrypto } from "../../src/platform/system-clock.js";
import type { Logger } from "../../src/ports/logger.js";
import { PresenceDirectory } from "../../src/presence/presence-directory.js";
import type { WorkerStatus } from "../../src/supervisor/status.js";
import { RpcServer } from "../../src/rpc/rpc-server.js";
import { parseListedPersons } from "../../src/webex/people.js";
import { personJson } from "../../simulator/people-factory.js";
import { WebexSimulator } from "../../simulator/webex-simulator.js";

const { input, output } = claimStdio();
const logger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
};
const presence = new PresenceDirectory(systemClock, logger);
addPeople(Number(process.argv[2] ?? "20000"));

let enabled = true;
const notMeasured = (): Promise<never> => Promise.reject(new Error("This method is not measured."));
const authorization: AuthorizationService = {
  setClient: notMeasured,
  setProxyPassword: notMeasured,
  import: notMeasured,
  list: notMeasured,
  revoke: notMeasured,
  begin: notMeasured,
  cancel: notMeasured,
  events: new Emitter(),
};
const startedAt = new Date().toISOString();
const status: WorkerStatus = {
  phase: "polling",
  enabled: true,
  since: startedAt,
  version: "0.0.0",
  startedAt,
  pid: process.pid,
  secretStore: "memory",
  settings: { path: "", loadedAt: startedAt, values: {} },
  problems: [],
  organizations: [],
};
const exit = (): void => process.exit(0);
const server = new RpcServer({
  channel: new JsonRpcChannel(input, output),
  presence,
  authorization,
  status: {
    current: () => status,
    events: new Emitter(),
  },
  poll: () => {
    enabled = !enabled;
    presence.setCondition(enabled ? "polling" : "disabled");
    return { accepted: true, nextPossibleAt: null };
  },
  version: "0.0.0",
  openRpc: notMeasured,
  clock: systemClock,
  crypto: systemCrypto,
  logger,
  onInitialize: () => undefined,
  onShutdown: () => undefined,
  onExit: exit,
  onEnd: exit,
});
server.start();

function addPeople(persons: number): void {
  const pageSize = 1_000;
  const webex = new WebexSimulator({
    organizations: [{ name: "Example Ltd", persons, seed: 7 }],
    speed: 0,
  });
  const [organization] = webex.organizations;
  if (organization === undefined) throw new Error("The simulator has no organization.");
  const view = {
    withStatus: true,
    sharingOff: false,
    roleLost: false,
    strangeStatus: "",
    booleansAsStrings: false,
  };
  const items = webex.people().map((person) => personJson(person, organization, view));
  presence.setCondition("polling");
  const roster = presence.addOrganization(organization.id);
  const sweep = roster.beginSweep();
  for (let page = 0; page * pageSize < items.length; page += 1) {
    const listed = items.slice(page * pageSize, (page + 1) * pageSize);
    const body = Buffer.from(`{"items":[${listed.join(",")}]}`);
    const response = { status: 200, headers: {}, body, secrets: [] };
    roster.applyPage(sweep, parseListedPersons(response, organization.id), page);
  }
  roster.completeSweep(sweep);
}
