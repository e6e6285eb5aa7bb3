import { chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";

import { Secret } from "../../src/faults/secret.js";
import { findKeyringControl, unlockKeyring } from "../../src/platform/keyring-control.js";
import { KEYRING_PASSWORD, startKeyring, type Keyring } from "../support/keyring-fixture.js";
import { requireKeychain } from "../support/keychain-fixture.js";
import { skip, skipOnWindows } from "../support/windows-fixture.js";

const PASSWORD = new Secret(KEYRING_PASSWORD);

describe("platform/keyring-control", function () {
  this.timeout(30_000);
  let keyring: Keyring;
  let control: string;

  before(function () {
    skipOnWindows(this, "Windows has another keychain");
    requireKeychain(this);
  });

  beforeEach(async () => {
    keyring = await startKeyring({ locked: true });
    control = (await findKeyringControl(keyring.env)) ?? "";
    expect(control).to.equal(join(keyring.env.XDG_RUNTIME_DIR ?? "", "keyring", "control"));
  });

  afterEach(() => keyring.stop());

  it("unlocks a running daemon with the keyring's password alone", async () => {
    expect(await unlockKeyring(control, new Secret("another"))).to.equal("wrongPassword");
    expect(await unlockKeyring(control, new Secret(""))).to.equal("wrongPassword");
    expect(await keyring.isLocked()).to.equal(true);
    expect(await unlockKeyring(control, PASSWORD)).to.equal("unlocked");
    expect(await keyring.isLocked()).to.equal(false);
  });

  it("gives up on a daemon that hangs or has ended", async () => {
    keyring.freeze();
    expect(await unlockKeyring(control, PASSWORD, 200)).to.equal("failed");
    keyring.unfreeze();
    await keyring.stopDaemon();
    expect(await unlockKeyring(control, PASSWORD)).to.equal("failed");
  });

  it("finds no socket where there is none, and none of another account", async function () {
    const { env } = keyring;
    const folder = join(keyring.home, "other");
    mkdirSync(folder);
    writeFileSync(join(folder, "control"), "");
    const named = (path: string) => findKeyringControl({ GNOME_KEYRING_CONTROL: path });
    expect(await named(folder), "a file").to.equal(null);
    rmSync(folder, { recursive: true });
    expect(await named(folder)).to.equal(null);
    expect(await findKeyringControl({})).to.equal(null);
    expect(await findKeyringControl({ ...env, GNOME_KEYRING_CONTROL: folder })).to.equal(control);
    if (process.getuid?.() !== 0) skip(this, "only root can give a socket to another account");
    chownSync(control, 65_534, 65_534);
    expect(await findKeyringControl(env)).to.equal(null);
  });
});
