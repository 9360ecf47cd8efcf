// The signer trusts nobody: a PSBT is signed only if our own keys prove that it does what the
// person asked for. What is shown before signing is computed here.
import type { Network } from "../networks";
import type { CheckedTransaction, CheckWarning, Intent } from "../protocol";
import { addressOf } from "./addresses";
import { hashHex } from "./bytes";
import { checkFee, signedVsize } from "./fees";
import { checkInputs, type OwnInput } from "./inputs";
import { checkOutputs } from "./outputs";
import { pathText } from "./paths";
import type { Spending } from "./places";
import { type Proposal, readProposal } from "./proposal";
import { refuse } from "./refusal";

const VERSIONS = [1, 2];
const REPLACEABLE = 0xfffffffd; // BIP125: up to this sequence

/** What `sign` will sign: nothing is read again. */
export interface Checked {
  proposal: Proposal;
  inputs: readonly OwnInput[];
}

export interface CheckResult {
  checked: Checked;
  summary: Omit<CheckedTransaction, "token">;
}

function refuseOther(proposal: Proposal, intent: Intent): void {
  const { version, locktime } = proposal.transaction;
  if (!VERSIONS.includes(version)) refuse("transaction_version", { found: version });
  if (locktime !== intent.locktime) {
    refuse("locktime", { found: locktime, expected: intent.locktime });
  }
}

function warningsOf(intent: Intent): CheckWarning[] {
  const warnings: CheckWarning[] = [];
  if (intent.feeOverridden) warnings.push("fee_overridden");
  if (intent.sequence > REPLACEABLE) warnings.push("not_replaceable");
  return warnings;
}

export function checkPsbt(
  psbt: string,
  intent: Intent,
  spending: readonly Spending[],
  network: Network,
): CheckResult {
  const proposal = readProposal(psbt);
  const { transaction } = proposal;
  refuseOther(proposal, intent);
  const inputs = checkInputs(proposal, spending, intent);
  const outputs = checkOutputs(proposal, spending, intent, network);
  const spent = inputs.reduce((sum, input) => sum + input.spent.amount, 0n);
  const money = { spent, total: outputs.total, paid: outputs.paid };
  const fee = checkFee(money, signedVsize(transaction, inputs), intent, network);
  const summary = {
    inputs: inputs.map(({ spent: output, leaf }, at) => ({
      txid: hashHex(transaction.inputs[at]?.txid ?? new Uint8Array()),
      vout: transaction.inputs[at]?.vout ?? 0,
      amount: output.amount,
      address: addressOf(output.script, network),
      path: pathText(leaf.path),
    })),
    payments: outputs.payments,
    change: outputs.change,
    ...fee,
    locktime: transaction.locktime,
    replaceable: intent.sequence <= REPLACEABLE,
    warnings: warningsOf(intent),
  };
  return { checked: { proposal, inputs }, summary };
}
