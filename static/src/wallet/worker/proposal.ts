// What a PSBT proposes: the transaction to be signed and what it says of each input and output.
// Nothing here is believed yet; policy.ts compares it with our own keys.
import { type Bytes, EncodingError, Reader } from "./bytes";
import { Fields, GLOBAL, optionalUint32, type Psbt, psbtFromBase64, strictly } from "./psbt";
import { refuse } from "./refusal";
import {
  type Output,
  readOutput,
  readTransaction,
  type ReadTransaction,
  type Transaction,
} from "./transaction";

const INPUT = {
  previous: 0x00,
  spent: 0x01,
  sighash: 0x03,
  redeemScript: 0x04,
  origin: 0x06,
  finalScript: 0x07,
  finalWitness: 0x08,
  txid: 0x0e,
  vout: 0x0f,
  sequence: 0x10,
  tapKeySignature: 0x13,
  tapOrigin: 0x16,
  tapKey: 0x17,
} as const;

const OUTPUT = {
  redeemScript: 0x00,
  origin: 0x02,
  amount: 0x03,
  script: 0x04,
  tapKey: 0x05,
  tapOrigin: 0x07,
} as const;

export const PARTIAL_SIGNATURE = 0x02;
export const TAP_KEY_SIGNATURE = INPUT.tapKeySignature;

const ONLY_OLD = new Set<number>([GLOBAL.unsignedTransaction, GLOBAL.xpub, GLOBAL.version]);
const ONLY_NEW = new Set<number>([
  GLOBAL.xpub,
  GLOBAL.transactionVersion,
  GLOBAL.fallbackLocktime,
  GLOBAL.inputCount,
  GLOBAL.outputCount,
  GLOBAL.modifiable,
  GLOBAL.version,
]);
const OLD_INPUT = new Set<number>([
  INPUT.previous,
  INPUT.spent,
  INPUT.sighash,
  INPUT.redeemScript,
  INPUT.origin,
  INPUT.tapOrigin,
  INPUT.tapKey,
]);
const NEW_INPUT = new Set<number>([...OLD_INPUT, INPUT.txid, INPUT.vout, INPUT.sequence]);
const OLD_OUTPUT = new Set<number>([
  OUTPUT.redeemScript,
  OUTPUT.origin,
  OUTPUT.tapKey,
  OUTPUT.tapOrigin,
]);
const NEW_OUTPUT = new Set<number>([...OLD_OUTPUT, OUTPUT.amount, OUTPUT.script]);
const FINAL_SEQUENCE = 0xffffffff;

/** A key that is said to be ours: a claim. */
export interface Origin {
  publicKey: Bytes; // 33 bytes, x-only for taproot
  fingerprint: number;
  path: number[];
}

export interface ProposedInput {
  previous: ReadTransaction | undefined;
  spent: Output | undefined;
  sighash: number | undefined;
  redeemScript: Bytes | undefined;
  tapKey: Bytes | undefined;
  origins: Origin[];
}

export interface ProposedOutput {
  redeemScript: Bytes | undefined;
  tapKey: Bytes | undefined;
  origins: Origin[];
}

export interface Proposal {
  psbt: Psbt;
  transaction: Transaction;
  inputs: ProposedInput[];
  outputs: ProposedOutput[];
}

function readOrigin(publicKey: Bytes, reader: Reader): Origin {
  const view = reader.take(4);
  const fingerprint = new DataView(view.buffer, view.byteOffset, 4).getUint32(0);
  const path: number[] = [];
  while (reader.left > 0) path.push(reader.uint32());
  return { publicKey, fingerprint, path };
}

function origins(fields: Fields, plain: number, taproot: number): Origin[] {
  const ofPlain = fields
    .all(plain)
    .map(({ keyData, value }) => readOrigin(keyData, new Reader(value)));
  const ofTaproot = fields.all(taproot).map(({ keyData, value }) => {
    const reader = new Reader(value);
    if (reader.compactSize() !== 0) refuse("psbt_field", { place: fields.place, field: taproot });
    return readOrigin(keyData, reader); // a key in no leaf of a script tree
  });
  return [...ofPlain, ...ofTaproot];
}

function spentOutput(value: Bytes): Output {
  const reader = new Reader(value);
  const output = readOutput(reader);
  reader.end();
  return output;
}

function proposedInput(fields: Fields, at: number, allowed: ReadonlySet<number>): ProposedInput {
  const isFinal = fields.get(INPUT.finalScript) ?? fields.get(INPUT.finalWitness);
  if (isFinal ?? fields.all(PARTIAL_SIGNATURE)[0] ?? fields.get(INPUT.tapKeySignature)) {
    refuse("input_final", { input: at });
  }
  fields.refuseAllBut(allowed);
  const previous = fields.get(INPUT.previous);
  const spent = fields.get(INPUT.spent);
  return {
    previous: previous && readTransaction(previous),
    spent: spent && spentOutput(spent),
    sighash: optionalUint32(fields, INPUT.sighash),
    redeemScript: fields.get(INPUT.redeemScript),
    tapKey: fields.get(INPUT.tapKey),
    origins: origins(fields, INPUT.origin, INPUT.tapOrigin),
  };
}

function proposedOutput(fields: Fields, allowed: ReadonlySet<number>): ProposedOutput {
  fields.refuseAllBut(allowed);
  return {
    redeemScript: fields.get(OUTPUT.redeemScript),
    tapKey: fields.get(OUTPUT.tapKey),
    origins: origins(fields, OUTPUT.origin, OUTPUT.tapOrigin),
  };
}

function transactionOfNew({ global, inputs, outputs }: Psbt): Transaction {
  return {
    version: optionalUint32(global, GLOBAL.transactionVersion) ?? 0,
    locktime: optionalUint32(global, GLOBAL.fallbackLocktime) ?? 0,
    inputs: inputs.map((fields) => ({
      txid: new Reader(fields.wanted(INPUT.txid)).take(32),
      vout: new Reader(fields.wanted(INPUT.vout)).uint32(),
      sequence: optionalUint32(fields, INPUT.sequence) ?? FINAL_SEQUENCE,
      scriptSig: new Uint8Array(0),
    })),
    outputs: outputs.map((fields) => ({
      amount: new Reader(fields.wanted(OUTPUT.amount)).uint64(),
      script: fields.wanted(OUTPUT.script),
    })),
  };
}

function transactionOfOld(unsigned: Bytes): Transaction {
  const transaction = readTransaction(unsigned);
  if (transaction.inputs.some((input) => input.scriptSig.length > 0)) {
    throw new EncodingError("the unsigned transaction has a signed input");
  }
  return transaction;
}

function propose(psbt: Psbt): Proposal {
  const version = optionalUint32(psbt.global, GLOBAL.version) ?? 0;
  if (version !== 0 && version !== 2) throw new EncodingError(`version ${version}`);
  const isOld = version === 0;
  psbt.global.refuseAllBut(isOld ? ONLY_OLD : ONLY_NEW);
  const transaction = isOld
    ? transactionOfOld(psbt.global.wanted(GLOBAL.unsignedTransaction))
    : transactionOfNew(psbt);
  const inputFields = isOld ? OLD_INPUT : NEW_INPUT;
  const outputFields = isOld ? OLD_OUTPUT : NEW_OUTPUT;
  return {
    psbt,
    transaction,
    inputs: psbt.inputs.map((fields, at) => proposedInput(fields, at, inputFields)),
    outputs: psbt.outputs.map((fields) => proposedOutput(fields, outputFields)),
  };
}

export function readProposal(base64: string): Proposal {
  const psbt = psbtFromBase64(base64);
  return strictly(() => propose(psbt));
}
