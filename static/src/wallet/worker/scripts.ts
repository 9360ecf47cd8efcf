// The output scripts of our accounts, by the BIP their path names.
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { concatBytes } from "@noble/hashes/utils.js";

import type { Purpose } from "../protocol";
import { type Bytes, hash160 } from "./bytes";

const Point = secp256k1.Point;

export function p2pkhScript(hash: Bytes): Bytes {
  return concatBytes(Uint8Array.of(0x76, 0xa9, 0x14), hash, Uint8Array.of(0x88, 0xac));
}

export function p2shScript(hash: Bytes): Bytes {
  return concatBytes(Uint8Array.of(0xa9, 0x14), hash, Uint8Array.of(0x87));
}

export function witnessScript(version: number, program: Bytes): Bytes {
  const opcode = version === 0 ? 0 : 0x50 + version;
  return concatBytes(Uint8Array.of(opcode, program.length), program);
}

/** The x coordinate of a compressed key, as BIP340 writes keys. */
export function xOnly(publicKey: Bytes): Bytes {
  return publicKey.subarray(1);
}

export function tapTweak(internalKey: Bytes): Bytes {
  return schnorr.utils.taggedHash("TapTweak", internalKey);
}

/** The key in a taproot output without scripts (BIP86). */
export function taprootOutputKey(internalKey: Bytes): Bytes {
  const tweak = Point.Fn.fromBytes(tapTweak(internalKey));
  const point = Point.fromBytes(concatBytes(Uint8Array.of(2), internalKey));
  return xOnly(point.add(Point.BASE.multiply(tweak)).toBytes(true));
}

/** What the P2SH output of a BIP49 account stands for. */
export function nestedScript(publicKey: Bytes): Bytes {
  return witnessScript(0, hash160(publicKey));
}

/** The scriptPubKey of a key in an account of this purpose. */
export function outputScript(purpose: Purpose, publicKey: Bytes): Bytes {
  switch (purpose) {
    case 44:
      return p2pkhScript(hash160(publicKey));
    case 49:
      return p2shScript(hash160(nestedScript(publicKey)));
    case 84:
      return witnessScript(0, hash160(publicKey));
    case 86:
      return witnessScript(1, taprootOutputKey(xOnly(publicKey)));
  }
}
