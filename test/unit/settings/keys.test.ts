import { expect } from "chai";

import {
  defaultSettings,
  manifestSettingKeys,
  SETTING_FIELDS,
  SETTING_KEYS,
  settingsTableMarkdown,
  settingsValues,
} from "../../../src/settings/keys.js";
import { parseSettings } from "../../../src/settings/parse.js";
import { readIniLine } from "../../../src/platform/ini-line.js";

const NAMES = [
  "Enable",
  "PollIntervalSeconds",
  "RequestsPerMinute",
  "StaleAfterSeconds",
  "ClientId",
  "Authorize",
  "RedirectPort",
  "ApiUrl",
  "Proxy",
  "CaFile",
  "LogLevel",
  "DashboardPort",
].map((name) => `WebexPresence.${name}`);

describe("SETTING_KEYS", () => {
  it("has the documented keys, in their order", () => {
    expect(SETTING_FIELDS.map((field) => SETTING_KEYS[field].name)).to.deep.equal(NAMES);
  });

  it("has the documented defaults", () => {
    expect(defaultSettings).to.deep.equal({
      enable: false,
      pollIntervalSeconds: 20,
      requestsPerMinute: 60,
      staleAfterSeconds: 180,
      clientId: null,
      authorize: "browser",
      redirectPort: 8467,
      apiUrl: "https://webexapis.com/v1",
      proxy: "",
      caFile: null,
      logLevel: "info",
      dashboardPort: 0,
    });
  });

  it("accepts its own defaults from a file", () => {
    const lines = manifestSettingKeys().map((key) => `${key.name}=${key.default ?? ""}`);
    expect(parseSettings(lines.join("\n"), readIniLine, defaultSettings)).to.deep.include({
      settings: defaultSettings,
      problems: [],
    });
  });

  it("displays values by their full names, and omits keys without a value", () => {
    expect(settingsValues(defaultSettings)).to.deep.equal({
      "WebexPresence.Enable": false,
      "WebexPresence.PollIntervalSeconds": 20,
      "WebexPresence.RequestsPerMinute": 60,
      "WebexPresence.StaleAfterSeconds": 180,
      "WebexPresence.Authorize": "browser",
      "WebexPresence.RedirectPort": 8467,
      "WebexPresence.ApiUrl": "https://webexapis.com/v1",
      "WebexPresence.Proxy": "",
      "WebexPresence.LogLevel": "info",
      "WebexPresence.DashboardPort": 0,
    });
    const values = settingsValues({
      ...defaultSettings,
      enable: true,
      clientId: "C1",
      caFile: "/ca.pem",
    });
    expect(Object.keys(values)).to.deep.equal(NAMES);
    expect(values["WebexPresence.Enable"]).to.be.true;
    expect(values["WebexPresence.ClientId"]).to.equal("C1");
  });

  it("displays the proxy without its user", () => {
    const proxyShown = (proxy: string) =>
      settingsValues({ ...defaultSettings, proxy })["WebexPresence.Proxy"];
    expect(proxyShown("http://CORP%5Cme@proxy:3128")).to.equal("http://proxy:3128");
    expect(proxyShown("http://proxy:3128")).to.equal("http://proxy:3128");
    expect(proxyShown("none")).to.equal("none");
  });

  it("provides names, types, defaults and descriptions for the manifest", () => {
    const keys = manifestSettingKeys();
    expect(keys.map(({ name }) => name)).to.deep.equal(NAMES);
    expect(keys[0]).to.deep.include({ name: "WebexPresence.Enable", type: "boolean", default: 0 });
    expect(keys.filter((key) => !("default" in key)).map(({ name }) => name)).to.deep.equal([
      "WebexPresence.ClientId",
      "WebexPresence.CaFile",
    ]);
    expect(keys.find(({ name }) => name === "WebexPresence.Proxy")).to.deep.include({
      type: "string",
      default: "",
    });
    for (const key of keys) {
      expect(key.type).to.be.oneOf(["boolean", "integer", "string"]);
      if (key.type === "integer") expect(key.default).to.be.a("number");
      expect(key.description).to.match(/^[A-Z].*\.$/);
    }
  });

  it("becomes a Markdown table with one row per key", () => {
    const lines = settingsTableMarkdown().split("\n");
    expect(lines.slice(0, 2)).to.deep.equal([
      "| Key | Values | Default | Takes effect | Description |",
      "| --- | --- | --- | --- | --- |",
    ]);
    expect(lines).to.have.length(NAMES.length + 3);
    expect(lines.at(-1)).to.equal("");
    expect(lines[2]).to.equal(
      "| `WebexPresence.Enable` | 0, 1 (also true/false, yes/no, on/off) | `0` | immediately: polling starts or stops | Turns presence from Webex on (1) or off (0). |",
    );
    expect(lines.find((line) => line.includes("CaFile"))).to.contain(" | – | ");
    for (const line of lines.slice(0, -1)) expect(line.split("|")).to.have.length(7);
  });
});
