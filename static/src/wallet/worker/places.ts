// Where a claimed path leads: an account, a branch, a position.
import { type Branch, CHANGE, RECEIVE, type SpendingAccount } from "../protocol";
import type { Account } from "./keychain";
import { isHardened, pathText } from "./paths";

// The page is told by the server what is in use. Up to here any wallet can find a coin again,
// whatever the server said; beyond it change could be held to ransom.
const REACH_MAXIMUM = 100_000;

/** An account that may be spent from, and how far on each branch coins are looked for. */
export interface Spending {
  account: Account;
  reach: readonly [receive: number, change: number];
}

export function spendingFrom(
  account: Account,
  { receive, change }: SpendingAccount["lastUsed"],
  gapLimit: number,
): Spending {
  const reach = (lastUsed: number): number => Math.min(lastUsed + gapLimit, REACH_MAXIMUM);
  return { account, reach: [reach(receive), reach(change)] };
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
export function placeOf(path: readonly number[], spending: readonly Spending[]): Place | undefined {
  const [branch = -1, index = -1] = path.slice(-2);
  const parent = pathText(path.slice(0, -2));
  const found = spending.find((each) => pathText(each.account.path) === parent);
  if (found === undefined || (branch !== RECEIVE && branch !== CHANGE)) return undefined;
  if (isHardened(index)) return undefined;
  return { account: found.account, branch, index, reach: found.reach[branch], path };
}
