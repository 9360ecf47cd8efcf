// What a PSBT says of an input or output that it calls ours, compared with what our own key gives.
import { equalBytes } from "./bytes";
import type { Leaf } from "./keychain";
import type { Place } from "./places";
import type { Origin, ProposedInput, ProposedOutput } from "./proposal";
import { nestedScript, xOnly } from "./scripts";

/** The key in place of which the origin stands: x-only in taproot's fields. */
export function isKeyOf(origin: Origin, place: Place, { publicKey }: Leaf): boolean {
  const key = place.account.purpose === 86 ? xOnly(publicKey) : publicKey;
  return equalBytes(origin.publicKey, key);
}

/** Redeem script and internal key: they may be left out, but not be others. */
export function areScriptsOf(
  { redeemScript, tapKey }: ProposedInput | ProposedOutput,
  place: Place,
  { publicKey }: Leaf,
): boolean {
  const { purpose } = place.account;
  const isRedeemScript =
    redeemScript === undefined ||
    (purpose === 49 && equalBytes(redeemScript, nestedScript(publicKey)));
  const isTapKey = tapKey === undefined || (purpose === 86 && equalBytes(tapKey, xOnly(publicKey)));
  return isRedeemScript && isTapKey;
}
