import { KeytarStore, MemoryStore } from "../../src/platform/secret-store.js";
import { KEYRING_TOOLS, type Keyring, startKeyring } from "../support/keyring-fixture.js";
import { requireTool } from "../support/require-tool.js";
import { FakeKeytar } from "../support/keytar-fake.js";
import { secretStoreContract } from "../support/secret-store-contract.js";

describe("SecretStore contract: MemoryStore", () => {
  let store: MemoryStore;
  beforeEach(() => {
    store = new MemoryStore();
  });
  secretStoreContract(() => store);
});

describe("SecretStore contract: KeytarStore on a fake keytar", () => {
  let keytar: FakeKeytar;
  beforeEach(() => {
    keytar = new FakeKeytar();
  });
  secretStoreContract(
    () => new KeytarStore({ account: "svc", platform: "windows", binding: keytar }),
  );
});

describe("SecretStore contract: KeytarStore on a real Secret Service", function () {
  this.timeout(60_000);
  let keyring: Keyring | null = null;
  before(async function () {
    for (const [tool, debianPackage] of KEYRING_TOOLS) requireTool(this, tool, debianPackage);
    keyring = await startKeyring();
  });
  after(() => keyring?.stop());
  let store: KeytarStore;
  beforeEach(() => {
    store = new KeytarStore({ account: "svc", platform: "linux", environment: keyring?.env ?? {} });
  });
  secretStoreContract(() => store);
});
