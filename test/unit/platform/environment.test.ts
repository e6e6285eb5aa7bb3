import { expect } from "chai";

import { sanitizeEnvironment } from "../../../src/platform/environment.js";

describe("platform/environment", () => {
  const noticesOf = (env: NodeJS.ProcessEnv, execArgv: string[] = []): string[] =>
    sanitizeEnvironment(env, execArgv).map(({ level, message }) => `${level} ${message}`);

  it("says nothing about an ordinary environment, and leaves it alone", () => {
    const env = {
      PATH: "/bin",
      DEBUG: "",
      HTTPS_PROXY: "http://user:password@proxy:1",
      NODE_EXTRA_CA_CERTS: "/ca.pem",
      NODE_OPTIONS: "--max-old-space-size=512 --use-openssl-ca --enable-source-maps",
      UV_THREADPOOL_SIZE: "16",
    };
    const { DEBUG: _empty, ...kept } = env;
    expect(noticesOf(env, ["--enable-source-maps"])).to.deep.equal([]);
    expect(env).to.deep.equal(kept);
  });

  it("removes variables of other programs that bundled libraries read", () => {
    const env = {
      DEBUG: "*",
      CHOKIDAR_USEPOLLING: "1",
      CHOKIDAR_INTERVAL: "60000",
      READABLE_STREAM: "disable",
    };
    const names = Object.keys(env);
    const notices = noticesOf(env);
    expect(env).to.deep.equal({});
    expect(notices).to.have.length(names.length);
    for (const name of names)
      expect(notices.join("\n")).to.match(new RegExp(`^info .*environment variable ${name},`, "m"));
  });

  it("gives libuv its usual number of threads at least", () => {
    for (const [size, expected] of [
      ["1", "4"],
      ["0", "4"],
      ["-1", "4"],
      ["8", "8"],
      ["many", "many"],
    ] as const) {
      const env = { UV_THREADPOOL_SIZE: size };
      sanitizeEnvironment(env, []);
      expect(env.UV_THREADPOOL_SIZE).to.equal(expected);
    }
  });

  for (const option of [
    "--inspect",
    "--inspect=0.0.0.0:9229",
    "--inspect-brk",
    "--inspect_wait=0",
    "-r",
    "--require",
    "--import",
    "--loader=x.mjs",
    "--experimental-loader",
    "--tls-keylog=/secret-path",
    "--tls-min-v1.0",
    "--tls_min_v1.1",
    "--tls-cipher-list=ALL",
    "--openssl-legacy-provider",
    "--openssl-config=/secret-path",
    "--insecure-http-parser",
    "--heapsnapshot-signal=SIGUSR2",
    "--heapsnapshot-near-heap-limit=3",
    "--report-on-signal",
    "--report-uncaught-exception",
    "--report-on-fatalerror",
    "--abort-on-uncaught-exception",
    "--heap-prof",
    "--cpu-prof",
    "--prof",
    "--trace-event-categories=node",
    "--trace-events-enabled",
    "--trace-tls",
  ]) {
    it(`warns once of ${option}, from either source, without its value`, () => {
      const name = option.replace(/=.*/, "").replaceAll("_", "-");
      const NODE_OPTIONS = `--max-old-space-size=100  "${option}" ${option}`;
      for (const notices of [noticesOf({ NODE_OPTIONS }), noticesOf({}, [option, "value"])]) {
        expect(notices).to.have.length(1);
        expect(notices[0]).to.match(new RegExp(`^warn .* contains ${name}, which`));
        expect(notices[0]).to.not.match(/secret-path|SIGUSR2|0\.0\.0\.0/);
      }
    });
  }

  it("does not take a value for an option, or a harmless option for a risky one", () => {
    const harmless =
      "--inspect-port=1 --inspect-publish-uid=http --tls-min-v1.2 --report-dir=x --cpu-prof-dir=x";
    expect(noticesOf({ NODE_OPTIONS: harmless })).to.deep.equal([]);
  });
});
