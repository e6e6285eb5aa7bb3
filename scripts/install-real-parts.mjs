// Installs the programs that some tests run against, where the machine lacks them: with --tests
// those of `npm test`, with --clients those of test/clients, with --kit those of test/kit, with
// --windows those of the Windows suite. Where it cannot, it names them; the tests that need a
// missing program say so again and, under CI=true, fail.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

import { hasWine } from "./wine.mjs";

const TEST_PROGRAMS = [
  { package: "gnome-keyring", isInstalled: () => isOnPath("gnome-keyring-daemon") },
  {
    package: "libsecret-1-0",
    isInstalled: () => succeeds("sh", ["-c", "ldconfig -p | grep -q libsecret-1"]),
  },
  { package: "dbus", isInstalled: () => isOnPath("dbus-run-session") },
  { package: "libsecret-tools", isInstalled: () => isOnPath("secret-tool") },
  {
    package: "python3-pylsp-jsonrpc",
    isInstalled: () => succeeds("/usr/bin/python3", ["-c", "import pylsp_jsonrpc"]),
  },
  { package: "dnsmasq-base", isInstalled: () => isOnPath("dnsmasq") },
  { package: "faketime", isInstalled: () => isOnPath("faketime") },
  { package: "iproute2", isInstalled: () => isOnPath("ip") },
  { package: "tinyproxy", isInstalled: () => isOnPath("tinyproxy") },
  { package: "procps", isInstalled: () => isOnPath("pgrep") },
  { package: "openssl", isInstalled: () => isOnPath("openssl") },
  { package: "chromium", isInstalled: () => isOnPath("chromium") },
];
/** About 130 MB to download. */
const CLIENT_PROGRAMS = [
  { package: "emacs-nox", isInstalled: () => isOnPath("emacs") },
  { package: "neovim", isInstalled: () => isOnPath("nvim") },
  { package: "golang-go", isInstalled: () => isOnPath("go") },
  {
    package: "golang-github-sourcegraph-jsonrpc2-dev",
    isInstalled: () => existsSync("/usr/share/gocode/src/github.com/sourcegraph/jsonrpc2"),
  },
  { package: "python3-gi", isInstalled: () => succeeds("/usr/bin/python3", ["-c", "import gi"]) },
  {
    package: "gir1.2-jsonrpc-1.0",
    isInstalled: () =>
      succeeds("/usr/bin/python3", ["-c", "import gi; gi.require_version('Jsonrpc', '1.0')"]),
  },
];
/** About 60 MB to download. */
const KIT_PROGRAMS = [
  { package: "mono-mcs", isInstalled: () => isOnPath("mcs") },
  { package: "mono-runtime", isInstalled: () => isOnPath("mono") },
  {
    package: "libnewtonsoft-json-cil-dev",
    isInstalled: () => existsSync("/usr/lib/pkgconfig/newtonsoft-json.pc"),
  },
  { package: "prometheus", isInstalled: () => isOnPath("promtool") },
];
/** About 100 MB to download. */
const WINDOWS_PROGRAMS = [{ package: "wine64", isInstalled: hasWine }];

/**
 * Waits for another run of dpkg, and leaves out what only matters on a machine that is to survive a
 * power cut.
 */
const APT_OPTIONS = [
  "-y",
  "-qq",
  "--no-install-recommends",
  "-o",
  "DPkg::Lock::Timeout=120",
  "-o",
  "Dpkg::Options::=--force-unsafe-io",
];

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

function isOnPath(name) {
  return succeeds("which", [name]);
}

function install(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = { stdio: ["ignore", "ignore", "inherit"], env };
  execFileSync("apt-get", ["update", "-qq"], options);
  execFileSync("apt-get", ["install", ...APT_OPTIONS, ...packages], options);
}

if (process.platform === "linux") {
  const programs = [
    ...(process.argv.includes("--tests") ? TEST_PROGRAMS : []),
    ...(process.argv.includes("--clients") ? CLIENT_PROGRAMS : []),
    ...(process.argv.includes("--kit") ? KIT_PROGRAMS : []),
    ...(process.argv.includes("--windows") ? WINDOWS_PROGRAMS : []),
  ];
  const missing = programs.filter((each) => !each.isInstalled()).map((each) => each.package);
  const canInstall = process.getuid?.() === 0 && isOnPath("apt-get");
  if (missing.length === 0) {
    console.error("Everything that the tests need is installed.");
  } else if (!canInstall) {
    console.error(`MISSING: ${missing.join(", ")}. Only root can install them, with apt-get.`);
  } else {
    console.error(`Installing ${missing.join(", ")}.`);
    try {
      install(missing);
    } catch (error) {
      console.error(`The installation failed: ${error.message}`);
    }
  }
}
