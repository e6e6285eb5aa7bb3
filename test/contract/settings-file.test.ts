import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { DiskSettingsFile } from "../../src/platform/settings-file.js";
import { FakeSettingsFile } from "../support/settings-file-fake.js";
import { settingsFileContract } from "../support/settings-file-contract.js";

settingsFileContract("FakeSettingsFile", async () => {
  const file = new FakeSettingsFile();
  return {
    file,
    write: async (text) => file.put(text),
    remove: async () => file.remove(),
    makeUnreadable: async () => file.makeUnreadable(),
    dispose: async () => undefined,
  };
});

settingsFileContract("DiskSettingsFile", async () => {
  const folder = await mkdtemp(join(tmpdir(), "settings-file-"));
  const path = join(folder, "Presence.ini");
  return {
    file: new DiskSettingsFile(path),
    write: (text) => writeFile(path, text),
    remove: () => rm(path, { recursive: true }),
    makeUnreadable: async () => {
      await rm(path, { force: true });
      await mkdir(path);
    },
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
});
