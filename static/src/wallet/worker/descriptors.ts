// The descriptor of an account (BIP380-386, 389).
import type { Purpose } from "../protocol";

const INPUT =
  "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const OUTPUT = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn];

function step(checksum: bigint, value: number): bigint {
  const top = checksum >> 35n;
  return GENERATOR.reduce(
    (sum, generator, bit) => ((top >> BigInt(bit)) & 1n ? sum ^ generator : sum),
    ((checksum & 0x7ffffffffn) << 5n) ^ BigInt(value),
  );
}

/** BIP380's checksum of a descriptor in its character set. */
export function descriptorChecksum(text: string): string {
  const positions = [...text].map((character) => INPUT.indexOf(character));
  let checksum = 1n;
  for (let at = 0; at < positions.length; at += 3) {
    const group = positions.slice(at, at + 3);
    for (const position of group) checksum = step(checksum, position & 31);
    checksum = step(
      checksum,
      group.reduce((sum, position) => sum * 3 + (position >> 5), 0),
    );
  }
  for (let at = 0; at < 8; at += 1) checksum = step(checksum, 0);
  checksum ^= 1n;
  return [7, 6, 5, 4, 3, 2, 1, 0]
    .map((at) => OUTPUT.charAt(Number((checksum >> BigInt(5 * at)) & 31n)))
    .join("");
}

const SHAPES: Record<Purpose, (key: string) => string> = {
  44: (key) => `pkh(${key})`,
  49: (key) => `sh(wpkh(${key}))`,
  84: (key) => `wpkh(${key})`,
  86: (key) => `tr(${key})`,
};

export function accountDescriptor(
  purpose: Purpose,
  fingerprint: string,
  path: string,
  xpub: string,
): string {
  const text = SHAPES[purpose](`[${fingerprint}/${path}]${xpub}/<0;1>/*`);
  return `${text}#${descriptorChecksum(text)}`;
}
