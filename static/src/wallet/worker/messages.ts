// Signed messages: the legacy form for P2PKH, and BIP322 for every kind of address.
import { base64 } from "@scure/base";
import { schnorr } from "@noble/curves/secp256k1.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import type { MessageFormat } from "../protocol";
import { type Bytes, compactSize, hash160, hash256, withLength } from "./bytes";
import type { Account, Leaf } from "./keychain";
import { refuse } from "./refusal";
import { nestedScript, p2pkhScript } from "./scripts";
import { SignatureHashes } from "./sighash";
import { signEcdsa, signRecoverable, signSchnorr, tweakedKey } from "./signing";
import { type Output, type Transaction, transactionBytes } from "./transaction";

const COMPRESSED = 31; // the header of a recoverable signature by a compressed key, plus 0-3
const OP_RETURN = Uint8Array.of(0x6a);
const NOTHING = new Uint8Array(0);
const SIMPLE = "smp";
const FULL = "ful";

/** The transaction that would pay the message's hash to the address (BIP322's to_spend). */
function toSpend(message: string, script: Bytes): { transaction: Transaction; output: Output } {
  const hash = schnorr.utils.taggedHash("BIP0322-signed-message", utf8ToBytes(message));
  const scriptSig = concatBytes(Uint8Array.of(0x00, 0x20), hash);
  const input = { txid: new Uint8Array(32), vout: 0xffffffff, scriptSig, sequence: 0 };
  const output = { amount: 0n, script };
  return { transaction: { version: 0, inputs: [input], outputs: [output], locktime: 0 }, output };
}

/** The transaction whose signature is the message's (BIP322's to_sign). */
function toSign(spent: Transaction): Transaction {
  const txid = hash256(transactionBytes(spent));
  const input = { txid, vout: 0, scriptSig: NOTHING, sequence: 0 };
  return { version: 0, inputs: [input], outputs: [{ amount: 0n, script: OP_RETURN }], locktime: 0 };
}

function stack(items: readonly Bytes[]): Bytes {
  return concatBytes(compactSize(items.length), ...items.map(withLength));
}

function withWitness(transaction: Transaction, witness: readonly Bytes[]): Bytes {
  const plain = transactionBytes(transaction);
  if (witness.length === 0) return plain;
  const [version, body, locktime] = [plain.subarray(0, 4), plain.subarray(4, -4), plain.subarray(-4)];
  return concatBytes(version, Uint8Array.of(0, 1), body, stack(witness), locktime);
}

interface Unlocking {
  scriptSig: Bytes;
  witness: Bytes[];
}

function unlocking(account: Account, leaf: Leaf, hashes: SignatureHashes): Unlocking {
  const { privateKey, publicKey } = leaf;
  const ecdsa = (digest: Bytes): Bytes => signEcdsa(digest, privateKey);
  const segwit = (): Bytes => ecdsa(hashes.segwit(0, p2pkhScript(hash160(publicKey))));
  switch (account.purpose) {
    case 44:
      return {
        scriptSig: concatBytes(withLength(ecdsa(hashes.legacy(0))), withLength(publicKey)),
        witness: [],
      };
    case 49:
      return { scriptSig: withLength(nestedScript(publicKey)), witness: [segwit(), publicKey] };
    case 84:
      return { scriptSig: NOTHING, witness: [segwit(), publicKey] };
    case 86: {
      const key = tweakedKey(privateKey, publicKey);
      return { scriptSig: NOTHING, witness: [signSchnorr(hashes.taproot(0), key)] };
    }
  }
}

function signBip322(account: Account, leaf: Leaf, message: string): string {
  const spent = toSpend(message, leaf.script);
  const transaction = toSign(spent.transaction);
  const hashes = new SignatureHashes(transaction, [spent.output]);
  const { scriptSig, witness } = unlocking(account, leaf, hashes);
  if (scriptSig.length === 0) return SIMPLE + base64.encode(stack(witness));
  const inputs = transaction.inputs.map((input) => ({ ...input, scriptSig }));
  return FULL + base64.encode(withWitness({ ...transaction, inputs }, witness));
}

function signLegacy(account: Account, leaf: Leaf, message: string): string {
  const magic = utf8ToBytes(`${account.network.messageCoin} Signed Message:\n`);
  const digest = hash256(concatBytes(withLength(magic), withLength(utf8ToBytes(message))));
  const [recovery = 0, ...signature] = signRecoverable(digest, leaf.privateKey);
  return base64.encode(Uint8Array.of(COMPRESSED + recovery, ...signature));
}

export function signMessage(
  account: Account,
  leaf: Leaf,
  message: string,
  format: MessageFormat,
): string {
  if (format === "bip322") return signBip322(account, leaf, message);
  if (account.purpose !== 44) {
    refuse("format_unavailable", { format, purpose: account.purpose });
  }
  return signLegacy(account, leaf, message);
}
