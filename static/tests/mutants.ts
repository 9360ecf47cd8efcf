// One change at a time to a good PSBT or to what was asked for, and why it must be refused.
import { concatBytes } from "@noble/hashes/utils.js";

import type { Intent, Purpose, RefusalCode } from "../src/wallet/protocol";
import { addressOf } from "../src/wallet/worker/addresses";
import { uint32 } from "../src/wallet/worker/bytes";
import { readTransaction, transactionBytes } from "../src/wallet/worker/transaction";
import {
  accountOf,
  type Draft,
  type DraftInput,
  type DraftOutput,
  type Good,
  ownInput,
  ownOutput,
  payment,
  strangeAccount,
} from "./drafts";

export interface Mutant {
  name: string;
  code: RefusalCode;
  change: (draft: Draft, intent: Intent, good: Good) => void;
  /** Where the field exists; everywhere if absent. */
  purposes?: Purpose[];
}

const SEGWIT_0: Purpose[] = [49, 84];
const SEGWIT: Purpose[] = [49, 84, 86];
const BEFORE_TAPROOT: Purpose[] = [44, 49, 84];
const HARDENED = 0x80000000;

function input(draft: Draft, at = 0): DraftInput {
  const found = draft.inputs[at];
  if (!found) throw new Error(`no input ${at}`);
  return found;
}

function output(draft: Draft, at: number): DraftOutput {
  const found = draft.outputs[at];
  if (!found) throw new Error(`no output ${at}`);
  return found;
}

const change = (draft: Draft): DraftOutput => output(draft, 2);

function originOf(map: DraftInput | DraftOutput) {
  if (!map.origin) throw new Error("no origin");
  return map.origin;
}

function bump(bytes: Uint8Array, at = -1): void {
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
}

/** Change the previous transaction and let the input name it by its new hash. */
function retarget(
  draft: Draft,
  edit: (amountHolder: { amount: bigint; script: Uint8Array }) => void,
): void {
  const target = input(draft);
  const spent = target.previous?.outputs[1];
  if (!spent || !target.previous) throw new Error("no previous transaction");
  edit(spent);
  target.txid = readTransaction(transactionBytes(target.previous)).txid;
}

function setStep(map: DraftInput | DraftOutput, at: number, value: number): void {
  originOf(map).path.splice(at, 1, value);
}

const stranger = (good: Good) => strangeAccount(good.account.purpose, good.network);

