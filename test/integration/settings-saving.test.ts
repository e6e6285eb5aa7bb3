import {
  appendFile,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { EventEmitter } from "node:events";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { expect } from "chai";
import sinon from "sinon";

import type { Disposer } from "../../src/faults/emitter.js";
import { DiskSettingsFile } from "../../src/platform/settings-file.js";
import type { FileContent } from "../../src/ports/settings-file.js";
import { waitUntil } from "../support/clock-fake.js";
import { requireSymlinks, skipUnderWine } from "../support/windows-fixture.js";

const DEADLINE_MS = 4000;
const IN_FORCE_WITHIN_MS = 1000;

interface ReceivedContent {
  readonly text: string;
  readonly at: number;
}

/** Records every content reported. */
class ContentRecorder {
  readonly received: ReceivedContent[] = [];

  readonly record = (content: FileContent): void => {
    let text: string = content.kind;
    if (content.kind === "content") text = Buffer.from(content.bytes).toString("latin1");
    else if (content.kind === "unreadable") text = `unreadable: ${content.reason}`;
    this.received.push({ text, at: performance.now() });
  };

  get texts(): string[] {
    return this.received.map(({ text }) => text);
  }

  async until(text: string): Promise<ReceivedContent> {
    const describe = () => `${JSON.stringify(text)}, but ${JSON.stringify(this.texts)}`;
    await waitUntil(() => this.received.at(-1)?.text === text, DEADLINE_MS, describe);
    return this.received.at(-1)!;
  }
}

/** Long enough for a partial read to be noticed. */
const settingsText = (mark: string) =>
  `; ${mark}\r\nWebexPresence.Enable=1\r\n${"; filler\r\n".repeat(500)}; end of ${mark}\r\n`;
const OLD = settingsText("old");
const NEW = settingsText("new and longer");

const writeInPieces = async (path: string, text: string, pauseMs: number): Promise<void> => {
  const handle = await open(path, "r+");
  await handle.truncate(0);
  const size = Math.ceil(text.length / 4);
  for (let at = 0; at < text.length; at += size) {
    await pause(pauseMs);
    await handle.write(text.slice(at, at + size));
  }
  await handle.close();
};

const SAVE_METHODS: Record<string, (path: string) => Promise<void>> = {
  "in place": (path) => writeFile(path, NEW),
  "emptied, then in pieces with pauses of 200 ms": (path) => writeInPieces(path, NEW, 200),
  "a new file renamed over the old": async (path) => {
    await writeFile(`${path}.tmp`, NEW);
    await rename(`${path}.tmp`, path);
  },
  "deleted, then created": async (path) => {
    await rm(path);
    await pause(150);
    await writeFile(path, NEW);
  },
  "the old renamed to a backup, the new one written, the backup deleted": async (path) => {
    await rename(path, `${path}~`);
    await pause(50);
    await writeFile(path, NEW);
    await pause(50);
    await rm(`${path}~`);
  },
  "a new file written slowly beside it, then both renamed": async (path) => {
    await writeFile(`${path}.new`, "");
    await writeInPieces(`${path}.new`, NEW, 100);
    await rename(path, `${path}.bak`);
    await rename(`${path}.new`, path);
  },
};

describe("DiskSettingsFile", function () {
  this.timeout(30_000);
  let folder: string;
  let path: string;
  let recorder: ContentRecorder;
  let dispose: Disposer;

  const watch = async (first: string, isDeferred?: boolean): Promise<void> => {
    dispose = new DiskSettingsFile(path, isDeferred).watch(recorder.record);
    await recorder.until(first);
  };
  const expectWithinASecond = async (text: string): Promise<void> => {
    const lastWrite = performance.now();
    const { at } = await recorder.until(text);
    expect(at - lastWrite).to.be.lessThan(IN_FORCE_WITHIN_MS);
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "settings-"));
    path = join(folder, "Presence.ini");
    recorder = new ContentRecorder();
    dispose = () => undefined;
  });
  afterEach(async () => {
    dispose();
    await rm(folder, { recursive: true, force: true });
  });

  for (const [method, save] of Object.entries(SAVE_METHODS)) {
    const moments = { "right after the start": 0, "after a while": 600 };
    for (const [moment, settleMs] of Object.entries(moments)) {
      it(`reports one edit within a second, saved ${moment}: ${method}`, async () => {
        await writeFile(path, OLD);
        await watch(OLD);
        await pause(settleMs);
        await save(path);
        await expectWithinASecond(NEW);
        await pause(500);
        expect(recorder.texts).to.deep.equal([OLD, NEW]);
      });
    }
  }

  for (const [method, save] of Object.entries(SAVE_METHODS)) {
    it(`reports no half of an edit at the start: ${method}`, async () => {
      await writeFile(path, OLD);
      const saved = save(path);
      // The time of the last write can be before the start, for example in units of two seconds.
      await pause(20);
      dispose = new DiskSettingsFile(path).watch(recorder.record);
      await saved;
      await expectWithinASecond(NEW);
      for (const text of recorder.texts) expect(text).to.be.oneOf([OLD, NEW, "absent"]);
    });
  }

  it("waits at the start for an empty file, whatever its time, but not for one that stays so", async () => {
    await writeFile(path, "");
    const then = new Date(2026, 0, 1);
    await utimes(path, then, then);
    dispose = new DiskSettingsFile(path).watch(recorder.record);
    await pause(150);
    await writeFile(path, NEW);
    await expectWithinASecond(NEW);
    expect(recorder.texts).to.deep.equal([NEW]);
    dispose();
    await writeFile(path, "");
    dispose = new DiskSettingsFile(path).watch(recorder.record);
    await expectWithinASecond("");
  });

  it("reports an old file at once", async () => {
    await writeFile(path, OLD);
    const then = new Date(Date.now() - 10_000);
    await utimes(path, then, then);
    const startedAt = performance.now();
    await watch(OLD);
    expect(recorder.received[0]!.at - startedAt).to.be.lessThan(300);
  });

  it("reports a file that never settles at the start after 2 s", async () => {
    // Without a file, its absence would be reported first.
    await writeFile(path, "n=-1\n");
    const writing = new AbortController();
    const written = (async () => {
      for (let n = 0; !writing.signal.aborted; n += 1) {
        await writeFile(path, `n=${n}\n`);
        await pause(100);
      }
    })();
    try {
      const startedAt = performance.now();
      dispose = new DiskSettingsFile(path).watch(recorder.record);
      await waitUntil(() => recorder.texts.length > 0, DEADLINE_MS);
      expect(performance.now() - startedAt).to.be.within(1_500, 3_000);
    } finally {
      writing.abort();
      await written;
    }
  });

  it("reports one edit within a second, saved by appending", async () => {
    await writeFile(path, OLD);
    await watch(OLD);
    await appendFile(path, "; one\r\n");
    await pause(200);
    await appendFile(path, "; two\r\n");
    await expectWithinASecond(`${OLD}; one\r\n; two\r\n`);
    expect(recorder.texts).to.have.length(2);
  });

  it("reports the last of a burst of writes", async () => {
    await writeFile(path, "n=0\n");
    await watch("n=0\n");
    for (let n = 1; n <= 50; n += 1) {
      await writeFile(path, `n=${n}\n`);
      if (n % 7 === 0) await pause(30);
    }
    await expectWithinASecond("n=50\n");
    await pause(600);
    expect(recorder.texts.at(-1)).to.equal("n=50\n");
    for (const text of recorder.texts) expect(text).to.match(/^n=\d+\n$/);
  });

  it("reports edits that follow each other with different delays", async () => {
    await writeFile(path, "n=-1\n");
    await watch("n=-1\n");
    for (let n = 0; n < 8; n += 1) {
      await pause(n * 60);
      await writeFile(path, `n=${n}\n`);
      await expectWithinASecond(`n=${n}\n`);
    }
  });

  it("reads the file again when only its bytes have changed, neither size nor time", async () => {
    const then = new Date(2026, 0, 1);
    await writeFile(path, "a=1\n");
    await utimes(path, then, then);
    await watch("a=1\n");
    await pause(500);
    await writeFile(path, "a=2\n");
    await utimes(path, then, then);
    await expectWithinASecond("a=2\n");
  });

  it("reports the bytes, whatever the encoding", async () => {
    await writeFile(path, Buffer.from("\ufeffa=é", "utf16le"));
    const expected = Buffer.from("\ufeffa=é", "utf16le").toString("latin1");
    await watch(expected);
    await writeFile(path, Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0x3d, 0xe9]));
    await recorder.until("\u00ef\u00bb\u00bfa=\u00e9");
  });

  it("reports the file again after its folder, and the parent folder, came back", async function () {
    skipUnderWine(this, "Wine shows a deleted folder as being there for as long as it is watched");
    path = join(folder, "Apps", "Presence", "Presence.ini");
    await watch("absent");
    for (const text of ["a=1\n", "a=2\n"]) {
      await mkdir(dirname(path), { recursive: true });
      await pause(300);
      await writeFile(path, text);
      await expectWithinASecond(text);
      await writeFile(path, `${text}; edited`);
      await expectWithinASecond(`${text}; edited`);
      // Windows removes a watched folder when its watch closes, and until then not the parent.
      await rm(join(folder, "Apps"), { recursive: true, maxRetries: 20, retryDelay: 20 });
      await recorder.until("absent");
    }
    expect(recorder.texts).to.deep.equal([
      "absent",
      "a=1\n",
      "a=1\n; edited",
      "absent",
      "a=2\n",
      "a=2\n; edited",
      "absent",
    ]);
  });

  it("reports the file of a folder that replaces the renamed one", async () => {
    path = join(folder, "Settings", "Presence.ini");
    await mkdir(dirname(path));
    await writeFile(path, "a=1\n");
    await watch("a=1\n");
    await pause(300);
    await mkdir(join(folder, "Next"));
    await writeFile(join(folder, "Next", "Presence.ini"), "a=2\n");
    await rename(join(folder, "Settings"), join(folder, "Before"));
    await rename(join(folder, "Next"), join(folder, "Settings"));
    await expectWithinASecond("a=2\n");
    await writeFile(path, "a=3\n");
    await expectWithinASecond("a=3\n");
  });

  it("follows a symbolic link to its current target", async function () {
    requireSymlinks(this);
    const real = join(folder, "elsewhere", "real.ini");
    await mkdir(dirname(real));
    await writeFile(real, "a=1\n");
    await symlink(real, path);
    await watch("a=1\n");
    await pause(300);
    await writeFile(real, "a=2\n");
    await expectWithinASecond("a=2\n");
    await writeFile(`${real}.2`, "a=3\n");
    await symlink(`${real}.2`, `${path}.new`);
    await rename(`${path}.new`, path);
    await expectWithinASecond("a=3\n");
  });

  it("reports a folder and a file above 1 MB as unreadable, and the file once it is repaired", async () => {
    await mkdir(path);
    await watch("unreadable: it is a folder");
    await rm(path, { recursive: true });
    await writeFile(path, "");
    await truncate(path, 1024 * 1024 + 1);
    await recorder.until("unreadable: it is larger than 1 MB");
    const largest = ";".repeat(1024 * 1024);
    await writeFile(path, largest);
    await expectWithinASecond(largest);
  });

  it("reports the file as absent if its folder is a file", async () => {
    await writeFile(join(folder, "file"), "");
    path = join(folder, "file", "Presence.ini");
    await watch("absent");
  });

  it("ignores changes of other files in the folder", async () => {
    await writeFile(path, OLD);
    await watch(OLD);
    for (let n = 0; n < 20; n += 1) {
      await writeFile(join(folder, `Other${n}.ini`), OLD);
      await pause(20);
    }
    await writeFile(path, NEW);
    await expectWithinASecond(NEW);
    expect(recorder.texts).to.deep.equal([OLD, NEW]);
  });

  describe("with a program that acts at the moment of the read", () => {
    let accesses: AccessRecorder;

    beforeEach(async () => {
      await writeFile(path, OLD);
      accesses = recordAccesses(path);
      await watch(OLD);
    });
    afterEach(() => accesses.restore());

    /** Edits the file, calls `act` when it is opened for the first time, and writes it again. */
    const editDuring = async (act: () => void): Promise<void> => {
      const opened = new Promise<void>((resolve) => {
        accesses.onOpen = () => {
          accesses.onOpen = () => undefined;
          act();
          resolve();
        };
      });
      await writeFile(path, settingsText("overwritten"));
      await opened;
      await pause(100);
      await writeFile(path, NEW);
      await recorder.until(NEW);
      expect(recorder.texts).to.deep.equal([OLD, NEW]);
    };

    it("reports nothing of a file that is emptied then", () =>
      editDuring(() => fs.writeFileSync(path, "")));

    it("reports nothing of a file that grows then", () =>
      editDuring(() => fs.appendFileSync(path, "; more")));

    it("reports nothing of a file that is deleted then", () => editDuring(() => fs.rmSync(path)));

    it("leaves no file open", async () => {
      await writeFile(path, NEW);
      await recorder.until(NEW);
      expect(accesses.handles.length).to.be.greaterThan(0);
      for (const { fd } of accesses.handles) expect(fd).to.equal(-1);
    });

    it("tries again, without a report, if the file is locked for a moment", async () => {
      let refusals = 0;
      accesses.onOpen = () => {
        refusals += 1;
        if (refusals < 4) throw Object.assign(new Error("locked"), { code: "EBUSY" });
      };
      await writeFile(path, NEW);
      await recorder.until(NEW);
      expect(recorder.texts).to.deep.equal([OLD, NEW]);
      expect(refusals).to.equal(4);
    });

    it("reports that the file is locked after four attempts, and the file later", async () => {
      accesses.opened.length = 0;
      accesses.onOpen = () => {
        throw Object.assign(new Error("locked"), { code: "EBUSY" });
      };
      await writeFile(path, NEW);
      const report = "unreadable: another program keeps it locked";
      await recorder.until(report);
      expect(accesses.opened.length).to.equal(4);
      accesses.onOpen = () => undefined;
      await recorder.until(NEW);
      expect(recorder.texts).to.deep.equal([OLD, report, NEW]);
    });
  });

  describe("as on Windows, where a file that is open cannot be replaced", () => {
    // On Windows itself, the tests above do the same.
    const methods = process.platform === "win32" ? {} : SAVE_METHODS;
    for (const [method, save] of Object.entries(methods)) {
      it(`reports one edit within a second: ${method}`, async () => {
        await writeFile(path, OLD);
        await watch(OLD, true);
        await pause(600);
        await save(path);
        await expectWithinASecond(NEW);
        await pause(500);
        expect(recorder.texts).to.deep.equal([OLD, NEW]);
      });
    }

    it("reports an edit within a second that causes no event in the folder", async function () {
      requireSymlinks(this);
      const real = join(folder, "elsewhere", "real.ini");
      await mkdir(dirname(real));
      await writeFile(real, "a=1\n");
      await symlink(real, path);
      await watch("a=1\n", true);
      for (const text of ["a=2\n", "a=3\n; longer\n"]) {
        await pause(450);
        await writeFile(real, text);
        await expectWithinASecond(text);
      }
    });

    it("reports an edit within a second while other files of the folder keep changing", async () => {
      await writeFile(path, OLD);
      await watch(OLD, true);
      const writing = new AbortController();
      const written = (async () => {
        for (let n = 0; !writing.signal.aborted; n += 1) {
          await writeFile(join(folder, "other.log"), `${n}`);
          await pause(30);
        }
      })();
      try {
        await pause(300);
        await writeFile(path, NEW);
        await expectWithinASecond(NEW);
      } finally {
        writing.abort();
        await written;
      }
    });

    // Windows names no file when more has happened in the folder than its buffer holds.
    it("reports an edit within a second while the system keeps losing events", async () => {
      await writeFile(path, OLD);
      const watchStub = sinon.stub(fs, "watch");
      let onEvent: (event: string, name: string | null) => void = () => undefined;
      watchStub.callsFake(((_folder: string, listener: typeof onEvent) => {
        onEvent = listener;
        return Object.assign(new EventEmitter(), { close: () => undefined });
      }) as never);
      syncBuiltinESMExports();
      const losing = setInterval(() => onEvent("change", null), 150);
      try {
        await watch(OLD, true);
        await waitUntil(() => watchStub.called);
        await pause(500);
        await writeFile(path, NEW);
        await expectWithinASecond(NEW);
      } finally {
        clearInterval(losing);
        watchStub.restore();
        syncBuiltinESMExports();
      }
    });

    it("reports an edit without an event within a second while other files keep changing", async function () {
      requireSymlinks(this);
      const real = join(folder, "elsewhere", "real.ini");
      await mkdir(dirname(real));
      await writeFile(real, "a=0\n");
      await symlink(real, path);
      await watch("a=0\n", true);
      const other = await open(join(folder, "other.log"), "a");
      const writing = setInterval(() => void other.write("x\n"), 10);
      const accesses = recordAccesses(path);
      try {
        await pause(500);
        for (let n = 1; n <= 3; n += 1) {
          // The longest wait is that of an edit right after a look.
          const looks = accesses.all.length;
          await waitUntil(() => accesses.all.length > looks);
          await writeFile(real, `a=${n}\n`);
          await expectWithinASecond(`a=${n}\n`);
        }
      } finally {
        accesses.restore();
        clearInterval(writing);
        await pause(20);
        await other.close();
      }
    });

    it("opens the file only once nothing in the folder has changed for a while", async () => {
      await writeFile(path, OLD);
      const accesses = recordAccesses(path);
      try {
        await watch(OLD, true);
        // The folder is watched after the first check.
        await pause(200);
        accesses.all.length = 0;
        const changes = [performance.now()];
        for (let n = 0; n < 12; n += 1) {
          await writeFile(`${path}.tmp`, settingsText(`${n}`));
          changes.push(performance.now());
          // Some saves begin before, and end after, the moment at which the previous has settled.
          await pause(n % 2 === 0 ? 20 : 100);
          await rename(`${path}.tmp`, path);
          changes.push(performance.now());
          await pause(120);
        }
        const savedAt = performance.now();
        // On a busy machine, the pauses are longer than those of a program.
        const isLong = changes.some((at, index) => (changes[index + 1] ?? savedAt) - at > 180);
        if (!isLong) expect(accesses.all).to.deep.equal([]);
        accesses.all.length = 0;
        await recorder.until(settingsText("11"));
        expect(accesses.all[0]! - savedAt).to.be.at.least(70);
        // Two looks, and a read with a look behind it.
        expect(accesses.all.length).to.equal(4);
      } finally {
        accesses.restore();
      }
    });

    it("does not read again and again where each read causes an event", async () => {
      await writeFile(path, OLD);
      const accesses = recordAccesses(path);
      const watchStub = sinon.stub(fs, "watch");
      let onEvent: (event: string, name: string) => void = () => undefined;
      watchStub.callsFake(((_folder: string, listener: typeof onEvent) => {
        onEvent = listener;
        return Object.assign(new EventEmitter(), { close: () => undefined });
      }) as never);
      syncBuiltinESMExports();
      try {
        await watch(OLD, true);
        await waitUntil(() => watchStub.called);
        accesses.opened.length = 0;
        accesses.onOpen = () => onEvent("change", "Presence.ini");
        onEvent("change", "Presence.ini");
        await waitUntil(() => accesses.opened.length >= 3);
        // Longer than from one read to the next.
        await pause(1_000);
        expect(accesses.opened.length).to.equal(3);
      } finally {
        watchStub.restore();
        accesses.restore();
      }
    });
  });

  it("reports the file before chokidar is loaded, and lets the process end after the disposer", async () => {
    await writeFile(path, OLD);
    const adapter = new URL("../../src/platform/settings-file.js", import.meta.url);
    const script = `
      import { DiskSettingsFile } from ${JSON.stringify(pathToFileURL(fileURLToPath(adapter)).href)};
      const dispose = new DiskSettingsFile(process.argv[1]).watch(({ kind }) => {
        process.stdout.write(kind);
        setTimeout(dispose, 500);
      });`;
    const args = ["--input-type=module", "-e", script, path];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 5000 });
    expect(stdout).to.equal("content");
    const source = await readFile(fileURLToPath(adapter), "utf8");
    expect(source).not.to.match(/^import .*chokidar/m);
  });
});

