import { expect } from "chai";

import {
  accountsWithAccess,
  CHANGE_BITS,
  describeSid,
  findWorkerAccount,
  isTrusted,
  ownerHasRights,
  parseOwner,
} from "../../../src/platform/folder-rights.js";

const USERS = "S-1-5-32-545";
const WORKER = "S-1-5-21-1004336348-1177238915-682003330-1105";
const OTHER = "S-1-5-21-1004336348-1177238915-682003330-1106";

/** Texts in the form that `icacls /save` writes, and who has access by them. */
const LISTS: readonly (readonly [
  what: string,
  sddl: string,
  accounts: readonly string[] | null,
])[] = [
  [
    "what the worker sets for a service account",
    `D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;${WORKER})`,
    [WORKER],
  ],
  ["what the worker sets for LocalSystem", "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", []],
  [
    "what a folder below %PROGRAMDATA% inherits",
    "D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIIOID;GA;;;CO)(A;OICIID;0x1200a9;;;BU)(A;CIID;DCLCRPCR;;;BU)",
    [USERS],
  ],
  ["an explicit entry for Users", "D:(A;OICI;0x1200a9;;;BU)", [USERS]],
  ["generic rights in letters", "D:(A;OICI;GR;;;AU)", ["S-1-5-11"]],
  ["generic rights in bits", "D:(A;;0x80000000;;;WD)(A;;0x10000000;;;AN)", ["S-1-1-0", "S-1-5-7"]],
  ["generic writing in bits", "D:(A;;0x40000000;;;AU)", ["S-1-5-11"]],
  ["all rights in bits", "D:(A;;0x1f01ff;;;IU)", ["S-1-5-4"]],
  ["a decimal mask", "D:(A;;2032127;;;NU)", ["S-1-5-2"]],
  ["only listing", "D:(A;;CC;;;BU)", [USERS]],
  ["only adding files", "D:(A;;DC;;;BU)", [USERS]],
  ["only adding folders", "D:(A;;LC;;;BU)", [USERS]],
  ["only deleting", "D:(A;;SD;;;BU)", [USERS]],
  ["only changing the rights", "D:(A;;WD;;;BU)", [USERS]],
  ["only taking ownership", "D:(A;;WO;;;BU)", [USERS]],
  [
    "only attributes, traversing and reading the rights",
    "D:(A;;LOWPRC;;;BU)(A;;0x1200a0;;;AU)",
    [],
  ],
  ["only traversing, generic", "D:(A;;GX;;;WD)", []],
  ["rights for files alone", "D:(A;OIIO;FR;;;BU)", [USERS]],
  ["rights for folders below alone, of which there are none", "D:(A;CIIO;FR;;;BU)", []],
  ["the owner of a file", "D:(A;OICIIO;GA;;;CO)(A;OICI;FA;;;OW)", []],
  ["the primary group of the owner", "D:(A;OICIIO;GA;;;CG)", ["S-1-3-1"]],
  ["administrators of machine, domain and forest", `D:(A;;FA;;;LA)(A;;FA;;;DA)(A;;FA;;;EA)`, []],
  [
    "the same by their SIDs",
    "D:(A;;FA;;;S-1-5-21-1-2-3-500)(A;;FA;;;S-1-5-21-1-2-3-512)(A;;FA;;;S-1-5-21-1-2-3-519)",
    [],
  ],
  ["application pools", "D:(A;;FR;;;IS)(A;;FR;;;S-1-5-82-0)", ["S-1-5-32-568", "S-1-5-82-0"]],
  ["groups of newer systems", "D:(A;;FA;;;HA)(A;;FA;;;RM)", ["S-1-5-32-578", "S-1-5-32-580"]],
  ["a group of a domain", "D:(A;;FR;;;DU)", ["DU"]],
  ["SIDs instead of abbreviations", "D:(A;;FA;;;S-1-5-18)(A;;FR;;;S-1-5-32-545)", [USERS]],
  ["a denial first", "D:(D;OICI;FA;;;BU)(A;OICI;FR;;;BU)", []],
  ["a denial of other rights", "D:(D;OICI;DC;;;BU)(A;OICI;FR;;;BU)", [USERS]],
  ["a denial too late", "D:(A;OICI;FR;;;BU)(D;OICI;FA;;;BU)", [USERS]],
  ["a denial for the folder, not for its files", "D:(D;;FA;;;BU)(A;OICI;FR;;;BU)", [USERS]],
  ["a denial for all", "D:(D;OICI;GA;;;WD)(A;OICI;FR;;;BU)", []],
  [
    "a denial for a group that may not contain the account",
    "D:(D;OICI;FA;;;BG)(A;OICI;FR;;;BU)",
    [USERS],
  ],
  ["a condition", `D:(XA;;FR;;;BU;(@User.Title=="(a;b)"))(A;;FR;;;AU)`, [USERS, "S-1-5-11"]],
  ["an audit list behind it", "D:(A;;FA;;;SY)S:AI(AU;SAFA;FA;;;WD)(ML;;NW;;;LW)", []],
  ["owner and group before it", `O:BAG:SYD:P(A;;FA;;;${WORKER})`, [WORKER]],
  ["an empty list, which allows nothing", "D:", []],
  ["an empty, protected list", "D:P", []],
  ["no list, which allows everything", "D:NO_ACCESS_CONTROL", ["S-1-1-0"]],
  ["nothing", "", null],
  ["another text", "Access is denied.", null],
];

