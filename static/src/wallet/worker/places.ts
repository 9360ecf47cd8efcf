// Where a claimed path leads: an account, a branch, a position.
import { type Branch, CHANGE, RECEIVE } from "../protocol";
import type { Account } from "./keychain";
import { isHardened, pathText } from "./paths";

/** An account that may be spent from, and how far on each branch coins are looked for. */
export interface Spending {
  account: Account;
  reach: readonly [receive: number, change: number];
}

export interface Place {
  account: Account;
  branch: Branch;
  index: number;
  /** The last position on this branch where coins are looked for. */
  reach: number;
  path: readonly number[];
}

/** undefined where the path is on none of these accounts' two branches. */
export function placeOf(
  path: readonly number[],
  spending: readonly Spending[],
): Place | undefined {
  const [branch = -1, index = -1] = path.slice(-2);
  const parent = pathText(path.slice(0, -2));
  const found = spending.find((each) => pathText(each.account.path) === parent);
  if (found === undefined || (branch !== RECEIVE && branch !== CHANGE)) return undefined;
  if (isHardened(index)) return undefined;
  return { account: found.account, branch, index, reach: found.reach[branch], path };
}
