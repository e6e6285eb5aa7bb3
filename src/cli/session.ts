import { GrantStore } from "../authorization/grant-store.js";
import { Emitter } from "../faults/emitter.js";
import { createAxiosHttp } from "../platform/axios-http.js";
import { createCertificateReader } from "../platform/certificates.js";
import { readIniLine } from "../platform/ini-line.js";
import { listenOnLoopback } from "../platform/loopback-server.js";
import { nodeProcess, readAsset, version } from "../platform/node-process.js";
import { MemoryStore, KeytarStore } from "../platform/secret-store.js";
import { DiskSettingsFile } from "../platform/settings-file.js";
import { systemClock, systemCrypto, systemRandom } from "../platform/system-clock.js";
import type { Clock } from "../ports/clock.js";
import { defaultSettings } from "../settings/keys.js";
import { SettingsStore, type SettingsState } from "../settings/settings-store.js";
import { createAuthorization, type WorkerPorts } from "../worker/components.js";
import { Network } from "../worker/network.js";
import type { CommandContext, CommandOptions, ExitCode } from "./command.js";
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
export type Session = Awaited<ReturnType<typeof createSession>>;

/** Reads the settings, but neither the keychain nor the network. */
export async function createSession(options: CommandOptions) {
  const { account, platform } = nodeProcess;
  const settingsPath = settingsPathFor(options.settings);
  const settingsState = settingsPath === null ? null : await readSettingsOnce(settingsPath);
  const settings = settingsState?.settings ?? defaultSettings;
  const store =
    options.secretStore === "memory" ? new MemoryStore() : new KeytarStore({ account, platform });
  const grantStore = new GrantStore(store, systemClock, silentLogger);
  const network = new Network(createAxiosHttp, systemClock);
  const { authorizations, createTokenSource } = createAuthorization({
    ports: {
      clock: systemClock,
      random: systemRandom,
      crypto: systemCrypto,
      log: silentLogger,
      secretStore: store,
      listenOnLoopback,
      readAsset,
      version,
    },
    grantStore,
    http: network,
    settings: () => settings,
    settingsLoaded: Promise.resolve(),
    notices: { list: () => [], events: new Emitter() },
  });
  const needsProxyPassword = settings.proxy.includes("@");
  const openNetwork = (): void => {
    const { state } = grantStore;
    network.apply({
      proxy: settings.proxy,
      certificates: settingsState?.certificates ?? null,
      // A password that nobody uses must not replace a route that is in use.
      proxyPassword: state.kind === "ready" && needsProxyPassword ? state.proxyPassword : null,
    });
  };
  return {
    account,
    /** Null if no settings file is named and the platform has no default path. */
    settingsPath,
    /** Null if there is no `settingsPath`; `settings` are then the default ones. */
    settingsState,
    settings,
    store,
    grantStore,
    network,
    authorizations,
    createTokenSource,

    /** Whether requests to Webex need a password from the keychain. */
    needsProxyPassword,

    /**
     * Reads the keychain and configures the network. Does not reject if the keychain is
     * unavailable, because not every command needs it.
     */
    open: async (): Promise<void> => {
      await grantStore.reload().catch(() => undefined);
      openNetwork();
    },

    /** Configures the network with what has been read of the keychain. */
    openNetwork,

    close: async (): Promise<void> => {
      await authorizations.stop();
      await grantStore.stop();
      network.close();
    },
  };
}

/** Prints the problems of the settings, and runs an action in an open session. */
export async function withSession(
  { options, console }: CommandContext,
  action: (session: Session) => Promise<ExitCode>,
): Promise<ExitCode> {
  const session = await createSession(options);
  if (session.settingsState === null) {
    console.note(
      "Without --settings, this command uses the default settings. If your Presence.ini sets WebexPresence.ApiUrl, ClientId, Proxy, CaFile or RedirectPort, pass --settings.",
    );
  }
  for (const { message } of session.settingsState?.problems ?? []) console.note(message);
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
    readCertificates: createCertificateReader(),
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
