import type { ReadCertificates } from "../ports/certificates.js";
import type { Channel } from "../ports/channel.js";
import type { Random, Clock } from "../ports/clock.js";
import type { HttpFactory } from "../ports/http.js";
import type { ListenOnLoopback } from "../ports/loopback-server.js";
import type { Logger, LogLevel } from "../ports/logger.js";
import type { ProcessPort, StatusFile } from "../ports/process.js";
import type { SecretStore } from "../ports/secret-store.js";
import type { ReadIniLine, SettingsFile } from "../ports/settings-file.js";

/** Everything outside that the worker needs. */
export interface WorkerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger & {
    setLevel(level: LogLevel): void;
    close(deadlineMs: number): Promise<void>;
  };
  readonly process: ProcessPort;
  readonly channel: Channel;
  readonly settingsFile: SettingsFile;
  readonly readIniLine: ReadIniLine;
  readonly readCertificates: ReadCertificates;
  readonly secretStore: SecretStore;
  readonly http: HttpFactory;
  readonly statusFile: StatusFile;
  readonly openRpc: () => Promise<unknown>;
  readonly version: string;
  readonly listenOnLoopback: ListenOnLoopback;
}
