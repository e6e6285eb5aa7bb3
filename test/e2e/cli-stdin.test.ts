import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { CliHarness } from "../support/cli-harness.js";

const utf16le = (text: string): Buffer => Buffer.from(text, "utf16le");

/** What programs write for a text, by the name of the program. */
const WRITERS: Readonly<Record<string, (text: string) => Buffer>> = {
  "PowerShell's redirection": (text) => utf16le(`\ufeff${text}\r\n`),
  "PowerShell 7": (text) => Buffer.from(`${text}\r\n`),
  "a program that writes a UTF-8 byte order mark": (text) => Buffer.from(`\ufeff${text}\n`),
  "cmd /u": (text) => utf16le(`${text}\r\n`),
  "a program that writes UTF-16BE": (text) => utf16le(`\ufeff${text}\n\n`).swap16(),
};

describe("e2e: what the command line reads from stdin", function () {
  this.timeout(30_000);
  let harness: CliHarness;
  let folder: string;

  before(async () => {
    harness = await CliHarness.start(process.env);
    folder = await mkdtemp(join(tmpdir(), "ucx-stdin-"));
    await writeFile(join(folder, "Presence.ini"), "");
  });
  after(async () => {
    await harness.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (command: string, input: Buffer) => {
    const options = ["--settings", harness.settingsPath, "--secret-store", "memory", "--json"];
    const result = spawnSync(
      process.execPath,
      ["dist/cli.cjs", ...command.split(" "), ...options],
      {
        encoding: "utf8",
        env: harness.env,
        input,
      },
    );
    return { code: result.status, stdout: result.stdout, stderr: result.stderr };
  };

  for (const [writer, write] of Object.entries(WRITERS)) {
    it(`stores a client and a password from ${writer}`, () => {
      const client = run("secret client", write("\r\nC0ffee\r\n\r\nplanted-secret"));
      expect(client.code, client.stderr).to.equal(0);
      expect(JSON.parse(client.stdout)).to.include({ clientId: "C0ffee", changed: true });
      const proxy = run("secret proxy", write("\r\npässword"));
      expect(proxy.code, proxy.stderr).to.equal(0);
      expect(JSON.parse(proxy.stdout)).to.include({ proxyPassword: "kept" });
    });
  }

  it("reads a grant that PowerShell has redirected", () => {
    const { code, stdout } = run("import", utf16le('\ufeff{"refreshToken":"planted-secret"}\r\n'));
    // The grant was understood: what is missing is the client.
    expect(code).to.equal(1);
    expect((JSON.parse(stdout) as { error: { code: string } }).error.code).to.equal(
      "clientNotConfigured",
    );
  });

  for (const [what, command, input] of [
    ["a client secret with a NUL", "secret client", Buffer.from("id\nplanted-\0secret\n")],
    ["a client secret in Windows-1252", "secret client", Buffer.from("id\nplanted-é\n", "latin1")],
    ["a client ID in quotation marks", "secret client", Buffer.from('"planted-id"\nsecret\n')],
    ["a client ID alone", "secret client", Buffer.from("planted-id\n\n")],
    ["a third line", "secret client", Buffer.from("planted-id\nplanted-secret\nplanted\n")],
    ["a second password", "secret proxy", Buffer.from("\nplanted\nplanted\n")],
    ["a password in Windows-1252", "secret proxy", Buffer.from("planted-é\n", "latin1")],
    ["a password with an escape sequence", "secret proxy", Buffer.from("planted-\u001b[A\n")],
    ["a grant in Windows-1252", "import", Buffer.from('{"refreshToken":"planted-é"}', "latin1")],
    ["a token with a NUL", "import", Buffer.from('{"refreshToken":"planted-\\u0000"}')],
  ] as const) {
    it(`refuses ${what}, and does not repeat it`, () => {
      const { code, stdout, stderr } = run(command, input);
      expect(code).to.equal(2);
      expect(stdout).to.equal("");
      expect(stderr)
        .to.match(/Error: (The |Stdin )/)
        .and.not.include("planted");
    });
  }
});
