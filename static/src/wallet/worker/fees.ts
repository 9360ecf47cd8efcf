// The size of the signed transaction, and whether its fee is one the person can have meant.
import type { Network } from "../networks";
import type { Intent, Purpose } from "../protocol";
import type { OwnInput } from "./inputs";
import { refuse } from "./refusal";
import { type Transaction, transactionBytes } from "./transaction";

const SCALE = 4; // weight units for each byte outside the witness
const PER = 1000; // fee rates are per 1000 vbytes
const SHARE_LIMIT = 25; // percent of what is paid
// Change too small to be worth an output goes to the fee: that output and its later spend.
const CHANGE_VSIZE = 200;

/** Bytes of the scriptSig and of the witness of a signed input: a low-r signature has 71. */
const SIGNED: Record<Purpose, { scriptSig: number; witness: number }> = {
  44: { scriptSig: 1 + 71 + 1 + 33, witness: 0 },
  49: { scriptSig: 1 + 22, witness: 1 + 1 + 71 + 1 + 33 },
  84: { scriptSig: 0, witness: 1 + 1 + 71 + 1 + 33 },
  86: { scriptSig: 0, witness: 1 + 1 + 64 },
};

/** Virtual bytes of the transaction once signed. */
export function signedVsize(transaction: Transaction, inputs: readonly OwnInput[]): number {
  const purposes = inputs.map((input) => input.account.purpose);
  const hasWitness = purposes.some((purpose) => SIGNED[purpose].witness > 0);
  const scripts = purposes.reduce((sum, purpose) => sum + SIGNED[purpose].scriptSig, 0);
  const witnesses = purposes.reduce((sum, purpose) => sum + (SIGNED[purpose].witness || 1), 2);
  const plain = transactionBytes(transaction).length + scripts;
  return Math.ceil((plain * SCALE + (hasWitness ? witnesses : 0)) / SCALE);
}

export interface Money {
  spent: bigint;
  total: bigint; // of all outputs
  paid: bigint; // to recipients
}

export interface CheckedFee {
  fee: bigint;
  feeRate: number;
  vsize: number;
}

function refuseMoreThanChosen(fee: bigint, vsize: number, intent: Intent, network: Network): void {
  const { feeRate } = intent;
  if (feeRate === undefined) return;
  const most = Math.ceil((feeRate * (vsize + CHANGE_VSIZE)) / PER) + network.dust;
  if (fee > BigInt(most)) {
    const rate = Math.round((Number(fee) * PER) / vsize);
    refuse("fee_above_choice", { fee, rate, chosen: feeRate });
  }
}

function refuseExcess(checked: CheckedFee, money: Money, network: Network): void {
  const { fee, feeRate } = checked;
  if (feeRate > network.feeRateLimit) {
    refuse("fee_rate", { rate: feeRate, limit: network.feeRateLimit });
  }
  const base = money.paid > 0n ? money.paid : money.spent;
  if (fee * 100n > base * BigInt(SHARE_LIMIT)) {
    const percent = Number((fee * 100n) / base);
    refuse("fee_share", { fee, percent, limit: SHARE_LIMIT });
  }
}

export function checkFee(
  money: Money,
  vsize: number,
  intent: Intent,
  network: Network,
): CheckedFee {
  const fee = money.spent - money.total;
  if (fee < 0n) refuse("fee_negative");
  const checked = { fee, feeRate: Math.round((Number(fee) * PER) / vsize), vsize };
  refuseMoreThanChosen(fee, vsize, intent, network);
  if (!intent.feeOverridden) refuseExcess(checked, money, network);
  return checked;
}
