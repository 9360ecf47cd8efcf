// Signatures over a digest: ECDSA as Bitcoin Core makes them (low s, low r), and BIP340 Schnorr.
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { type Bytes, uint32 } from "./bytes";
import { randomBytes } from "./random";
import { tapTweak, xOnly } from "./scripts";
import { SIGHASH_ALL } from "./sighash";

const { Fn } = secp256k1.Point;
const HALF = 0x80; // of the first byte of r
const OPTIONS = { prehash: false, lowS: true } as const;

/** 64 bytes r and s with low r: the DER form then has 70 bytes at most. */
function lowR(digest: Bytes, privateKey: Bytes): Bytes {
  let compact = secp256k1.sign(digest, privateKey, OPTIONS);
  for (let counter = 1; (compact[0] ?? 0) >= HALF; counter += 1) {
    const extraEntropy = concatBytes(uint32(counter), new Uint8Array(28));
    compact = secp256k1.sign(digest, privateKey, { ...OPTIONS, extraEntropy });
  }
  return compact;
}

/** DER and the sighash byte. */
export function signEcdsa(digest: Bytes, privateKey: Bytes): Bytes {
  const der = secp256k1.Signature.fromBytes(lowR(digest, privateKey)).toBytes("der");
  return concatBytes(der, Uint8Array.of(SIGHASH_ALL));
}

/** A signature from which the public key can be recovered: recovery number, r, s. */
export function signRecoverable(digest: Bytes, privateKey: Bytes): Bytes {
  return secp256k1.sign(digest, privateKey, { ...OPTIONS, format: "recovered" });
}

/** The private key of a taproot output without scripts. */
export function tweakedKey(privateKey: Bytes, publicKey: Bytes): Bytes {
  const secret = Fn.fromBytes(privateKey);
  const even = publicKey[0] === 2 ? secret : Fn.neg(secret);
  return Fn.toBytes(Fn.add(even, Fn.fromBytes(tapTweak(xOnly(publicKey)))));
}

/** 64 bytes: SIGHASH_DEFAULT adds none. */
export function signSchnorr(digest: Bytes, privateKey: Bytes): Bytes {
  return schnorr.sign(digest, privateKey, randomBytes(32));
}
