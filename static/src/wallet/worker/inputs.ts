// Every input must be ours, spend what it says it spends, and be signed as a whole.
import type { Intent } from "../protocol";
import { equalBytes, hashHex } from "./bytes";
import { areScriptsOf, isKeyOf } from "./claims";
import type { Account, Leaf } from "./keychain";
import { pathText } from "./paths";
import { type Place, placeOf, type Spending } from "./places";
import type { Origin, Proposal, ProposedInput } from "./proposal";
import { refuse } from "./refusal";
import { SIGHASH_ALL, SIGHASH_DEFAULT } from "./sighash";
import type { Input, Output } from "./transaction";

/** An input that we have proved to be ours. */
export interface OwnInput {
  account: Account;
  leaf: Leaf;
  spent: Output;
}

/** The output that an input spends: out of the previous transaction, whose hash proves it. */
function spentOutput(proposed: ProposedInput, input: Input, at: number, purpose: number): Output {
  const { previous, spent } = proposed;
  if (previous === undefined) {
    // BIP341 signs every amount and script that is spent; BIP143 and older forms do not.
    if (purpose !== 86) refuse("input_previous_missing", { input: at });
    return spent ?? refuse("input_previous_missing", { input: at });
  }
  if (!equalBytes(previous.txid, input.txid)) refuse("input_previous_wrong", { input: at });
  const output = previous.outputs[input.vout] ?? refuse("input_previous_wrong", { input: at });
  if (spent === undefined) return output;
  if (spent.amount !== output.amount) {
    refuse("input_amount", { input: at, claimed: spent.amount, found: output.amount });
  }
  if (!equalBytes(spent.script, output.script)) refuse("input_script", { input: at });
  return output;
}

function ownOrigin(origins: readonly Origin[], spending: readonly Spending[], at: number): Origin {
  const [origin] = origins;
  const ours = spending[0]?.account.masterFingerprint;
  if (origin === undefined || origin.fingerprint !== ours || origins.length > 1) {
    refuse("input_foreign", { input: at });
  }
  return origin;
}

/** The leaf that the account gives at this place, if all the PSBT says of it is true. */
function provenLeaf(
  proposed: ProposedInput,
  spent: Output,
  place: Place,
  origin: Origin,
  at: number,
): Leaf {
  const leaf = place.account.leaf(place.branch, place.index);
  if (!equalBytes(leaf.script, spent.script) || !isKeyOf(origin, place, leaf)) {
    refuse("input_mismatch", { input: at, path: pathText(origin.path) });
  }
  if (!areScriptsOf(proposed, place, leaf)) refuse("input_script", { input: at });
  return leaf;
}

function refuseSighash(sighash: number | undefined, purpose: number, at: number): void {
  const whole = purpose === 86 ? SIGHASH_DEFAULT : SIGHASH_ALL;
  if (sighash !== undefined && sighash !== whole) {
    refuse("input_sighash", { input: at, found: sighash });
  }
}

function checkInput(
  proposed: ProposedInput,
  input: Input,
  at: number,
  spending: readonly Spending[],
  intent: Intent,
): OwnInput {
  const origin = ownOrigin(proposed.origins, spending, at);
  const place = placeOf(origin.path, spending);
  if (place === undefined) refuse("input_path", { input: at, path: pathText(origin.path) });
  const { purpose } = place.account;
  const spent = spentOutput(proposed, input, at, purpose);
  const leaf = provenLeaf(proposed, spent, place, origin, at);
  refuseSighash(proposed.sighash, purpose, at);
  if (input.sequence !== intent.sequence) {
    refuse("input_sequence", { input: at, found: input.sequence, expected: intent.sequence });
  }
  return { account: place.account, leaf, spent };
}

function outpointText(input: Input): string {
  return `${hashHex(input.txid)}:${input.vout}`;
}

/** All inputs, none twice, at least one of those that a replacement must spend again. */
export function checkInputs(
  proposal: Proposal,
  spending: readonly Spending[],
  intent: Intent,
): OwnInput[] {
  const { inputs } = proposal.transaction;
  if (inputs.length === 0) refuse("no_inputs");
  const names = inputs.map(outpointText);
  const twice = names.findIndex((name, at) => names.indexOf(name) !== at);
  if (twice >= 0) refuse("input_duplicate", { input: twice });
  const replaced = intent.replaces?.map(({ txid, vout }) => `${txid}:${vout}`);
  if (replaced && !names.some((name) => replaced.includes(name))) refuse("replaces_nothing");
  return proposal.inputs.map((proposed, at) => {
    const input = inputs[at] ?? refuse("no_inputs");
    return checkInput(proposed, input, at, spending, intent);
  });
}
