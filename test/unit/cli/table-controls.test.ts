import { expect } from "chai";

import { KeyParser } from "../../../src/cli/terminal/keys.js";
import { searchKeyOf } from "../../../src/cli/terminal/person-filter.js";
import { TableControls } from "../../../src/cli/terminal/table-controls.js";
import type { PresenceRecord, PresenceState } from "../../../src/presence/record.js";

const person = (displayName: string, state: PresenceState = "available") =>
  ({ uri: `${displayName.replace(" ", ".")}@x.example`, displayName, state }) as PresenceRecord;

function personsOf(records: readonly PresenceRecord[]) {
  const totals = new Map<PresenceState, number>();
  for (const { state } of records) totals.set(state, (totals.get(state) ?? 0) + 1);
  const searchKeys = new Map(records.map((each) => [each.uri, searchKeyOf(each)]));
  return { records, searchKeys, totals };
}

describe("cli/terminal/table-controls", () => {
  const PERSONS = personsOf([
    person("Ada Brown"),
    person("Bo Adams", "onCall"),
    person("Cy Queen", "away"),
    person("Di Stone"),
  ]);
  const ESC = "\u001b";
  const DOWN = "\u001b[B";
  let controls: TableControls;

  beforeEach(() => {
    controls = new TableControls();
  });

  /** Presses the keys that a terminal sends as this text; returns what they ask for. */
  function press(text: string, persons = PERSONS) {
    const parser = new KeyParser();
    return [...parser.feed(text), ...parser.flush()].map((key) =>
      controls.handleKey(key, persons, 2),
    );
  }

  function shown(persons = PERSONS) {
    const { records, cursor, filter, hasHelp } = controls.select(persons);
    const names = records.map(({ displayName }) => displayName!.slice(0, 2));
    return { names: names.join(" "), selected: names[cursor] ?? null, filter, hasHelp };
  }

  it("searches as the text is typed, and takes no letter of it for a command", () => {
    press("/");
    expect(shown().names).to.equal("Ad Bo Cy Di");
    expect(shown().filter).to.deep.equal({ search: "", state: null, isTyping: true, total: 4 });
    expect(press("q")).to.deep.equal([null]);
    expect(shown().names).to.equal("Cy");
    press("\u007fAD");
    expect(shown().names).to.equal("Ad Bo");
    expect(press("fs?")).to.deep.equal([null, null, null]);
    expect(shown()).to.deep.include({ names: "", selected: null, hasHelp: false });
    press("\u0015");
    expect(shown().names).to.equal("Ad Bo Cy Di");
  });

  it("keeps the search at Enter, after which letters are commands again", () => {
    press("/ad\r");
    expect(shown().filter).to.include({ search: "ad", isTyping: false });
    expect(press("fq")).to.deep.equal(["refresh", "quit"]);
    press(ESC);
    expect(shown()).to.deep.include({ names: "Ad Bo Cy Di", filter: null });
  });

  it("clears the search at Esc, but not the state; a second Esc clears that", () => {
    press("s/ad");
    expect(shown().names).to.equal("Ad");
    press(ESC);
    expect(shown()).to.deep.include({ names: "Ad Di" });
    expect(shown().filter).to.include({ isTyping: false, state: "available" });
    press(ESC);
    expect(shown().filter).to.equal(null);
  });

  it("filters by each state that somebody is in, in both directions", () => {
    const states = Array.from({ length: 5 }, () => {
      press("s");
      return controls.select(PERSONS).filter?.state ?? null;
    });
    expect(states).to.deep.equal(["available", "away", "onCall", null, "available"]);
    press("SS");
    expect(shown()).to.deep.include({ names: "Bo", selected: "Bo" });
    // Nobody is in that state any more, but it is the one that the user chose.
    const changed = personsOf(PERSONS.records.map((each) => ({ ...each, state: "away" as const })));
    expect(shown(changed)).to.deep.include({ names: "", selected: null });
    press("S", changed);
    expect(controls.select(changed).filter?.state).to.equal("away");
  });

  it("returns to the selected person after a search, unless another one is selected in it", () => {
    press(DOWN + DOWN);
    expect(shown().selected).to.equal("Cy");
    press("/ad");
    expect(shown().selected).to.equal("Ad");
    press(ESC);
    expect(shown().selected).to.equal("Cy");
    press(`/ad${DOWN}${ESC}`);
    expect(shown().selected).to.equal("Bo");
    press(`/di\r${ESC}`);
    expect(shown().selected).to.equal("Di");
  });

  it("keeps the selected person while rows change, in a search, too", () => {
    press(`/ad\r${DOWN}`);
    expect(shown().selected).to.equal("Bo");
    const more = personsOf([person("Abe Adler"), person("Al Adler"), ...PERSONS.records]);
    expect(shown(more)).to.deep.include({ names: "Ab Al Ad Bo", selected: "Bo" });
  });

  it("shows the help until the next key, which does nothing else but quit", () => {
    press("?");
    expect(shown().hasHelp).to.equal(true);
    expect(press("f")).to.deep.equal([null]);
    expect(shown().hasHelp).to.equal(false);
    press("??");
    expect(shown().hasHelp).to.equal(false);
    press(`?${ESC}`);
    expect(shown().hasHelp).to.equal(false);
    expect(press("?q")).to.deep.equal([null, "quit"]);
  });

  it("quits at Ctrl+C while a text is typed", () => {
    expect(press("/a\u0003")).to.deep.equal([null, null, "quit"]);
  });
});
