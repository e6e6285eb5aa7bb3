import { setTimeout as pause } from "node:timers/promises";

import { expect } from "chai";

import type { Disposer } from "../../src/faults/emitter.js";
import type { FileContent, SettingsFile } from "../../src/ports/settings-file.js";
import { waitUntil } from "./clock-fake.js";

/** `makeUnreadable` puts something at the path that is not a readable file. */
export interface SettingsFileHarness {
  readonly file: SettingsFile;
  write(text: string): Promise<void>;
  remove(): Promise<void>;
  makeUnreadable(): Promise<void>;
  dispose(): Promise<void>;
}

const DEADLINE_MS = 3000;
/** Longer than it takes any edit to settle. */
const SILENCE_MS = 1200;

export function settingsFileContract(name: string, make: () => Promise<SettingsFileHarness>): void {
  describe(`SettingsFile contract: ${name}`, function () {
    this.timeout(20_000);
    let harness: SettingsFileHarness;
    let contents: string[];
    let disposers: Disposer[];

    const listen = (): void => {
      disposers.push(harness.file.watch((content) => contents.push(describeContent(content))));
    };
    const next = async (count: number): Promise<string[]> => {
      const describe = () => contents.join();
      await waitUntil(() => contents.length >= count, DEADLINE_MS, describe);
      return contents;
    };
    const silence = () => pause(SILENCE_MS);

    beforeEach(async () => {
      harness = await make();
      contents = [];
      disposers = [];
    });
    afterEach(async () => {
      for (const dispose of disposers) dispose();
      await harness.dispose();
    });

    it("reports the content at once, but not within the call", async () => {
      await harness.write("a=1");
      listen();
      expect(contents).to.deep.equal([]);
      expect(await next(1)).to.deep.equal(["content a=1"]);
    });

    it("reports an absent file, and its content once it exists", async () => {
      listen();
      expect(await next(1)).to.deep.equal(["absent"]);
      await harness.write("a=1");
      expect(await next(2)).to.deep.equal(["absent", "content a=1"]);
    });

    it("reports each edit, the removal and the return of the file", async () => {
      await harness.write("a=1");
      listen();
      await next(1);
      await harness.write("a=2");
      await next(2);
      await harness.remove();
      await next(3);
      await harness.write("a=3");
      expect(await next(4)).to.deep.equal(["content a=1", "content a=2", "absent", "content a=3"]);
    });

    it("reports why the file cannot be read, and its content once it can", async () => {
      await harness.write("a=1");
      listen();
      await next(1);
      await harness.makeUnreadable();
      await next(2);
      await harness.remove();
      await harness.write("a=2");
      const all = await next(3);
      expect(all[1]).to.match(/^unreadable ..+/);
      expect(all.at(-1)).to.equal("content a=2");
    });

    it("does not report the same content twice", async () => {
      await harness.write("a=1");
      listen();
      await next(1);
      await harness.write("a=1");
      await silence();
      expect(contents).to.deep.equal(["content a=1"]);
    });

    it("reports nothing after the disposer was called", async () => {
      await harness.write("a=1");
      listen();
      disposers.forEach((dispose) => dispose());
      await silence();
      expect(contents).to.deep.equal([]);
      listen();
      await next(1);
      disposers.forEach((dispose) => dispose());
      await harness.write("a=2");
      await silence();
      expect(contents).to.deep.equal(["content a=1"]);
    });

    it("serves two independent listeners", async () => {
      await harness.write("a=1");
      listen();
      listen();
      await next(2);
      disposers[0]!();
      await harness.write("a=2");
      expect(await next(3)).to.deep.equal(["content a=1", "content a=1", "content a=2"]);
    });
  });
}

function describeContent(content: FileContent): string {
  if (content.kind === "content") return `content ${Buffer.from(content.bytes).toString("utf8")}`;
  return content.kind === "unreadable" ? `unreadable ${content.reason}` : "absent";
}