const INPUTS: Mutant[] = [
  {
    name: "an input's amount, in witnessUtxo",
    code: "input_amount",
    purposes: SEGWIT,
    change: (draft) => {
      const { spent } = input(draft);
      if (spent) spent.amount += 500_000n;
    },
  },
  {
    name: "an input's script, in witnessUtxo",
    code: "input_script",
    purposes: SEGWIT,
    change: (draft) => bump(input(draft).spent?.script ?? new Uint8Array()),
  },
  {
    name: "an input's amount, in the previous transaction",
    code: "input_previous_wrong",
    change: (draft) => {
      const spent = input(draft).previous?.outputs[1];
      if (spent) spent.amount += 500_000n;
    },
  },
  {
    name: "an input's script, in a previous transaction of that hash",
    code: "input_mismatch",
    purposes: [44],
    change: (draft) => retarget(draft, (spent) => bump(spent.script, 5)),
  },
  {
    name: "an input's script, everywhere",
    code: "input_mismatch",
    purposes: SEGWIT,
    change: (draft) => {
      retarget(draft, (spent) => bump(spent.script, 5));
      bump(input(draft).spent?.script ?? new Uint8Array(), 5);
    },
  },
  {
    name: "the previous transaction left out",
    code: "input_previous_missing",
    purposes: SEGWIT_0,
    change: (draft) => (input(draft).previous = undefined),
  },
  {
    name: "all that says what is spent left out",
    code: "input_previous_missing",
    change: (draft) => Object.assign(input(draft), { previous: undefined, spent: undefined }),
  },
  {
    name: "an outpoint's txid",
    code: "input_previous_wrong",
    change: (draft) => bump(input(draft).txid),
  },
  {
    name: "an outpoint's number",
    code: "input_previous_wrong",
    change: (draft) => (input(draft).vout = 7),
  },
  {
    name: "an input's fingerprint",
    code: "input_foreign",
    change: (draft) => (originOf(input(draft)).fingerprint ^= 1),
  },
  {
    name: "an input's origin left out",
    code: "input_foreign",
    change: (draft) => (input(draft).origin = undefined),
  },
  {
    name: "an input's path: position",
    code: "input_mismatch",
    change: (draft) => setStep(input(draft), 4, 4),
  },
  {
    name: "an input's path: the other branch",
    code: "input_mismatch",
    change: (draft) => setStep(input(draft), 3, 1),
  },
  {
    name: "an input's path: a third branch",
    code: "input_path",
    change: (draft) => setStep(input(draft), 3, 2),
  },
  {
    name: "an input's path: another account",
    code: "input_path",
    change: (draft) => setStep(input(draft), 2, HARDENED + 1),
  },
  {
    name: "an input's path: another purpose",
    code: "input_path",
    change: (draft) => setStep(input(draft), 0, HARDENED + 45),
  },
  {
    name: "an input's path: a hardened position",
    code: "input_path",
    change: (draft) => setStep(input(draft), 4, HARDENED + 3),
  },
  {
    name: "an input's path: one step more",
    code: "input_path",
    change: (draft) => originOf(input(draft)).path.push(0),
  },
  {
    name: "an input's path: none",
    code: "input_path",
    change: (draft) => originOf(input(draft)).path.splice(0),
  },
  {
    name: "an input's public key",
    code: "input_mismatch",
    change: (draft) => bump(originOf(input(draft)).publicKey),
  },
  {
    name: "a second origin in an input",
    code: "input_foreign",
    change: (draft, _intent, { account }) => {
      const key =
        account.purpose === 86
          ? account.leaf(0, 9).publicKey.slice(1)
          : account.leaf(0, 9).publicKey;
      const head = account.purpose === 86 ? [0x16] : [0x06];
      const value = account.purpose === 86 ? new Uint8Array(5) : new Uint8Array(4);
      input(draft).more.push([concatBytes(Uint8Array.from(head), key), value]);
    },
  },
  {
    name: "the redeem script",
    code: "input_script",
    purposes: [49],
    change: (draft) => bump(input(draft).redeemScript ?? new Uint8Array()),
  },
  {
    name: "a redeem script where none belongs",
    code: "input_script",
    purposes: [44, 84, 86],
    change: (draft) => (input(draft).redeemScript = Uint8Array.of(0x51)),
  },
  {
    name: "the taproot internal key",
    code: "input_script",
    purposes: [86],
    change: (draft) => bump(input(draft).tapKey ?? new Uint8Array()),
  },
  {
    name: "a witness script",
    code: "psbt_field",
    change: (draft) => input(draft).more.push([Uint8Array.of(0x05), Uint8Array.of(0x51)]),
  },
  {
    name: "a taproot script tree's root",
    code: "psbt_field",
    change: (draft) => input(draft).more.push([Uint8Array.of(0x18), new Uint8Array(32)]),
  },
  {
    name: "somebody else's input",
    code: "input_foreign",
    change: (draft, _intent, good) => draft.inputs.push(ownInput(stranger(good), 0, 0, 1_000n)),
  },
  {
    name: "the same input twice",
    code: "input_duplicate",
    change: (draft) => draft.inputs.push(structuredClone(input(draft))),
  },
  {
    name: "no inputs",
    code: "psbt_malformed", // an empty list reads as the mark of a witness
    change: (draft) => draft.inputs.splice(0),
  },
  {
    name: "an input that is already signed",
    code: "input_final",
    change: (draft) => {
      const key = concatBytes(Uint8Array.of(0x02), originOf(input(draft)).publicKey);
      input(draft).more.push([key, new Uint8Array(71)]);
    },
  },
  {
    name: "an input that is already final",
    code: "input_final",
    change: (draft) => input(draft).more.push([Uint8Array.of(0x08), new Uint8Array(4)]),
  },
  {
    name: "sighash NONE",
    code: "input_sighash",
    change: (draft) => (input(draft).sighash = 2),
  },
  {
    name: "sighash SINGLE",
    code: "input_sighash",
    change: (draft) => (input(draft).sighash = 3),
  },
  {
    name: "sighash ALL|ANYONECANPAY",
    code: "input_sighash",
    change: (draft) => (input(draft, 1).sighash = 0x81),
  },
  {
    name: "sighash 0, which BIP143 does not know",
    code: "input_sighash",
    purposes: BEFORE_TAPROOT,
    change: (draft) => (input(draft).sighash = 0),
  },
  {
    name: "an input's sequence",
    code: "input_sequence",
    change: (draft) => (input(draft, 1).sequence = 0xfffffffe),
  },
  {
    name: "an unknown field of an input",
    code: "psbt_field",
    change: (draft) => input(draft).more.push([Uint8Array.of(0xfc, 1, 2), Uint8Array.of(1)]),
  },
  {
    name: "a field that stands twice",
    code: "psbt_malformed",
    change: (draft) => {
      input(draft).more.push([Uint8Array.of(0x03), uint32(1)], [Uint8Array.of(0x03), uint32(2)]);
    },
  },
];

