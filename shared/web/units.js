// Numbers as people read them.

export const milliseconds = (value) => (value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`);
export const rate = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} tokens/s`;
export const count = (value) => value.toLocaleString("en");
export const clock = (epoch) => new Date(epoch).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });

// Never shown as nothing when it is not: the service rounds to a millionth of a dollar.
export const usd = (value) => `$${value.toFixed(6).replace(/(\.\d\d\d*?)0+$/, "$1")}`;

// Whole seconds, rounded up, so that nobody comes too early: `42 s`, `1 min 5 s`, `2 h 3 min`, `26 d 4 h`.
export function seconds(value) {
  const whole = Math.max(0, Math.ceil(value));
  const parts = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]].map(([size, name], place, sizes) => {
    const above = place ? sizes[place - 1][0] : Infinity;
    return [Math.floor((whole % above) / size), name];
  });
  const first = Math.max(0, parts.findIndex(([number]) => number > 0));
  const shown = parts.slice(first, first + 2).filter(([number]) => number > 0);
  return shown.map(([number, name]) => `${number} ${name}`).join(" ") || "0 s";
}
