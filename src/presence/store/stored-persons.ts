import { PersonColumns } from "./person-columns.js";

/** What is known of the persons in a store, by slot. Times are elapsed milliseconds. */
export class StoredPersons {
  protected readonly columns = new PersonColumns();

  /** Every slot in use is below it. */
  get slotLimit(): number {
    return this.columns.slotLimit;
  }

  /** The slots in use. */
  slots(): readonly number[] {
    const slots: number[] = [];
    this.columns.forEachSlot((slot) => slots.push(slot));
    return slots;
  }

  isInUse(slot: number): boolean {
    return typeof this.columns.text[slot] === "string";
  }

  /** The address under which lists name the person, verbatim. */
  uriOf(slot: number): string {
    return this.columns.uriOf(slot);
  }

  /** Normalized; the one of the list URI is first. */
  addressesOf(slot: number): readonly string[] {
    return this.columns.addressesOf(slot);
  }

  idOf(slot: number): string {
    return this.columns.idOf(slot);
  }

  nameOf(slot: number): string | null {
    return this.columns.nameOf(slot);
  }

  /**
   * Name, list URI and all addresses, as they are stored: the name ends with U+0000, and U+0001 is
   * before each address and at the end. The list URI is left out if it equals the first address.
   */
  searchTextOf(slot: number): string {
    return this.columns.searchTextOf(slot);
  }

  /** Webex's status, verbatim. */
  statusOf(slot: number): string | null {
    return this.columns.status[slot] ?? null;
  }

  lastActivityOf(slot: number): string | null {
    return this.columns.lastActivityOf(slot);
  }

  /** When the state was first observed, wall-clock. */
  sinceOf(slot: number): number {
    return this.columns.since[slot] ?? 0;
  }

  /** When Webex last reported the person, wall-clock. */
  observedWallOf(slot: number): number {
    return this.columns.observedWall[slot] ?? 0;
  }

  observedElapsedOf(slot: number): number {
    return this.columns.observedElapsed[slot] ?? 0;
  }

  /** See `updateChangeRate`. */
  changeRateOf(slot: number): number {
    return this.columns.changeRate[slot] ?? 0;
  }

  /** The page of the list that the person was last on, counted from 1; 0 if unknown. */
  pageOf(slot: number): number {
    return this.columns.page[slot] ?? 0;
  }
}
