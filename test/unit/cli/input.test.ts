import { PassThrough } from "node:stream";
import { expect } from "chai";

import { readClient } from "../../../src/cli/secret.js";
import { readGrant } from "../../../src/cli/import.js";
import { CommandInput, UsageError } from "../../../src/cli/terminal/input.js";
import { Fault } from "../../../src/faults/fault.js";

function piped(text: string, signal = new AbortController().signal): CommandInput {
  const stream = new PassThrough();
  stream.end(text);
  return new CommandInput(stream as unknown as NodeJS.ReadStream, new PassThrough(), signal);
}

async function catchError(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("cli/terminal/input from a pipe", () => {
  it("reads lines with any line ending, without a byte order mark", async () => {
    expect(await piped("\ufeffid\r\nsecret\r\n").readLines(2)).to.deep.equal(["id", "secret"]);
    expect(await piped("id\nsecret").readLines(2)).to.deep.equal(["id", "secret"]);
    expect(await piped("id").readLines(2)).to.deep.equal(["id"]);
    expect(await piped("").readLines(2)).to.deep.equal([]);
    expect(await piped("\n").readLines(1)).to.deep.equal([""]);
  });

  it("does not wait for the end once it has enough lines", async () => {
    const stream = new PassThrough();
    const input = new CommandInput(
      stream as unknown as NodeJS.ReadStream,
      new PassThrough(),
      new AbortController().signal,
    );
    stream.write("id\nsecret\n");
    expect(await input.readLines(2)).to.deep.equal(["id", "secret"]);
  });

  it("limits the length, and is cancelled with the command", async () => {
    expect(await catchError(() => piped("x".repeat(70_000)).readAll())).to.be.instanceOf(
      UsageError,
    );
    const abort = new AbortController();
    const stream = new PassThrough();
    const reading = new CommandInput(
      stream as unknown as NodeJS.ReadStream,
      new PassThrough(),
      abort.signal,
    ).readAll();
    abort.abort();
    expect(await catchError(() => reading))
      .to.be.instanceOf(Fault)
      .and.to.include({ code: "cancelled" });
  });
});

describe("cli/secret readClient", () => {
  it("reads two lines and trims them", async () => {
    const client = await readClient(piped(" id \nsecret \n"), null);
    expect(client?.clientId).to.equal("id");
    expect(client?.clientSecret.reveal()).to.equal("secret");
  });

  it("keeps the stored client if stdin is empty or contains only its ID", async () => {
    expect(await readClient(piped(""), { clientId: "id" })).to.equal(null);
    expect(await readClient(piped("id\n"), { clientId: "id" })).to.equal(null);
  });

  it("rejects half a client without repeating it", async () => {
    for (const [text, stored] of [
      ["", null],
      ["hush\n", null],
      ["\nhush\n", { clientId: "id" }],
      ["other\n", { clientId: "id" }],
    ] as const) {
      const error = await catchError(() => readClient(piped(text), stored));
      expect(error).to.be.instanceOf(UsageError);
      expect((error as UsageError).message).to.not.include("hush");
    }
  });
});

describe("cli/import readGrant", () => {
  it("parses the parameters of authorization/import", () => {
    const grant = readGrant(
      '{"refreshToken":"r","accessToken":"a","expiresIn":5,"scope":"x y","orgId":"ignored"}',
    );
    expect(grant.refreshToken.reveal()).to.equal("r");
    expect(grant.accessToken?.reveal()).to.equal("a");
    expect(grant).to.include({ expiresIn: 5, refreshTokenExpiresIn: null, scope: "x y" });
  });

  it("names what is invalid without repeating it", async () => {
    for (const [text, fragment] of [
      [" ", "contains no grant"],
      ["{hush", "not valid JSON"],
      ["[]", "object"],
      ['{"refreshToken":""}', "refreshToken"],
      ['{"refreshToken":"r","expiresIn":"hush"}', "expiresIn"],
    ] as const) {
      const error = (await catchError(() => readGrant(text))) as UsageError;
      expect(error).to.be.instanceOf(UsageError);
      expect(error.message).to.include(fragment);
      expect(error.message).to.not.include("hush");
    }
  });
});
