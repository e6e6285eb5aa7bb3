import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";

import type { Secret } from "../faults/secret.js";

/** What the daemon says to a request to unlock its login keyring. */
export type UnlockResult = "unlocked" | "wrongPassword" | "failed";

const TIMEOUT_MS = 10_000;
/** daemon/control/gkd-control-codes.h of gnome-keyring. */
const UNLOCK_OPERATION = 1;
const RESULTS: readonly (UnlockResult | undefined)[] = ["unlocked", "wrongPassword"];
const REPLY_BYTES = 8;

/**
 * The control socket of this account's gnome-keyring-daemon; null if there is none, or if it is
 * another account's, which must not get the password.
 */
export async function findKeyringControl(
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | null> {
  const { GNOME_KEYRING_CONTROL: folder, XDG_RUNTIME_DIR: runtimeFolder } = env;
  const folders = [
    folder,
    runtimeFolder === undefined ? undefined : join(runtimeFolder, "keyring"),
  ];
  for (const candidate of folders) {
    if (candidate === undefined || candidate === "") continue;
    const path = join(candidate, "control");
    try {
      const stats = await stat(path);
      if (stats.isSocket() && stats.uid === process.getuid?.()) return path;
    } catch {
      // The next one may be there.
    }
  }
  return null;
}

/**
 * Unlocks the login keyring of a running daemon, as the PAM module does at a login
 * (pam/gkr-pam-client.c). Nothing else unlocks it without a display: `gnome-keyring-daemon
 * --unlock` is for a daemon that starts.
 */
export function unlockKeyring(
  control: string,
  password: Secret,
  timeoutMs = TIMEOUT_MS,
): Promise<UnlockResult> {
  return new Promise((resolve) => {
    const socket = connect(control);
    let reply = Buffer.alloc(0);
    const finish = (result: UnlockResult): void => {
      resolve(result);
      socket.destroy();
    };
    socket.setTimeout(timeoutMs, () => finish("failed"));
    socket.on("error", () => finish("failed"));
    socket.on("close", () => finish("failed"));
    socket.on("data", (chunk: Buffer) => {
      reply = Buffer.concat([reply, chunk]);
      if (reply.length < REPLY_BYTES) return;
      const isReply = reply.readUInt32BE(0) === REPLY_BYTES;
      finish((isReply ? RESULTS[reply.readUInt32BE(4)] : undefined) ?? "failed");
    });
    socket.on("connect", () => socket.write(encodeRequest(password)));
  });
}

/** A byte for the credentials of the peer; then the length of all that follows, and the call. */
function encodeRequest(password: Secret): Buffer {
  const argument = Buffer.from(password.reveal(), "utf8");
  const header = Buffer.alloc(13);
  header.writeUInt32BE(header.length - 1 + argument.length, 1);
  header.writeUInt32BE(UNLOCK_OPERATION, 5);
  header.writeUInt32BE(argument.length, 9);
  return Buffer.concat([header, argument]);
}
