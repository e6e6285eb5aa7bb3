import { expect } from "chai";

import {
  possibleValues,
  REASON_WORDING,
  STATE_WORDING,
} from "../../../src/presence/presence-wording.js";
import {
  BLOCKED,
  DISABLED,
  INVALID_URI,
  mapWebexStatus,
  NOT_FOUND,
  NOT_READY,
  PRESENCE_REASONS,
  PRESENCE_STATES,
  type PresenceValue,
  STALE,
} from "../../../src/presence/record.js";

/** Every status that Webex documents, none, and one that nobody knows. */
const STATUSES = [
  ...["active", "inactive", "call", "meeting", "presenting", "DoNotDisturb", "OutOfOffice"],
  ...["pending", "unknown", "on-the-moon", null],
];

describe("the wording of presence", () => {
  it("has words for every state and every reason", () => {
    expect(Object.keys(STATE_WORDING)).to.deep.equal(PRESENCE_STATES);
    expect(Object.keys(REASON_WORDING)).to.deep.equal(PRESENCE_REASONS);
  });

  it("lists the values that a record can have, each once", () => {
    const values: PresenceValue[] = [
      ...STATUSES.map(mapWebexStatus),
      ...[INVALID_URI, NOT_READY, DISABLED, BLOCKED, NOT_FOUND, STALE],
    ];
    const all = values.map(({ state, reason }) => `${state} ${reason}`);
    expect(possibleValues().map(([state, reason]) => `${state} ${reason}`)).to.have.members(all);
  });

  it("tells states apart without color", () => {
    const symbols = Object.values(STATE_WORDING).map(({ symbol }) => symbol);
    expect(new Set(symbols).size).to.equal(symbols.length);
  });

  it("shows unknown neither as offline nor as a state that Webex reports", () => {
    const { unknown, ...others } = STATE_WORDING;
    for (const { symbol, label, color } of Object.values(others)) {
      expect([symbol, label, color]).to.not.include(unknown.symbol);
      expect(label).to.not.equal(unknown.label);
      expect(color).to.not.equal(unknown.color);
    }
  });

  it("explains in one sentence or two, without the names of settings or codes", () => {
    for (const { explanation } of Object.values(REASON_WORDING))
      expect(explanation).to.match(/^[A-Z][\w' ,]+\.( [A-Z][\w' ,]+\.)?$/);
  });

  it("has colors that differ with every kind of color vision", () => {
    const colors = [...new Set(Object.values(STATE_WORDING).map(({ color }) => color))];
    const known = colors.filter((color) => color !== null);
    for (const matrix of Object.values(VISION)) {
      for (const [index, one] of known.entries()) {
        for (const other of known.slice(index + 1))
          expect(difference(one, other, matrix), `${one} and ${other}`).to.be.greaterThan(10);
      }
    }
  });

  it("has colors of enough contrast, as docs/integration.md says", () => {
    const known = Object.values(STATE_WORDING).flatMap(({ color }) => color ?? []);
    const low = known.filter((color) => contrast(color, "#FFFFFF") < 3);
    expect(low).to.deep.equal([STATE_WORDING.away.color]);
    for (const color of known) expect(contrast(color, "#000000"), color).to.be.greaterThan(3);
  });
});

/** WCAG 2.2: from 1 to 21. */
function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [one, other].map((color) => luminance(color)).sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const [red, green, blue] = linear(color);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The linear sRGB of `#RRGGBB`, each part from 0 to 1. */
function linear(color: string): Triple {
  return [1, 3, 5].map((at) => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as unknown as Triple;
}

type Triple = readonly [number, number, number];
type Matrix = readonly [Triple, Triple, Triple];

/** Machado, Oliveira and Fernandes (2009), severity 1.0, for linear sRGB. */
const VISION: Readonly<Record<string, Matrix>> = {
  common: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** CIE 1976 color difference; 2.3 is just noticeable. */
function difference(one: string, other: string, vision: Matrix): number {
  const [first, second] = [lab(one, vision), lab(other, vision)];
  return Math.hypot(...first.map((value, index) => value - second[index]!));
}

function lab(color: string, vision: Matrix): Triple {
  const seen = multiply(vision, linear(color)).map((value) => Math.min(1, Math.max(0, value)));
  const [x, y, z] = multiply(TO_XYZ, seen as unknown as Triple).map((value) =>
    value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116,
  ) as unknown as Triple;
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Linear sRGB to CIE XYZ relative to the white point D65. */
const TO_XYZ: Matrix = [
  [0.4339, 0.3762, 0.1899],
  [0.2126, 0.7152, 0.0722],
  [0.0177, 0.1095, 0.8729],
];

function multiply(matrix: Matrix, vector: Triple): Triple {
  return matrix.map((row) =>
    row.reduce((sum, factor, index) => sum + factor * vector[index]!, 0),
  ) as unknown as Triple;
}