interface AccessRecorder {
  /** When the file was opened or looked at. */
  readonly all: number[];
  readonly opened: number[];
  readonly handles: fs.promises.FileHandle[];
  onOpen: () => void;
  restore(): void;
}

/** Records every access of this process to a file, since each of them opens the file on Windows. */
function recordAccesses(path: string): AccessRecorder {
  const real = { open: fs.promises.open, stat: fs.promises.stat };
  const recorder: AccessRecorder = {
    all: [],
    opened: [],
    handles: [],
    onOpen: () => undefined,
    restore: () => {
      Object.assign(fs.promises, real);
      syncBuiltinESMExports();
    },
  };
  const note = (accessed: unknown): boolean => {
    const isPath = accessed === path;
    if (isPath) recorder.all.push(performance.now());
    return isPath;
  };
  fs.promises.stat = ((...args: Parameters<typeof real.stat>) => {
    note(args[0]);
    return real.stat(...args);
  }) as typeof real.stat;
  fs.promises.open = async (...args) => {
    if (!note(args[0])) return real.open(...args);
    recorder.opened.push(performance.now());
    recorder.onOpen();
    const handle = await real.open(...args);
    recorder.handles.push(handle);
    return handle;
  };
  syncBuiltinESMExports();
  return recorder;
}
