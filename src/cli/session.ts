import { Emitter } from "../faults/emitter.js";
import type { Authorizations } from "../authorization/authorizations.js";
import type { AuthorizationSettings } from "../authorization/oauth-context.js";
import { GrantStore } from "../authorization/grant-store.js";
import { createAxiosHttp } from "../platform/axios-http.js";
import { readCertificates } from "../platform/certificates.js";
import { readIniLine } from "../platform/ini-line.js";
import { nodeProcess, readAsset, version } from "../platform/node-process.js";
import { MemoryStore, KeytarStore } from "../platform/secret-store.js";
import { listenOnLoopback } from "../platform/loopback-server.js";
import { DiskSettingsFile } from "../platform/settings-file.js";
import { systemClock, systemCrypto, systemRandom } from "../platform/system-clock.js";
import type { Clock } from "../ports/clock.js";
import type { SecretStore } from "../ports/secret-store.js";
import { defaultSettings, type Settings } from "../settings/keys.js";
import type { TokenSource } from "../webex/rest.js";
import { SettingsStore, type SettingsState } from "../settings/settings-store.js";
import { createAuthorization, type WorkerPorts } from "../worker/components.js";
import { Network } from "../worker/network.js";
import type { CommandContext } from "./command.js";
import { settingsPathFor } from "./worker-files.js";

/** A command prints its own messages; the log is the worker's. */
const silentLogger: WorkerPorts["log"] = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  setLevel: () => undefined,
  close: () => Promise.resolve(),
};

/** A command waits less long than the worker does for a missing settings file to come back. */
const SETTINGS_MISSING_AFTER_MS = 300;
const shortTimeoutClock: Clock = {
  ...systemClock,
  schedule: (delayMs, callback) =>
    systemClock.schedule(Math.min(delayMs, SETTINGS_MISSING_AFTER_MS), callback),
};

/** The worker's settings, keychain, network and authorizations, for one command. */
export class Session {
  /** Null if no settings file is named and the platform has no default path. */
  readonly settingsPath: string | null;
  readonly settingsState: SettingsState | null;
  readonly store: SecretStore;
  readonly grantStore: GrantStore;
  readonly network: Network;
  readonly authorizations: Authorizations;
  readonly createTokenSource: (orgId: string) => TokenSource;
  readonly account = nodeProcess.account;

  constructor(
    settingsPath: string | null,
    settingsState: SettingsState | null,
    store: SecretStore,
  ) {
    this.settingsPath = settingsPath;
    this.settingsState = settingsState;
    this.store = store;
    this.grantStore = new GrantStore(store, systemClock, silentLogger);
    this.network = new Network(createAxiosHttp, systemClock);
    const { authorizations, createTokenSource } = createAuthorization({
      ports: {
        clock: systemClock,
        random: systemRandom,
        crypto: systemCrypto,
        log: silentLogger,
        listenOnLoopback,
        readAsset,
        version,
      },
      grantStore: this.grantStore,
      http: this.network,
      settings: () => this.authorizationSettings,
      settingsLoaded: Promise.resolve(),
      notices: { list: () => [], events: new Emitter() },
    });
    this.authorizations = authorizations;
    this.createTokenSource = createTokenSource;
  }

  get settings(): Settings {
    return this.settingsState?.settings ?? defaultSettings;
  }

  get authorizationSettings(): AuthorizationSettings {
    const { clientId, apiUrl, redirectPort } = this.settings;
    return { clientId, apiUrl, redirectPort };
  }

  /**
   * Reads the keychain and configures the network. Does not reject if the keychain is unavailable,
   * because not every command needs it.
   */
  async open(): Promise<void> {
    await this.grantStore.reload().catch(() => undefined);
    const grantStore = this.grantStore.state;
    this.network.apply({
      proxy: this.settings.proxy,
      certificates: this.settingsState?.certificates ?? null,
      proxyPassword: grantStore.kind === "ready" ? grantStore.proxyPassword : null,
    });
  }

  async close(): Promise<void> {
    await this.authorizations.stop();
    await this.grantStore.stop();
    this.network.close();
  }
}

/** Reads the settings, but neither the keychain nor the network. */
export async function createSession({
  options,
}: Pick<CommandContext, "options">): Promise<Session> {
  const { account, platform } = nodeProcess;
  const path = settingsPathFor(options.settings);
  const state = path === null ? null : await readSettingsOnce(path);
  const store =
    options.secretStore === "memory" ? new MemoryStore() : new KeytarStore({ account, platform });
  return new Session(path, state, store);
}

/** Prints the problems of the settings, and runs an action in an open session. */
export async function withSession<T>(
  context: CommandContext,
  action: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await createSession(context);
  if (session.settingsState === null) {
    context.console.note(
      "Without --settings, this command uses the default settings. If your Presence.ini sets WebexPresence.ApiUrl, ClientId, Proxy, CaFile or RedirectPort, pass --settings.",
    );
  }
  for (const { message } of session.settingsState?.problems ?? []) context.console.note(message);
  try {
    await session.open();
    return await action(session);
  } finally {
    await session.close();
  }
}

/** Like the worker, uses the defaults if the file is missing or unreadable. */
function readSettingsOnce(path: string): Promise<SettingsState> {
  const store = new SettingsStore({
    file: new DiskSettingsFile(path),
    clock: shortTimeoutClock,
    readIniLine,
    readCertificates,
    logger: silentLogger,
  });
  return new Promise((resolve) => {
    store.events.on("settingsChanged", (state) => {
      // Deferred, because `start` may emit before it returns `stop`.
      setImmediate(() => stop());
      resolve(state);
    });
    const stop = store.start();
  });
}
