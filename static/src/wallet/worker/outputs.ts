// Every output is either what the person typed or change that our own keys can spend.
import { bytesToHex } from "@noble/hashes/utils.js";

import type { Network } from "../networks";
import { CHANGE, type CheckedChange, type CheckedPayment, type Intent } from "../protocol";
import { addressOf, scriptOf } from "./addresses";
import { equalBytes } from "./bytes";
import { areScriptsOf, isKeyOf } from "./claims";
import { type Place, placeOf, type Spending } from "./places";
import { pathText } from "./paths";
import type { Proposal, ProposedOutput } from "./proposal";
import { refuse } from "./refusal";
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

/** Where an output that claims to be ours leads; undefined if it claims nothing. */
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
  const leaf = place?.account.leaf(place.branch, place.index);
  const isTrue =
    proposed.origins.length === 1 &&
    place !== undefined &&
    leaf !== undefined &&
    equalBytes(leaf.script, output.script) &&
    isKeyOf(claim, place, leaf) &&
    areScriptsOf(proposed, place, leaf);
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

/** Add an output to what was found: as change, or as a payment that must have been asked for. */
function settle(
  output: Output,
  place: Place | undefined,
  at: number,
  wanted: Wanted[],
  found: CheckedOutputs,
  network: Network,
): void {
  const { amount, script } = output;
  const address = addressOf(script, network);
  found.total += amount;
  if (place?.branch === CHANGE) {
    found.change.push({ address, amount, path: pathText(place.path) });
    return;
  }
  takeWanted(wanted, output, address, at);
  found.payments.push({ address, amount, own: place !== undefined });
  found.paid += amount;
}

export function checkOutputs(
  proposal: Proposal,
  spending: readonly Spending[],
  intent: Intent,
  network: Network,
): CheckedOutputs {
  const wanted = wantedPayments(intent, network);
  const found: CheckedOutputs = { payments: [], change: [], total: 0n, paid: 0n };
  proposal.outputs.forEach((proposed, at) => {
    const output = proposal.transaction.outputs[at];
    if (output === undefined || output.amount >= AMOUNT_MAXIMUM) {
      refuse("amount_range", { output: at });
    }
    const place = provenPlace(proposed, output, at, spending);
    settle(output, place, at, wanted, found, network);
  });
  const missing = wanted.find((each) => !each.found);
  if (missing) refuse("payment_missing", { address: missing.address, amount: missing.amount });
  const isSweep = wanted.some((each) => each.amount === "all");
  if (isSweep && found.change.length > 0) refuse("change_with_all");
  return found;
}