const OUTPUTS: Mutant[] = [
  {
    name: "a payment's amount",
    code: "payment_amount",
    change: (draft) => (output(draft, 0).amount += 1n),
  },
  {
    name: "a payment's amount, less",
    code: "payment_amount",
    change: (draft) => (output(draft, 1).amount -= 1n),
  },
  {
    name: "a payment's script",
    code: "payment_unexpected",
    change: (draft) => bump(output(draft, 0).script, 4),
  },
  {
    name: "two payments' amounts swapped",
    code: "payment_amount",
    change: (draft) => {
      const [first, second] = [output(draft, 0), output(draft, 1)];
      [first.amount, second.amount] = [second.amount, first.amount];
    },
  },
  {
    name: "a payment left out",
    code: "payment_missing",
    change: (draft) => draft.outputs.splice(0, 1),
  },
  {
    name: "an added payment",
    code: "payment_unexpected",
    change: (draft, _intent, good) => {
      draft.outputs.push(payment(stranger(good).leaf(1, 1).script, 1_000n));
      change(draft).amount -= 1_000n;
    },
  },
  {
    name: "a payment twice",
    code: "payment_unexpected",
    change: (draft) => {
      draft.outputs.push(structuredClone(output(draft, 1)));
      change(draft).amount -= output(draft, 1).amount;
    },
  },
  {
    name: "an added OP_RETURN",
    code: "payment_unexpected",
    change: (draft) => draft.outputs.push(payment(Uint8Array.of(0x6a, 0x01, 0x41), 0n)),
  },
  {
    name: "an amount beyond all money",
    code: "amount_range",
    change: (draft) => (output(draft, 0).amount = 1n << 63n),
  },
  {
    name: "the change's address, the claim kept",
    code: "change_not_ours",
    change: (draft, _intent, good) => (change(draft).script = stranger(good).leaf(1, 9).script),
  },
  {
    name: "the change's address, the claim dropped",
    code: "payment_unexpected",
    change: (draft, _intent, good) => {
      draft.outputs[2] = payment(stranger(good).leaf(1, 9).script, change(draft).amount);
    },
  },
  {
    name: "the change's claim dropped",
    code: "payment_unexpected",
    change: (draft) => (change(draft).origin = undefined),
  },
  {
    name: "the change's fingerprint",
    code: "payment_unexpected",
    change: (draft) => (originOf(change(draft)).fingerprint ^= 1),
  },
  {
    name: "the change's path: position",
    code: "change_not_ours",
    change: (draft) => setStep(change(draft), 4, 10),
  },
  {
    name: "the change's path: the receive branch",
    code: "change_not_ours",
    change: (draft) => setStep(change(draft), 3, 0),
  },
  {
    name: "the change's path: another account",
    code: "change_not_ours",
    change: (draft) => setStep(change(draft), 2, HARDENED + 7),
  },
  {
    name: "the change's public key",
    code: "change_not_ours",
    change: (draft) => bump(originOf(change(draft)).publicKey),
  },
  {
    name: "change on the receive branch",
    code: "payment_unexpected",
    change: (draft, _intent, { account }) => {
      draft.outputs[2] = ownOutput(account, 0, 4, change(draft).amount);
    },
  },
  {
    name: "change beyond the gap limit",
    code: "change_out_of_reach",
    change: (draft, _intent, { account }) => {
      draft.outputs[2] = ownOutput(account, 1, 29, change(draft).amount);
    },
  },
  {
    name: "change far beyond it",
    code: "change_out_of_reach",
    change: (draft, _intent, { account }) => {
      draft.outputs[2] = ownOutput(account, 1, 0x7ffffffe, change(draft).amount);
    },
  },
  {
    name: "the change's redeem script",
    code: "change_not_ours",
    change: (draft) => (change(draft).redeemScript = Uint8Array.of(0x51)),
  },
  {
    name: "the change's taproot key",
    code: "change_not_ours",
    purposes: [86],
    change: (draft) => bump(change(draft).tapKey ?? new Uint8Array()),
  },
  {
    name: "a script tree in the change",
    code: "psbt_field",
    change: (draft) =>
      change(draft).more.push([Uint8Array.of(0x06), Uint8Array.of(0, 0xc0, 1, 0x51)]),
  },
  {
    name: "an unknown field of an output",
    code: "psbt_field",
    change: (draft) => change(draft).more.push([Uint8Array.of(0x55), Uint8Array.of(1)]),
  },
];

