// Signature hashes over the whole transaction: SIGHASH_ALL, and SIGHASH_DEFAULT for taproot. There
// is no other here, so none other can be signed.
import { schnorr } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { type Bytes, EncodingError, hash256, uint32, uint64, withLength } from "./bytes";
import {
  outpointBytes,
  type Output,
  outputBytes,
  type Transaction,
  transactionBytes,
} from "./transaction";

export const SIGHASH_DEFAULT = 0;
export const SIGHASH_ALL = 1;

const NO_SCRIPT = new Uint8Array(0);

/** The digests of one transaction, whose inputs spend `spent`. */
export class SignatureHashes {
  // Single SHA-256 each, as BIP341 uses them; BIP143 hashes three of them once more.
  private readonly prevouts: Bytes;
  private readonly sequences: Bytes;
  private readonly outputs: Bytes;
  private readonly amounts: Bytes;
  private readonly scripts: Bytes;

  constructor(
    private readonly transaction: Transaction,
    private readonly spent: readonly Output[],
  ) {
    const { inputs, outputs } = transaction;
    this.prevouts = sha256(concatBytes(...inputs.map(outpointBytes)));
    this.sequences = sha256(concatBytes(...inputs.map((input) => uint32(input.sequence))));
    this.outputs = sha256(concatBytes(...outputs.map(outputBytes)));
    this.amounts = sha256(concatBytes(...spent.map((output) => uint64(output.amount))));
    this.scripts = sha256(concatBytes(...spent.map((output) => withLength(output.script))));
  }

  private input(index: number) {
    const input = this.transaction.inputs[index];
    const spent = this.spent[index];
    if (input === undefined || spent === undefined) throw new EncodingError(`no input ${index}`);
    return { input, spent };
  }

  legacy(index: number): Bytes {
    const { spent } = this.input(index);
    const inputs = this.transaction.inputs.map((input, at) => ({
      ...input,
      scriptSig: at === index ? spent.script : NO_SCRIPT,
    }));
    return hash256(
      concatBytes(transactionBytes({ ...this.transaction, inputs }), uint32(SIGHASH_ALL)),
    );
  }

  /** BIP143; `scriptCode` is the P2PKH script of the key. */
  segwit(index: number, scriptCode: Bytes): Bytes {
    const { input, spent } = this.input(index);
    return hash256(
      concatBytes(
        uint32(this.transaction.version),
        sha256(this.prevouts),
        sha256(this.sequences),
        outpointBytes(input),
        withLength(scriptCode),
        uint64(spent.amount),
        uint32(input.sequence),
        sha256(this.outputs),
        uint32(this.transaction.locktime),
        uint32(SIGHASH_ALL),
      ),
    );
  }

  /** BIP341, key path, SIGHASH_DEFAULT. */
  taproot(index: number): Bytes {
    const { version, locktime } = this.transaction;
    const message = concatBytes(
      Uint8Array.of(0, SIGHASH_DEFAULT),
      uint32(version),
      uint32(locktime),
      this.prevouts,
      this.amounts,
      this.scripts,
      this.sequences,
      this.outputs,
      Uint8Array.of(0), // no annex, no script path
      uint32(index),
    );
    return schnorr.utils.taggedHash("TapSighash", message);
  }
}
