// Bytes in and out, as transactions and PSBTs write them: little endian, compact sizes.
import { sha256 } from "@noble/hashes/sha2.js";
import { ripemd160 } from "@noble/hashes/legacy.js";
import { bytesToHex, concatBytes } from "@noble/hashes/utils.js";

export type Bytes = Uint8Array;

/** Bytes that end too early, do not end, or say something impossible. */
export class EncodingError extends Error {}

export class Reader {
  private position = 0;
  private readonly view: DataView;

  constructor(readonly bytes: Bytes) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.position;
  }

  get offset(): number {
    return this.position;
  }

  take(count: number): Bytes {
    return this.bytes.subarray(this.skip(count), this.position);
  }

  private skip(count: number): number {
    if (count > this.left) throw new EncodingError(`${count} bytes expected, ${this.left} left`);
    const start = this.position;
    this.position += count;
    return start;
  }

  byte(): number {
    return this.view.getUint8(this.skip(1));
  }

  uint32(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  uint64(): bigint {
    return this.view.getBigUint64(this.skip(8), true);
  }

  compactSize(): number {
    const first = this.byte();
    if (first < 0xfd) return first;
    const [value, least] =
      first === 0xfd
        ? [this.view.getUint16(this.skip(2), true), 0xfd]
        : first === 0xfe
          ? [this.uint32(), 0x10000]
          : [Number(this.uint64()), 0x100000000];
    if (value < least) throw new EncodingError("a compact size is longer than it need be");
    return value;
  }

  withLength(): Bytes {
    return this.take(this.compactSize());
  }

  /** A number of things of at least `least` bytes each; more than could follow is refused. */
  count(least: number): number {
    const count = this.compactSize();
    if (count * least > this.left) throw new EncodingError(`${count} entries cannot follow`);
    return count;
  }

  end(): void {
    if (this.left > 0) throw new EncodingError(`${this.left} bytes too many`);
  }
}

export function uint32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function uint64(value: bigint): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

export function compactSize(value: number): Bytes {
  if (value < 0xfd) return Uint8Array.of(value);
  if (value <= 0xffff) return Uint8Array.of(0xfd, value & 0xff, value >> 8);
  return concatBytes(Uint8Array.of(0xfe), uint32(value));
}

export function withLength(bytes: Bytes): Bytes {
  return concatBytes(compactSize(bytes.length), bytes);
}

export function equalBytes(left: Bytes, right: Bytes): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

export function hash256(bytes: Bytes): Bytes {
  return sha256(sha256(bytes));
}

export function hash160(bytes: Bytes): Bytes {
  return ripemd160(sha256(bytes));
}

/** A hash as people see it: reversed. */
export function hashHex(hash: Bytes): string {
  return bytesToHex(Uint8Array.from(hash).reverse());
}
