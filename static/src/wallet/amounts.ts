// Amounts as they are typed and shown: decimals to integers of the smallest unit, and back.

const TYPED = /^(\d{0,20})(?:\.(\d*))?$/;
const RATE_DECIMALS = 3; // of a rate per vbyte: the smallest step of a rate per 1000 vbytes

/** What was typed, in units of 10^-decimals; undefined if it is no such number. */
export function parseDecimal(text: string, decimals: number): bigint | undefined {
  const match = TYPED.exec(text.trim());
  const [, whole = "", fraction = ""] = match ?? [];
  const significant = fraction.replace(/0+$/, "");
  if (!match || whole + fraction === "" || significant.length > decimals) return undefined;
  return BigInt(whole + significant.padEnd(decimals, "0"));
}

/** As it would be typed: without needless zeros. */
export function writeDecimal(value: bigint, decimals: number): string {
  const digits = value.toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = decimals ? digits.slice(-decimals).replace(/0+$/, "") : "";
  return fraction ? `${whole}.${fraction}` : whole;
}

/** A typed rate per vbyte, per 1000 vbytes. */
export function parseRate(text: string): number | undefined {
  const rate = parseDecimal(text, RATE_DECIMALS);
  return rate === undefined ? undefined : Number(rate);
}

/** A rate per 1000 vbytes as it would be typed, per vbyte. */
export function writeRate(rate: number): string {
  return writeDecimal(BigInt(rate), RATE_DECIMALS);
}
