import { Emitter } from "../faults/emitter.js";
import type { Authorizations } from "../authorization/authorizations.js";
import type { AuthorizationSettings } from "../authorization/effective-client.js";
import { GrantStore } from "../authorization/grant-store.js";
import { createAxiosHttp } from "../platform/axios-http.js";
import { version } from "../platform/installation.js";
import { KeytarStore } from "../platform/secret-store.js";
import { listenOnLoopback } from "../platform/loopback-server.js";
import { MemoryStore } from "../platform/memory-store.js";
import { nodeProcess } from "../platform/node-process.js";
import { systemClock, systemCrypto, systemRandom } from "../platform/system-clock.js";
import type { SecretStore } from "../ports/secret-store.js";
import { defaultSettings } from "../settings/keys.js";
import type { SettingsState } from "../settings/settings-store.js";
import type { Settings } from "../settings/settings.js";
import type { TokenSource } from "../webex/people-api.js";
import { createAuthorization } from "../worker/components.js";
import { Network } from "../worker/network.js";
import type { CommandContext } from "./command.js";
import { silentLogger } from "./quiet-log.js";
import { readSettingsOnce } from "./settings-once.js";
import { settingsPathFor } from "./worker-files.js";

/** Settings, keychain, network and authorizations for one command: the worker's own rooms, without the worker. */
export class Session {
  /** null: no settings file was named, and this system has no usual place for one. */
  readonly settingsPath: string | null;
  readonly settingsState: SettingsState | null;
  readonly store: SecretStore;
  readonly grantStore: GrantStore;
  readonly network: Network;
  readonly authorizations: Authorizations;
  readonly tokensOf: (orgId: string) => TokenSource;
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
        version,
      },
      grantStore: this.grantStore,
      http: this.network,
      settings: () => this.authorizationSettings,
      notices: { list: () => [], events: new Emitter() },
    });
    this.authorizations = authorizations;
    this.tokensOf = createTokenSource;
  }

  get settings(): Settings {
    return this.settingsState?.settings ?? defaultSettings;
  }

  get authorizationSettings(): AuthorizationSettings {
    const { clientId, apiUrl, redirectPort } = this.settings;
    return { clientId, apiUrl, redirectPort };
  }

  /** Reads the keychain and opens the way to Webex; a keychain out of reach is the fault of whoever needs it. */
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

/** Reads the settings; neither keychain nor network is touched yet. */
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

/** Runs a command's work in an open session, and closes it however that ends. What is odd about the settings is told first. */
export async function withSession<T>(
  context: CommandContext,
  action: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await createSession(context);
  if (session.settingsState === null) {
    context.console.note(
      "without --settings, the default settings are in force. If your Presence.ini sets WebexPresence.ApiUrl, ClientId, Proxy, CaFile or RedirectPort, name the file.",
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
