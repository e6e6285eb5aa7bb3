import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { nodePollRequestFile, requestPoll } from "../../../src/platform/poll-request-file.js";
import { requireSymlinks } from "../../support/windows-fixture.js";

describe("platform/poll-request-file", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-poll-"));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("is taken once for each request, and leaves nothing behind", async () => {
    const file = nodePollRequestFile(folder);
    expect(await file.take()).to.equal(false);
    await requestPoll(folder);
    await requestPoll(folder);
    if (process.platform !== "win32")
      expect((await stat(join(folder, "poll.request"))).mode & 0o777).to.equal(0o600);
    expect(await file.take()).to.equal(true);
    expect(await file.take()).to.equal(false);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it("is taken by one worker only, except by several at the same moment on Windows", async () => {
    await requestPoll(folder);
    const workers = Array.from({ length: 5 }, () => nodePollRequestFile(folder));
    const taken = await Promise.all(workers.map((file) => file.take()));
    // Windows can let several processes delete the same file at the same moment, and Wine does.
    const most = process.platform === "win32" ? workers.length : 1;
    expect(taken.filter(Boolean).length).to.be.within(1, most);
    expect(await nodePollRequestFile(folder).take()).to.equal(false);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it("is not there without the folder, and if something else has its name", async () => {
    expect(await nodePollRequestFile(join(folder, "missing")).take()).to.equal(false);
    await mkdir(join(folder, "poll.request"));
    expect(await nodePollRequestFile(folder).take()).to.equal(false);
    expect(await requestPoll(folder).catch((error: unknown) => error)).to.be.instanceOf(Error);
  });

  it("deletes a link, and not what it points to", async function () {
    requireSymlinks(this);
    const target = join(folder, "target");
    await writeFile(target, "content");
    await symlink(target, join(folder, "poll.request"));
    expect(await nodePollRequestFile(folder).take()).to.equal(true);
    expect((await stat(target)).size).to.equal(7);
  });
});