describe("platform/folder-rights", () => {
  for (const [what, sddl, accounts] of LISTS) {
    it(`finds who has access: ${what}`, () => {
      expect(accountsWithAccess(sddl)).to.deep.equal(accounts);
    });
  }

  it("tells who can change something from who can only read it", () => {
    for (const [sddl, accounts] of [
      // C:\Program Files, whose owner is TrustedInstaller.
      [
        "D:PAI(A;;FA;;;S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464)(A;CIIO;GA;;;S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464)(A;OICI;0x1301bf;;;SY)(A;OICI;0x1301bf;;;BA)(A;OICI;0x1200a9;;;BU)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;AC)",
        [],
      ],
      // A new folder below C:\.
      [
        "D:AI(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)",
        ["S-1-5-11"],
      ],
      ["D:(A;;FR;;;WD)(A;;DC;;;BU)", [USERS]],
      ["D:(A;OICI;FX;;;WD)(A;CI;DT;;;AU)", ["S-1-5-11"]],
    ] as const)
      expect(accountsWithAccess(sddl, CHANGE_BITS), sddl).to.deep.equal(accounts);
  });

  it("tells the worker's account from others, also if another account asks", () => {
    const service = "S-1-5-80-1-2-3-4-5";
    const pool = "S-1-5-82-1-2-3-4-5";
    for (const [accounts, ownSid, worker] of [
      [[], WORKER, null],
      [[WORKER], WORKER, WORKER],
      [[WORKER, USERS], WORKER, WORKER],
      [[WORKER, OTHER], WORKER, WORKER],
      [[WORKER], OTHER, WORKER],
      [[WORKER], null, WORKER],
      [[service], WORKER, service],
      [[pool, USERS], WORKER, pool],
      [["S-1-5-20", USERS], WORKER, "S-1-5-20"],
      [[WORKER, service], OTHER, null],
      [[USERS], WORKER, null],
      [["DU"], WORKER, null],
      // Groups of a domain that is not this machine's have no abbreviation.
      [["S-1-5-21-7-8-9-513"], OTHER, null],
      [["S-1-5-21-7-8-9-525", "S-1-5-21-7-8-9-999"], OTHER, null],
      [["S-1-5-21-7-8-9-1000"], OTHER, "S-1-5-21-7-8-9-1000"],
      [["S-1-5-21-7-8-9-5130"], OTHER, "S-1-5-21-7-8-9-5130"],
      // All services.
      [["S-1-5-80-0"], OTHER, null],
    ] as const)
      expect(findWorkerAccount(accounts, ownSid), accounts.join()).to.equal(worker);
  });

  it("tells an owner who can open the folder from one whose rights are limited", () => {
    for (const [sddl, canOpen] of [
      ["D:PAI(A;OICI;FA;;;SY)", true],
      ["D:PAI(A;OICI;FA;;;SY)(A;OICI;RC;;;OW)", false],
      ["D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;OW)", true],
      ["D:PAI(A;OICI;0x20000;;;S-1-3-4)(A;;WD;;;OW)", true],
      ["D:PAI(A;OICIIO;RC;;;OW)", true],
      ["D:PAI(D;OICI;FA;;;OW)", false],
      ["", false],
    ] as const)
      expect(ownerHasRights(sddl), sddl).to.equal(canOpen);
  });

  it("reads the owner", () => {
    for (const [sddl, owner, trusted] of [
      ["O:BAG:SYD:P(A;;FA;;;BA)", "S-1-5-32-544", true],
      ["O:SYG:SYD:", "S-1-5-18", true],
      [`O:${WORKER}G:DUD:P\r\n`, WORKER, false],
      ["O:LAG:DUD:P", "LA", true],
    ] as const) {
      expect(parseOwner(sddl), sddl).to.equal(owner);
      expect(isTrusted(owner), owner).to.equal(trusted);
    }
    expect(parseOwner("")).to.equal(null);
    expect(parseOwner("D:P(A;;FA;;;BA)")).to.equal(null);
  });

  it("names groups", () => {
    expect([USERS, "DU", WORKER].map(describeSid)).to.deep.equal([
      "Users (S-1-5-32-545)",
      "Domain Users",
      WORKER,
    ]);
  });
});
