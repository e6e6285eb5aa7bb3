import type { ChildProcess } from "node:child_process";
import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
export const KEYRING_PASSWORD = "keyring-password";
const COLLECTION = "/org/freedesktop/secrets/collection/login";

/** The programs that a keyring needs on the PATH, with their Debian packages. */
export const KEYRING_TOOLS = [
  ["gnome-keyring-daemon", "gnome-keyring"],
  ["dbus-daemon", "dbus"],
  ["dbus-send", "dbus"],
] as const;

// No service folders: the bus must not start a daemon by itself.
const busConfig = (
  socket: string,
): string => `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=${socket}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`;

/** A real Secret Service on its own bus. A process with `env` sees only this keyring. */
export class Keyring {
  readonly home = mkdtempSync(join(tmpdir(), "keyring-"));
  readonly env: Record<string, string>;
  #bus: ChildProcess | null = null;
  #daemon: ChildProcess | null = null;

  constructor() {
    this.env = { ...process.env } as Record<string, string>;
    for (const name of ["DISPLAY", "WAYLAND_DISPLAY", "GNOME_KEYRING_CONTROL"])
      Reflect.deleteProperty(this.env, name);
    for (const name of ["RUNTIME_DIR", "DATA_HOME", "CONFIG_HOME", "CACHE_HOME", "STATE_HOME"]) {
      const folder = join(this.home, name);
      this.env[`XDG_${name}`] = folder;
      mkdirSync(folder, { mode: 0o700 });
    }
    this.env.HOME = this.home;
    this.env.DBUS_SESSION_BUS_ADDRESS = `unix:path=${join(this.home, "bus")}`;
    writeFileSync(join(this.home, "bus.conf"), busConfig(join(this.home, "bus")));
  }

  async startBus(): Promise<void> {
    const args = ["--nofork", "--nopidfile", `--config-file=${join(this.home, "bus.conf")}`];
    this.#bus = spawn("dbus-daemon", args, { env: this.env, stdio: "ignore" });
    await eventually("the bus", () =>
      this.#send("org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId"),
    );
  }

  async stopBus(): Promise<void> {
    await end(this.#bus);
    this.#bus = null;
  }

  /** Starts the daemon with its login keyring unlocked; creates the keyring if there is none. */
  async startDaemon(): Promise<void> {
    const args = ["--unlock", "--components=secrets", "--foreground"];
    const daemon = spawn("gnome-keyring-daemon", args, {
      env: this.env,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#daemon = daemon;
    daemon.stdin.end(KEYRING_PASSWORD);
    await eventually("the unlocked keyring", async () => {
      if (await this.isLocked()) throw new Error("locked");
    });
  }

  async stopDaemon(): Promise<void> {
    await end(this.#daemon);
    this.#daemon = null;
  }

  async lock(): Promise<void> {
    await this.#send(
      "org.freedesktop.secrets",
      "/org/freedesktop/secrets",
      "org.freedesktop.Secret.Service.Lock",
      `array:objpath:${COLLECTION}`,
    );
    await eventually("the locked keyring", async () => {
      if (!(await this.isLocked())) throw new Error("unlocked");
    });
  }

  /** Starts a new daemon on the same files: without a display, there is no other way. */
  async unlock(): Promise<void> {
    await this.stopDaemon();
    await this.startDaemon();
  }

  freeze(): void {
    this.#daemon?.kill("SIGSTOP");
  }

  unfreeze(): void {
    this.#daemon?.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    await this.stopDaemon();
    await this.stopBus();
    rmSync(this.home, { recursive: true, force: true });
  }

  /** Reads a value with another program, `secret-tool lookup`; null if there is none. */
  async lookup(account: string): Promise<string | null> {
    const args = ["lookup", "service", "ucx-webex-presence", "account", account];
    try {
      return (await run("secret-tool", args, { env: this.env })).stdout;
    } catch {
      return null;
    }
  }

  async isLocked(): Promise<boolean> {
    const reply = await this.#send(
      "org.freedesktop.secrets",
      COLLECTION,
      "org.freedesktop.DBus.Properties.Get",
      "string:org.freedesktop.Secret.Collection",
      "string:Locked",
    );
    return reply.includes("boolean true");
  }

  /** `call`: the destination, the object's path, the method and its parameters. */
  async #send(...[destination = "", ...call]: string[]): Promise<string> {
    const options = ["--session", "--print-reply", "--reply-timeout=2000"];
    const args = [...options, `--dest=${destination}`, ...call];
    return (await run("dbus-send", args, { env: this.env })).stdout;
  }
}

export async function startKeyring(options: { locked?: boolean } = {}): Promise<Keyring> {
  const keyring = new Keyring();
  try {
    await keyring.startBus();
    await keyring.startDaemon();
    if (options.locked === true) await keyring.lock();
  } catch (error) {
    await keyring.stop();
    throw error;
  }
  return keyring;
}

async function end(child: ChildProcess | null): Promise<void> {
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}

async function eventually(what: string, attempt: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`Gave up waiting for ${what}.`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }
}
