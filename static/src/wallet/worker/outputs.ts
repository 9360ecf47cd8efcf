// Every output is either what the person typed or change that our own keys can spend.
import { bytesToHex } from "@noble/hashes/utils.js";

import type { Network } from "../networks";
import { CHANGE, type CheckedChange, type CheckedPayment, type Intent } from "../protocol";
import { addressOf, scriptOf } from "./addresses";
import { equalBytes } from "./bytes";
import { type Place, placeOf, type Spending } from "./places";
import { pathText } from "./paths";
import type { Proposal, ProposedOutput } from "./proposal";
import { refuse } from "./refusal";
import { nestedScript, xOnly } from "./scripts";
import type { Output } from "./transaction";

const AMOUNT_MAXIMUM = 1n << 63n;

interface Wanted {
  script: string;
  address: string;
  amount: bigint | "all";
  found: boolean;
}

export interface CheckedOutputs {
  payments: CheckedPayment[];
  change: CheckedChange[];
  total: bigint;
  paid: bigint;
}

function wantedPayments(intent: Intent, network: Network): Wanted[] {
  const sweeps = intent.recipients.flatMap(({ amount }, at) => (amount === "all" ? [at] : []));
  const second = sweeps[1]; // who would share "all", and how?
  if (second !== undefined) refuse("recipient_amount", { recipient: second });
  return intent.recipients.map(({ address, amount }, recipient) => {
    const script = scriptOf(address, network);
    if (script === undefined) refuse("recipient_address", { recipient, address });
    if (amount !== "all" && (amount < 0n || amount >= AMOUNT_MAXIMUM)) {
      refuse("recipient_amount", { recipient });
    }
    return { script: bytesToHex(script), address, amount, found: false };
  });
}

/** Where an output that claims to be ours leads; undefined if it claims nothing. Lies are refused. */
function provenPlace(
  proposed: ProposedOutput,
  output: Output,
  at: number,
  spending: readonly Spending[],
): Place | undefined {
  const ours = spending[0]?.account.masterFingerprint;
  const claim = proposed.origins.find((origin) => origin.fingerprint === ours);
  if (claim === undefined) return undefined;
  const path = pathText(claim.path);
  const place = placeOf(claim.path, spending);
  if (place === undefined || proposed.origins.length > 1) refuse("change_not_ours", { output: at, path });
  const { purpose } = place.account;
  const leaf = place.account.leaf(place.branch, place.index);
  const key = purpose === 86 ? xOnly(leaf.publicKey) : leaf.publicKey;
  const redeem = purpose === 49 ? nestedScript(leaf.publicKey) : undefined;
  const { redeemScript, tapKey } = proposed;
  const isTrue =
    equalBytes(leaf.script, output.script) &&
    equalBytes(claim.publicKey, key) &&
    (redeemScript === undefined || (redeem !== undefined && equalBytes(redeemScript, redeem))) &&
    (tapKey === undefined || (purpose === 86 && equalBytes(tapKey, key)));
  if (!isTrue) refuse("change_not_ours", { output: at, path });
  if (place.index > place.reach) refuse("change_out_of_reach", { output: at, path });
  return place;
}

function takeWanted(wanted: Wanted[], output: Output, address: string, at: number): void {
  const script = bytesToHex(output.script);
  const same = wanted.filter((each) => !each.found && each.script === script);
  const exact = same.find((each) => each.amount === output.amount);
  const match = exact ?? same.find((each) => each.amount === "all");
  if (match) {
    match.found = true;
    return;
  }
  const [other] = same;
  if (other && other.amount !== "all") {
    refuse("payment_amount", { address, amount: output.amount, expected: other.amount });
  }
  refuse("payment_unexpected", { output: at, address, amount: output.amount });
}

export function checkOutputs(
  proposal: Proposal,
  spending: readonly Spending[],
  intent: Intent,
  network: Network,
): CheckedOutputs {
  const wanted = wantedPayments(intent, network);
  const payments: CheckedPayment[] = [];
  const change: CheckedChange[] = [];
  let total = 0n;
  proposal.transaction.outputs.forEach((output, at) => {
    const { amount } = output;
    if (amount >= AMOUNT_MAXIMUM) refuse("amount_range", { output: at });
    total += amount;
    const address = addressOf(output.script, network);
    const proposed = proposal.outputs[at] ?? refuse("amount_range", { output: at });
    const place = provenPlace(proposed, output, at, spending);
    if (place?.branch === CHANGE) {
      change.push({ address, amount, path: pathText(place.path) });
      return;
    }
    takeWanted(wanted, output, address, at);
    payments.push({ address, amount, own: place !== undefined });
  });
  const missing = wanted.find((each) => !each.found);
  if (missing) refuse("payment_missing", { address: missing.address, amount: missing.amount });
  if (change.length > 0 && wanted.some((each) => each.amount === "all")) refuse("change_with_all");
  const paid = payments.reduce((sum, payment) => sum + payment.amount, 0n);
  return { payments, change, total, paid };
}