const WHOLE: Mutant[] = [
  {
    name: "an inflated fee",
    code: "fee_above_choice",
    change: (draft) => (change(draft).amount -= change(draft).amount / 2n),
  },
  {
    name: "an inflated fee, no rate chosen",
    code: "fee_share",
    change: (draft, intent) => {
      delete intent.feeRate;
      change(draft).amount += output(draft, 0).amount - output(draft, 1).amount / 3n;
      draft.outputs.splice(0, 1);
      intent.recipients.splice(0, 1);
    },
  },
  {
    name: "a fee rate beyond the network's limit",
    code: "fee_rate",
    change: (draft, intent, { network }) => {
      delete intent.feeRate;
      const fee = BigInt(network.feeRateLimit) / 2n; // for about 300 vbytes
      const scale = fee * 10n;
      const [rich, account] = [scale * 4n, accountOf(draft.purpose, network)];
      draft.inputs = [ownInput(account, 0, 3, rich)];
      output(draft, 0).amount = scale;
      intent.recipients = intent.recipients.slice(0, 1).map((each) => ({ ...each, amount: scale }));
      draft.outputs.splice(1, 1);
      output(draft, 1).amount = rich - scale - fee;
    },
  },
  {
    name: "the change left out",
    code: "fee_above_choice",
    change: (draft) => draft.outputs.splice(2, 1),
  },
  {
    name: "more paid than spent",
    code: "fee_negative",
    change: (draft) => (change(draft).amount += 10_000_000_000n),
  },
  { name: "the locktime", code: "locktime", change: (draft) => (draft.locktime += 1) },
  {
    name: "a locktime in years",
    code: "locktime",
    change: (draft) => (draft.locktime = 4_000_000_000),
  },
  { name: "the version", code: "transaction_version", change: (draft) => (draft.version = 3) },
  {
    name: "an unknown field of the whole",
    code: "psbt_field",
    change: (draft) => draft.more.push([Uint8Array.of(0x77), Uint8Array.of(1)]),
  },
  {
    name: "a PSBT version of the future",
    code: "psbt_malformed",
    change: (draft) => draft.more.push([Uint8Array.of(0xfb), uint32(3)]),
  },
];

const ASKED: Mutant[] = [
  {
    name: "asked: another amount",
    code: "payment_amount",
    change: (_draft, intent) => {
      const [first] = intent.recipients;
      if (first) first.amount = 5_000n;
    },
  },
  {
    name: "asked: another address",
    code: "payment_unexpected",
    change: (_draft, intent, good) => {
      const [first] = intent.recipients;
      if (first) first.address = addressOf(stranger(good).leaf(1, 77).script, good.network);
    },
  },
  {
    name: "asked: one recipient more",
    code: "payment_missing",
    change: (_draft, intent, good) => {
      const address = addressOf(stranger(good).leaf(1, 78).script, good.network);
      intent.recipients.push({ address, amount: 1_000n });
    },
  },
  {
    name: "asked: an address of no kind",
    code: "recipient_address",
    change: (_draft, intent) => {
      const [first] = intent.recipients;
      if (first) first.address = "bc1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";
    },
  },
  {
    name: "asked: an amount below nothing",
    code: "recipient_amount",
    change: (_draft, intent) => {
      const [first] = intent.recipients;
      if (first) first.amount = -1n;
    },
  },
  {
    name: "asked: all to one, but there is change",
    code: "change_with_all",
    change: (_draft, intent) => {
      const [first] = intent.recipients;
      if (first) first.amount = "all";
    },
  },
  {
    name: "asked: all to two",
    code: "recipient_amount",
    change: (draft, intent) => {
      for (const recipient of intent.recipients) recipient.amount = "all";
      draft.outputs.splice(2, 1);
    },
  },
  {
    name: "asked: fewer positions in use",
    code: "change_out_of_reach",
    change: (_draft, intent) => {
      const [first] = intent.accounts;
      if (first) first.lastUsed = { receive: -1, change: -1 };
      intent.gapLimit = 5;
    },
  },
  {
    name: "asked: positions in use that no wallet would look at",
    code: "change_out_of_reach",
    change: (draft, intent, { account }) => {
      draft.outputs[2] = ownOutput(account, 1, 0x7ffffff0, change(draft).amount);
      const [first] = intent.accounts;
      if (first) first.lastUsed = { receive: 3, change: 0x7ffffff0 };
    },
  },
  {
    name: "asked: another account",
    code: "input_path",
    change: (_draft, intent) => {
      const [first] = intent.accounts;
      if (first) first.account = 3;
    },
  },
  {
    name: "asked: another sequence",
    code: "input_sequence",
    change: (_draft, intent) => (intent.sequence = 0),
  },
  {
    name: "asked: a replacement of something else",
    code: "replaces_nothing",
    change: (_draft, intent) => (intent.replaces = [{ txid: "ab".repeat(32), vout: 0 }]),
  },
  {
    name: "asked: a lower fee rate",
    code: "fee_above_choice",
    change: (_draft, intent) => (intent.feeRate = 0),
  },
];

export const MUTANTS = [...INPUTS, ...OUTPUTS, ...WHOLE, ...ASKED];
