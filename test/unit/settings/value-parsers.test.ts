import { expect } from "chai";

import { readIniLine } from "../../../src/platform/ini-line.js";
import { defaultSettings, type Settings } from "../../../src/settings/keys.js";
import { parseSettings } from "../../../src/settings/parse.js";

const read = (line: string) => parseSettings(`WebexPresence.${line}`, readIniLine, defaultSettings);

/** Each value is taken as `value`. */
function accepts<F extends keyof Settings>(
  key: string,
  field: F,
  cases: readonly (readonly [string, Settings[F]])[],
): void {
  for (const [text, value] of cases) {
    it(`${key}=${text} is ${JSON.stringify(value)}`, () => {
      const { settings, problems } = read(`${key}=${text}`);
      expect(problems).to.deep.equal([]);
      expect(settings[field]).to.deep.equal(value);
    });
  }
}

function rejects(key: string, texts: readonly string[], message: RegExp): void {
  for (const text of texts) {
    it(`${key}=${text} is rejected`, () => {
      const { settings, problems } = read(`${key}=${text}`);
      expect(settings).to.deep.equal(defaultSettings);
      expect(problems).to.have.length(1);
      expect(problems[0]!.key).to.equal(`WebexPresence.${key}`);
      expect(problems[0]!.message).to.match(message);
      expect(problems[0]!.hint).to.match(/\w.*/);
    });
  }
}

