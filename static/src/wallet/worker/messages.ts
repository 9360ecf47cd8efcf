// Signed messages: BIP322 simple, and for P2PKH the older form, which every wallet can verify.
import { base64 } from "@scure/base";
import { schnorr } from "@noble/curves/secp256k1.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import type { Network } from "../networks";
import type { Purpose } from "../protocol";
import { type Bytes, compactSize, hash160, hash256, withLength } from "./bytes";
import type { Leaf } from "./keychain";
import { p2pkhScript } from "./scripts";
import { SignatureHashes } from "./sighash";
import { signEcdsa, signRecoverable, signSchnorr, tweakedKey } from "./signing";
import { type Output, type Transaction, transactionBytes } from "./transaction";

const COMPRESSED = 31; // the header of a recoverable signature by a compressed key, plus 0-3
const OP_RETURN = Uint8Array.of(0x6a);
const NOTHING = new Uint8Array(0);
const NO_VOUT = 0xffffffff;

function transaction(txid: Bytes, vout: number, scriptSig: Bytes, script: Bytes): Transaction {
  const input = { txid, vout, scriptSig, sequence: 0 };
  return { version: 0, inputs: [input], outputs: [{ amount: 0n, script }], locktime: 0 };
}

/** The two transactions of BIP322, which exist on no chain. */
export function messageTransactions(message: string, script: Bytes) {
  const hash = schnorr.utils.taggedHash("BIP0322-signed-message", utf8ToBytes(message));
  const challenge = concatBytes(Uint8Array.of(0x00, 0x20), hash);
  const toSpend = transaction(new Uint8Array(32), NO_VOUT, challenge, script);
  const toSign = transaction(hash256(transactionBytes(toSpend)), 0, NOTHING, OP_RETURN);
  return { toSpend, toSign };
}

function witnessOf(purpose: Purpose, leaf: Leaf, hashes: SignatureHashes): Bytes[] {
  const { privateKey, publicKey } = leaf;
  if (purpose === 86) {
    return [signSchnorr(hashes.taproot(0), tweakedKey(privateKey, publicKey))];
  }
  return [signEcdsa(hashes.segwit(0, p2pkhScript(hash160(publicKey))), privateKey), publicKey];
}

function signSimple(purpose: Purpose, leaf: Leaf, message: string): Bytes {
  const { toSign } = messageTransactions(message, leaf.script);
  const spent: Output = { amount: 0n, script: leaf.script };
  const witness = witnessOf(purpose, leaf, new SignatureHashes(toSign, [spent]));
  return concatBytes(compactSize(witness.length), ...witness.map(withLength));
}

function signLegacy(network: Network, leaf: Leaf, message: string): Bytes {
  const magic = utf8ToBytes(`${network.messageCoin} Signed Message:\n`);
  const digest = hash256(concatBytes(withLength(magic), withLength(utf8ToBytes(message))));
  const [recovery = 0, ...signature] = signRecoverable(digest, leaf.privateKey);
  return Uint8Array.of(COMPRESSED + recovery, ...signature);
}

/** Base64, without the prefix of BIP322's latest text, which wallets of today do not know. */
export function signMessage(
  purpose: Purpose,
  network: Network,
  leaf: Leaf,
  message: string,
): string {
  const isLegacy = purpose === 44;
  return base64.encode(
    isLegacy ? signLegacy(network, leaf, message) : signSimple(purpose, leaf, message),
  );
}
