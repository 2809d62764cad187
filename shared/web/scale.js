// Turns numbers into a chart's scale, and into words. Knows nothing of the page.

import { count, significant, usd, usdSignificant, usdWhole } from "./units.js";

const STEPS = [1, 2, 2.5, 5, 10];
const MOST_TICKS = 4;

// Round numbers from 0 to the first that is not below `most`.
export function ticks(most) {
  const rough = (most || 1) / MOST_TICKS;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = STEPS.find((each) => each * size >= rough * 0.999) * size;
  const found = [0];
  while (found.at(-1) < most * 0.999 || found.length < 2) found.push(found.length * step);
  return found;
}

const digits = (value) => (value >= 100 ? count(Math.round(value)) : significant(value));
const cents = (value) => (value < 0.01 && value ? usd(value) : usdSignificant(value));
const dollars = (value) => (value >= 100 ? usdWhole(value) : cents(value));
const time = (value) => (value < 1 ? `${digits(value * 1000)} ms` : `${digits(value)} s`);

export const show = (value, unit) => (value === null ? "–" : unit.show(value));

// How each unit of the panels is written. `least`: the axis reaches at least this. `whole`: it counts things.
export const UNITS = {
  per_second: { show: (value) => `${digits(value)}/s` },
  tokens: { show: (value) => `${digits(value)}/s` },
  seconds: { show: time },
  share: { show: (value) => `${digits(value * 100)} %`, least: 1 },
  usd: { show: dollars },
  count: { show: digits, least: 4, whole: true },
  bytes: { show: (value) => `${digits(value / 1e6)} MB` },
};