describe("Setting values", () => {
  for (const text of ["1", "true", "True", "TRUE", "yes", "on", "ON", '"1"', "'on'", "'1' ; on"])
    accepts("Enable", "enable", [[text, true]]);
  for (const text of ["0", "false", "False", "no", "NO", "off", '"false"'])
    accepts("Enable", "enable", [[text, false]]);
  rejects(
    "Enable",
    ["", "2", "01", "enabled", "null", "-1", "1.0", "ja", "\\"],
    /is neither 0 nor 1; it stays 0/,
  );

  accepts("PollIntervalSeconds", "pollIntervalSeconds", [
    ["5", 5],
    ["3600", 3600],
    ["0020", 20],
    ['"30"', 30],
  ]);
  rejects(
    "PollIntervalSeconds",
    [
      "4",
      "3601",
      "",
      "-5",
      "+5",
      "5.0",
      "0x10",
      "1e2",
      "5 s",
      "٥",
      "true",
      "Infinity",
      "9".repeat(400),
    ],
    /5 to 3600; it stays 20/,
  );
  accepts("RequestsPerMinute", "requestsPerMinute", [
    ["1", 1],
    ["600", 600],
  ]);
  rejects("RequestsPerMinute", ["0", "601"], /1 to 600; it stays 60/);
  accepts("StaleAfterSeconds", "staleAfterSeconds", [
    ["30", 30],
    ["86400", 86400],
  ]);
  rejects("StaleAfterSeconds", ["29", "86401"], /30 to 86400; it stays 180/);
  accepts("RedirectPort", "redirectPort", [
    ["1024", 1024],
    ["65535", 65535],
  ]);
  rejects("RedirectPort", ["1023", "65536"], /1024 to 65535; it stays 8467/);

  accepts("DashboardPort", "dashboardPort", [
    ["0", 0],
    ["00", 0],
    ["1024", 1024],
    ["65535", 65535],
  ]);
  rejects("DashboardPort", ["1", "1023", "65536", "off", ""], /nor .*1024 to 65535; it stays 0/);

  accepts("ClientId", "clientId", [
    ["", null],
    ["C123", "C123"],
    ["true", "true"],
    ['"a;b"', "a;b"],
  ]);
  rejects("ClientId", ["Cé123"], /contains a character that is not ASCII.*; it stays empty/);
  rejects("ClientId", ["C\u00071"], /contains a control character/);
  rejects("ClientId", ["\u201cC123\u201d"], /not ASCII/);
  rejects("ClientId", ["Client ID: C123"], /contains a space/);
  accepts("CaFile", "caFile", [
    ["", null],
    ["/etc/ssl/ca.pem", "/etc/ssl/ca.pem"],
    ["/etc/ssl/ca.pem ; of the proxy", "/etc/ssl/ca.pem"],
    ["'/etc/ssl/ca.pem' ; of the proxy", "/etc/ssl/ca.pem"],
    ['"/etc/#1/a;b.pem" # of the "proxy"', "/etc/#1/a;b.pem"],
    ["'/etc/it''s.pem'", "/etc/it''s.pem"],
    ["true", "true"],
    ["'5'", "5"],
  ]);
  const paths = [
    "C:\\certs\\ca.pem",
    "C:\\temp\\new.pem",
    "C:\\\\temp\\\\new.pem",
    "C:\\u00e9\\root.pem",
    "C:\\#1\\;2\\ca.pem",
    "C:\\certs\\",
    "\\\\server\\share\\root.pem",
    "\\\\server\\temp\\new\\root.pem",
    "\\\\?\\C:\\certs\\root.pem",
    "\\\\server\\certs$\\Zertifikat é 1.pem",
  ];
  for (const path of paths) {
    accepts("CaFile", "caFile", [
      [path, path],
      [`"${path}"`, path],
      [`'${path}'`, path],
      [` "${path}" ; comment`, path],
    ]);
  }
  rejects("CaFile", ["C:\\a\tb.pem"], /contains control characters.*; it stays empty/);
  rejects("CaFile", ["\\\\\\\\server\\share\\root.pem"], /begins with four backslashes/);

  accepts("Authorize", "authorize", [
    ["browser", "browser"],
    ["DEVICE", "device"],
    ["Off", "off"],
  ]);
  rejects(
    "Authorize",
    ["", "0", "none", "browser,device"],
    /is not one of browser, device, off; it stays browser/,
  );
  accepts("LogLevel", "logLevel", [
    ["error", "error"],
    ["Warn", "warn"],
    ["INFO", "info"],
    ["debug", "debug"],
  ]);
  rejects(
    "LogLevel",
    ["", "warning", "trace", "3"],
    /is not one of error, warn, info, debug; it stays info/,
  );

  accepts("ApiUrl", "apiUrl", [
    ["https://webexapis.com/v1", "https://webexapis.com/v1"],
    ["https://webexapis.com/v1/", "https://webexapis.com/v1"],
    ["https://webexapis.com/v1//", "https://webexapis.com/v1"],
    ["https://api.example.com", "https://api.example.com"],
    ["HTTPS://API.example.com:443/V1", "https://api.example.com/V1"],
    ["http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"],
    ["http://127.8.9.10/", "http://127.8.9.10"],
    ["http://localhost:8080/v1", "http://localhost:8080/v1"],
    ["http://LOCALHOST:8080", "http://localhost:8080"],
    ["http://[::1]:8080/v1", "http://[::1]:8080/v1"],
  ]);
  rejects(
    "ApiUrl",
    [
      "",
      "webexapis.com/v1",
      "ftp://webexapis.com",
      "https:webexapis.com",
      "https://",
      "https:///v1",
      "https://a b/",
      "https:\\\\webexapis.com",
      "https://webexapis.com\\v1",
    ],
    /is not an https address; it stays https:\/\/webexapis.com\/v1/,
  );
  rejects(
    "ApiUrl",
    [
      "http://webexapis.com/v1",
      "http://10.0.0.1",
      "http://128.0.0.1",
      "http://127.0.0.1.example.com",
      "http://localhost.example.com",
      "http://[::2]",
      "http://0.0.0.0",
    ],
    /would expose the tokens/,
  );
  rejects(
    "ApiUrl",
    ["https://me@webexapis.com", "https://me:pw@webexapis.com/v1"],
    /contains a user name or a password/,
  );
  rejects(
    "ApiUrl",
    [
      "https://webexapis.com/v1?a=b",
      "https://webexapis.com/v1?",
      '"https://webexapis.com/v1#x"',
      '"https://webexapis.com/v1#"',
    ],
    /contains a query or a fragment/,
  );

  rejects("ApiUrl", ["https://webexapis.com/v1Log=debug", "https://a/v1:80"], /behind the host/);

  accepts("Proxy", "proxy", [
    ["", ""],
    ["none", "none"],
    ["NONE", "none"],
    ["http://proxy:3128", "http://proxy:3128"],
    ["http://Proxy.Example.com:80/", "http://proxy.example.com:80"],
    ["HTTP://10.0.0.1:8080", "http://10.0.0.1:8080"],
    ["http://[fd00::1]:8080", "http://[fd00::1]:8080"],
    ["http://me@proxy:3128", "http://me@proxy:3128"],
    ["http://@proxy:3128", "http://proxy:3128"],
    ["http://CORP\\me@proxy:3128", "http://CORP%5Cme@proxy:3128"],
    ["http://CORP\\\\me@proxy:3128", "http://CORP%5Cme@proxy:3128"],
    ['"http://CORP\\nick@proxy:3128"', "http://CORP%5Cnick@proxy:3128"],
    ["'http://CORP\\\\nick@proxy:3128' ; comment", "http://CORP%5Cnick@proxy:3128"],
    ["http://me\\#1@proxy:3128", "http://me%231@proxy:3128"],
    ["http://CORP%5Cme@proxy:3128", "http://CORP%5Cme@proxy:3128"],
    ["http://me@example.com@proxy:3128", "http://me%40example.com@proxy:3128"],
  ]);
  rejects(
    "Proxy",
    [
      "proxy:3128",
      "http://proxy:0",
      "http://proxy:65536",
      "https://proxy:3128",
      "socks5://proxy:1080",
      "http://proxy:3128/path",
      "http://:3128",
      "http://a b:3128",
      "direct",
      "http://[::g]:80",
      "http://me@",
    ],
    /is not an http proxy; it stays empty/,
  );
  rejects(
    "Proxy",
    ["http://proxy", "http://proxy:", "http://me@proxy.example.com/", "http://[fd00::1]"],
    /contains no port; it stays empty/,
  );
  rejects(
    "Proxy",
    ["http://me:hunter2", "http://me:hunter2 # 1@proxy:3128"],
    /Proxy=http:\/\/… .* if that is a password, it must not be in this file/,
  );

  for (const [key, field] of [
    ["Enable", "1"],
    ["PollIntervalSeconds", "30"],
    ["RequestsPerMinute", "60"],
    ["ClientId", "C1"],
    ["Authorize", "off"],
    ["ApiUrl", "https://webexapis.com/v1"],
    ["Proxy", "http://proxy:3128"],
    ["LogLevel", "debug"],
  ] as const) {
    rejects(
      key,
      [`${field}\u200b`, `\u00ad${field}`, `${field.slice(0, 1)}\u2060${field.slice(1)}`],
      / contains an invisible character \(U\+(200B|00AD|2060)\)/,
    );
  }
  rejects("ApiUrl", ["https://webex\u00a0apis.com/v1"], /invisible character \(U\+00A0\)/);
  rejects("CaFile", ["\u202aC:\\x.pem"], /<U\+202A>C:\\x\.pem .*invisible character \(U\+202A\)/);
  accepts("CaFile", "caFile", [
    ["/Users/me/a\u00a0b\u3000c.pem", "/Users/me/a\u00a0b\u3000c.pem"],
    ["C:\\a[b]\\ca[1].pem", "C:\\a[b]\\ca[1].pem"],
    ["C:\\ca [Test]", "C:\\ca [Test]"],
  ]);
  rejects("ClientId", ["C1 2", '"C1 "2'], /contains a space/);
  rejects("ClientId", ["<C123>"], /contains an angle bracket/);
  rejects(
    "ClientId",
    ["C1:2", "C1Secret=2", "http://a", "C1[2]", "C1\\\\2"],
    /contains the character/,
  );
  rejects(
    "Proxy",
    [
      "http://me:hunter2@proxy:3128",
      "http://:hunter2@proxy:3128",
      "http://me%3Ahunter2@proxy:3128",
      "https://me:hunter2@proxy",
      "http://me:hunter2/x@proxy:3128",
      "http://me:hunter2#1@proxy:3128",
      "http://me:1234#5@proxy:3128",
      "http://me:1234;5@proxy:3128 ; comment",
    ],
    /contains a password, which must not be in this file/,
  );

  it("never displays a password in Proxy, and hints at the keychain", () => {
    const problem = read("Proxy=http://me:hunter2@proxy:3128").problems[0]!;
    expect(problem.message).to.contain("Proxy=http://… (line 1)");
    expect(problem.hint).to.contain("secret proxy");
  });
});
