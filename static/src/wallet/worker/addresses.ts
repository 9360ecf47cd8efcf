// Addresses to scripts and back (base58check, BIP173, BIP350).
import { base58check, bech32, bech32m } from "@scure/base";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes } from "@noble/hashes/utils.js";

import type { Network } from "../networks";
import type { Bytes } from "./bytes";
import { p2pkhScript, p2shScript, witnessScript } from "./scripts";

const base58 = base58check(sha256);
const WITNESS_VERSION_MAXIMUM = 16;

/** The scriptPubKey of an address of this network; undefined for anything else. */
export function scriptOf(address: string, network: Network): Bytes | undefined {
  const prefix = network.hrp === null ? undefined : `${network.hrp}1`;
  try {
    return prefix !== undefined && address.toLowerCase().startsWith(prefix)
      ? segwitScript(address, network.hrp)
      : base58Script(address, network);
  } catch {
    return undefined; // the decoders throw plain errors for bad characters and checksums
  }
}

function segwitScript(address: string, hrp: string | null): Bytes | undefined {
  const version = witnessVersion(address);
  const { prefix, words } = (version === 0 ? bech32 : bech32m).decode(
    address as `${string}1${string}`,
  );
  const program = bech32.fromWords(words.slice(1));
  const sized = program.length >= 2 && program.length <= 40;
  const sizedForZero = version > 0 || program.length === 20 || program.length === 32;
  if (prefix !== hrp || words[0] !== version || version > WITNESS_VERSION_MAXIMUM) return undefined;
  return sized && sizedForZero ? witnessScript(version, program) : undefined;
}

function witnessVersion(address: string): number {
  const at = address.lastIndexOf("1") + 1;
  return "qpzry9x8gf2tvdw0s3jn54khce6mua7l".indexOf(address.charAt(at).toLowerCase());
}

function base58Script(address: string, network: Network): Bytes | undefined {
  const payload = base58.decode(address);
  const hash = payload.subarray(1);
  const version = payload[0];
  if (version === undefined || hash.length !== 20) return undefined;
  if (version === network.p2pkh) return p2pkhScript(hash);
  return network.p2sh.includes(version) ? p2shScript(hash) : undefined;
}

/** The address of a script; its hex for one that has none. */
export function addressOf(script: Bytes, network: Network): string {
  const [first = 0, size = 0] = script;
  if (script.length === 25 && bytesToHex(script.subarray(0, 3)) === "76a914") {
    return base58.encode(concatBytes(Uint8Array.of(network.p2pkh), script.subarray(3, 23)));
  }
  if (script.length === 23 && first === 0xa9) {
    return base58.encode(concatBytes(Uint8Array.of(network.p2sh[0] ?? 0), script.subarray(2, 22)));
  }
  const version = first === 0 ? 0 : first - 0x50;
  const program = script.subarray(2);
  const isProgram = version >= 0 && version <= WITNESS_VERSION_MAXIMUM && size === program.length;
  if (isProgram && size >= 2 && size <= 40 && network.hrp !== null) {
    const coder = version === 0 ? bech32 : bech32m;
    return coder.encode(network.hrp, [version, ...coder.toWords(program)]);
  }
  return bytesToHex(script);
}
