// Raw transactions: reading them, their txid, and the parts that signature hashes are made of.
import { concatBytes } from "@noble/hashes/utils.js";

import {
  type Bytes,
  compactSize,
  EncodingError,
  hash256,
  Reader,
  uint32,
  uint64,
  withLength,
} from "./bytes";

export interface Input {
  txid: Bytes; // wire order
  vout: number;
  scriptSig: Bytes;
  sequence: number;
}

export interface Output {
  amount: bigint;
  script: Bytes;
}

export interface Transaction {
  version: number;
  inputs: Input[];
  outputs: Output[];
  locktime: number;
}

export interface ReadTransaction extends Transaction {
  txid: Bytes; // wire order
}

const WITNESS = 1;
const MWEB = 8; // Litecoin's: in a block only the HogEx has it, with nothing behind it
const INPUT_LEAST = 41;
const OUTPUT_LEAST = 9;

function readInput(reader: Reader): Input {
  return {
    txid: reader.take(32),
    vout: reader.uint32(),
    scriptSig: reader.withLength(),
    sequence: reader.uint32(),
  };
}

export function readOutput(reader: Reader): Output {
  return { amount: reader.uint64(), script: reader.withLength() };
}

function readMany<Item>(reader: Reader, least: number, read: (reader: Reader) => Item): Item[] {
  return Array.from({ length: reader.count(least) }, () => read(reader));
}

/** A whole transaction, with or without witness. Throws EncodingError. */
export function readTransaction(raw: Bytes): ReadTransaction {
  const reader = new Reader(raw);
  const version = reader.uint32();
  const isExtended = raw[4] === 0 && raw[5] !== 0 && reader.left > 2;
  const flags = isExtended ? (reader.take(2)[1] ?? 0) : 0;
  if ((flags & ~(WITNESS | MWEB)) !== 0) {
    throw new EncodingError(`a transaction with unknown flags ${flags}`);
  }
  const start = reader.offset;
  const inputs = readMany(reader, INPUT_LEAST, readInput);
  const outputs = readMany(reader, OUTPUT_LEAST, readOutput);
  const end = reader.offset;
  if (flags & WITNESS) {
    for (const _ of inputs) readMany(reader, 1, (each) => each.withLength());
  }
  if (flags & MWEB && reader.byte() !== 0) throw new EncodingError("a transaction with MWEB data");
  const locktime = reader.uint32();
  reader.end();
  const body = raw.subarray(start, end);
  const txid = hash256(concatBytes(uint32(version), body, uint32(locktime)));
  return { version, inputs, outputs, locktime, txid };
}

export function outpointBytes(input: Input): Bytes {
  return concatBytes(input.txid, uint32(input.vout));
}

export function outputBytes(output: Output): Bytes {
  return concatBytes(uint64(output.amount), withLength(output.script));
}

function inputBytes(input: Input): Bytes {
  return concatBytes(outpointBytes(input), withLength(input.scriptSig), uint32(input.sequence));
}

/** Without witness: what the txid is made of. */
export function transactionBytes(transaction: Transaction): Bytes {
  const { version, inputs, outputs, locktime } = transaction;
  return concatBytes(
    uint32(version),
    compactSize(inputs.length),
    ...inputs.map(inputBytes),
    compactSize(outputs.length),
    ...outputs.map(outputBytes),
    uint32(locktime),
  );
}
