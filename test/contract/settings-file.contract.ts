import { expect } from "chai";

import type { Disposer } from "../../src/faults/emitter.js";
import type { FileContent, SettingsFile } from "../../src/ports/settings-file.js";

/** What a suite needs to play the administrator. `obstruct` puts something there that is no readable file. */
export interface SettingsFileSetting {
  readonly file: SettingsFile;
  put(text: string): Promise<void>;
  remove(): Promise<void>;
  obstruct(): Promise<void>;
  dispose(): Promise<void>;
}

const DEADLINE_MS = 3000;
/** Longer than any settling: what has not come by then does not come. */
const SILENCE_MS = 1200;

/** What every SettingsFile does, whatever it is made of. */
export function settingsFileContract(name: string, make: () => Promise<SettingsFileSetting>): void {
  describe(`${name} as a SettingsFile`, () => {
    let setting: SettingsFileSetting;
    let told: string[];
    let wake: () => void = () => undefined;
    let disposers: Disposer[];

    const listen = (): void => {
      disposers.push(
        setting.file.watch((content) => {
          told.push(inWords(content));
          wake();
        }),
      );
    };
    const next = async (count: number): Promise<string[]> => {
      const deadline = Date.now() + DEADLINE_MS;
      while (told.length < count && Date.now() < deadline) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, deadline - Date.now());
        });
      }
      return told;
    };
    const silence = () => new Promise((resolve) => setTimeout(resolve, SILENCE_MS));

    beforeEach(async () => {
      setting = await make();
      told = [];
      disposers = [];
    });
    afterEach(async () => {
      for (const dispose of disposers) dispose();
      await setting.dispose();
    });

    it("tells what is there at once, but not within the call", async () => {
      await setting.put("a=1");
      listen();
      expect(told).to.deep.equal([]);
      expect(await next(1)).to.deep.equal(["content a=1"]);
    });

    it("tells that there is nothing, and what comes later", async () => {
      listen();
      expect(await next(1)).to.deep.equal(["absent"]);
      await setting.put("a=1");
      expect(await next(2)).to.deep.equal(["absent", "content a=1"]);
    });

    it("tells each edit, a removal and a return", async () => {
      await setting.put("a=1");
      listen();
      await next(1);
      await setting.put("a=2");
      await next(2);
      await setting.remove();
      await next(3);
      await setting.put("a=3");
      expect(await next(4)).to.deep.equal(["content a=1", "content a=2", "absent", "content a=3"]);
    });

    it("tells why it cannot be read, and what is there once it can", async () => {
      await setting.put("a=1");
      listen();
      await next(1);
      await setting.obstruct();
      await next(2);
      await setting.remove();
      await setting.put("a=2");
      const all = await next(3);
      expect(all[1]).to.match(/^unreadable ..+/);
      expect(all.at(-1)).to.equal("content a=2");
    });

    it("does not tell the same twice", async () => {
      await setting.put("a=1");
      listen();
      await next(1);
      await setting.put("a=1");
      await silence();
      expect(told).to.deep.equal(["content a=1"]);
    });

    it("tells nothing once disposed of, whenever that was", async () => {
      await setting.put("a=1");
      listen();
      disposers.forEach((dispose) => dispose());
      await silence();
      expect(told).to.deep.equal([]);
      listen();
      await next(1);
      disposers.forEach((dispose) => dispose());
      await setting.put("a=2");
      await silence();
      expect(told).to.deep.equal(["content a=1"]);
    });

    it("serves two listeners that do not disturb each other", async () => {
      await setting.put("a=1");
      listen();
      listen();
      await next(2);
      disposers[0]!();
      await setting.put("a=2");
      expect(await next(3)).to.deep.equal(["content a=1", "content a=1", "content a=2"]);
    });
  });
}

function inWords(content: FileContent): string {
  if (content.kind === "content") return `content ${Buffer.from(content.bytes).toString("utf8")}`;
  return content.kind === "unreadable" ? `unreadable ${content.reason}` : "absent";
}
