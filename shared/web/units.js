// Numbers in a readable form.

export const count = (value) => value.toLocaleString("en");
export const milliseconds = (value) =>
  value < 1000 ? `${value < 10 ? Number(value.toFixed(2)) : Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`;
export const rate = (value) => `${value < 10 ? value.toFixed(1) : count(Math.round(value))} tokens/s`;
export const clock = (epoch, exact) => new Date(epoch).toTimeString().slice(0, exact ? 8 : 5);
export const usd = (value) => `$${value.toFixed(6).replace(/(\.\d\d\d*?)0+$/, "$1")}`; // to the service's last digit

// Rounded up, so that nobody retries too early: `90 s`, `2 min 5 s`, `2 h 3 min`, `26 d 4 h`.
export function seconds(value) {
  const whole = Math.ceil(value);
  if (whole < 120) return `${whole} s`;
  const steps = [[3600, 60, "min", 1, "s"], [86_400, 3600, "h", 60, "min"], [Infinity, 86_400, "d", 3600, "h"]];
  const [, large, name, small, smallName] = steps.find(([end]) => whole < end);
  return `${Math.floor(whole / large)} ${name} ${Math.floor((whole % large) / small)} ${smallName}`;
}
