// Paths of keys: "84h/0h/0h" for people, numbers inside.
import { refuse } from "./refusal";

const HARDENED = 0x80000000;
const DEPTH_MAXIMUM = 10;

/** Numbers of a path such as m/84'/0'/0' or 84h/0h/0h. */
export function parsePath(text: string): number[] {
  const steps = text.trim().replace(/^m\//i, "").split("/");
  if (steps.length > DEPTH_MAXIMUM) refuse("path_wrong", { path: text });
  return steps.map((step) => {
    const match = /^(\d{1,10})([hH']?)$/.exec(step);
    const index = Number(match?.[1]);
    if (match === null || index >= HARDENED) refuse("path_wrong", { path: text });
    return match[2] === "" ? index : index + HARDENED;
  });
}

export function pathText(path: readonly number[]): string {
  return path.map((step) => (step < HARDENED ? `${step}` : `${step - HARDENED}h`)).join("/");
}

export function accountPath(purpose: number, coinType: number, account: number): number[] {
  return [purpose, coinType, account].map((step) => step + HARDENED);
}

export function isHardened(step: number): boolean {
  return step >= HARDENED;
}
