// Numbers in a readable form, as the page's language writes them.

import { locale } from "./language.js";

// Made once: a formatter costs more than a thousand numbers.
const formatter = (options) => {
  const format = new Intl.NumberFormat(locale, options);
  return (value) => format.format(value);
};
const digits = (least, most) => formatter({ minimumFractionDigits: least, maximumFractionDigits: most });
const USD = { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" };
const dollars = (options) => formatter({ ...USD, ...options });

export const count = formatter();
export const oneDigit = digits(1, 1);
export const significant = formatter({ maximumSignificantDigits: 3 });
const [upToTwo, twoDigits] = [digits(0, 2), digits(2, 2)];
export const usd = dollars({ minimumFractionDigits: 2, maximumFractionDigits: 6 }); // to the service's last digit
export const usdSignificant = dollars({ maximumSignificantDigits: 3 });
export const usdWhole = dollars({ maximumFractionDigits: 0 });

export const milliseconds = (value) =>
  value < 1000 ? `${value < 10 ? upToTwo(value) : count(Math.round(value))} ms` : `${twoDigits(value / 1000)} s`;
export const rate = (value) => `${value < 10 ? oneDigit(value) : count(Math.round(value))} tokens/s`;

// `14:05`; `exact`: `14:05:33`.
export const clock = (epoch, exact) => (exact ? WITH_SECONDS : TO_THE_MINUTE).format(epoch);
const HOURS = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const TO_THE_MINUTE = new Intl.DateTimeFormat(locale, HOURS);
const WITH_SECONDS = new Intl.DateTimeFormat(locale, { ...HOURS, second: "2-digit" });
const DAY = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
export const day = (epoch) => DAY.format(epoch);

// Rounded up, so that nobody retries too early: `90 s`, `2 min 5 s`, `2 h 3 min`, `26 d 4 h`.
export function seconds(value) {
  const whole = Math.ceil(value);
  if (whole < 120) return `${whole} s`;
  const steps = [[3600, 60, "min", 1, "s"], [86_400, 3600, "h", 60, "min"], [Infinity, 86_400, "d", 3600, "h"]];
  const [, large, name, small, smallName] = steps.find(([end]) => whole < end);
  return `${Math.floor(whole / large)} ${name} ${Math.floor((whole % large) / small)} ${smallName}`;
}
