// PSBTs as bytes: maps of keys to values, read strictly (BIP174, BIP370), written with what was
// added.
import { base64 } from "@scure/base";
import { bytesToHex, concatBytes } from "@noble/hashes/utils.js";

import { type Bytes, compactSize, EncodingError, Reader, withLength } from "./bytes";
import { refuse } from "./refusal";

const MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);
const SIZE_MAXIMUM = 16_000_000; // bytes
export const INPUTS_MAXIMUM = 1500; // more do not fit in a standard transaction
const OUTPUTS_MAXIMUM = 5000;

interface Entry {
  type: number;
  keyData: Bytes;
  value: Bytes;
}

/** One map of a PSBT: of the whole, of an input or of an output. */
export class Fields {
  private readonly entries: Entry[] = [];

  constructor(readonly place: string) {}

  static read(reader: Reader, place: string): Fields {
    const fields = new Fields(place);
    const seen = new Set<string>();
    for (;;) {
      const key = reader.withLength();
      if (key.length === 0) return fields;
      const name = bytesToHex(key);
      if (seen.has(name)) throw new EncodingError(`the field ${name} of ${place} stands twice`);
      seen.add(name);
      const inKey = new Reader(key);
      const type = inKey.compactSize();
      fields.add(type, inKey.take(inKey.left), reader.withLength());
    }
  }

  add(type: number, keyData: Bytes, value: Bytes): void {
    this.entries.push({ type, keyData, value });
  }

  /** The value of a field that has no key data. */
  get(type: number): Bytes | undefined {
    const entry = this.entries.find((each) => each.type === type);
    if (entry && entry.keyData.length > 0) refuse("psbt_field", { place: this.place, field: type });
    return entry?.value;
  }

  wanted(type: number): Bytes {
    return this.get(type) ?? refuse("psbt_field", { place: this.place, field: type });
  }

  /** Fields that stand once for each key. */
  all(type: number): { keyData: Bytes; value: Bytes }[] {
    return this.entries.filter((each) => each.type === type);
  }

  /** Fields that mean something we do not know could mean anything. */
  refuseAllBut(types: ReadonlySet<number>): void {
    const strange = this.entries.find((each) => !types.has(each.type));
    if (strange) refuse("psbt_field", { place: this.place, field: strange.type });
  }

  bytes(): Bytes {
    const entries = this.entries.map(({ type, keyData, value }) =>
      concatBytes(withLength(concatBytes(compactSize(type), keyData)), withLength(value)),
    );
    return concatBytes(...entries, Uint8Array.of(0));
  }
}

export interface Psbt {
  global: Fields;
  inputs: Fields[];
  outputs: Fields[];
}

export const GLOBAL = {
  unsignedTransaction: 0x00,
  xpub: 0x01,
  transactionVersion: 0x02,
  fallbackLocktime: 0x03,
  inputCount: 0x04,
  outputCount: 0x05,
  modifiable: 0x06,
  version: 0xfb,
} as const;

function uint32Of(value: Bytes): number {
  const reader = new Reader(value);
  const number = reader.uint32();
  reader.end();
  return number;
}

export function optionalUint32(fields: Fields, type: number): number | undefined {
  const value = fields.get(type);
  return value && uint32Of(value);
}

function countOf(value: Bytes): number {
  const reader = new Reader(value);
  const count = reader.compactSize();
  reader.end();
  return count;
}

/** How many inputs and outputs follow, as the first map says it. */
function counts(global: Fields): [number, number] {
  const unsigned = global.get(GLOBAL.unsignedTransaction);
  if (unsigned === undefined) {
    return [countOf(global.wanted(GLOBAL.inputCount)), countOf(global.wanted(GLOBAL.outputCount))];
  }
  const reader = new Reader(unsigned);
  reader.uint32();
  const inputs = reader.count(41);
  reader.take(41 * inputs); // unsigned: no input has a script, which is checked when they are read
  return [inputs, reader.count(9)];
}

function readMaps(reader: Reader): Psbt {
  const magic = reader.take(MAGIC.length);
  if (bytesToHex(magic) !== bytesToHex(MAGIC)) throw new EncodingError("it does not begin as one");
  const global = Fields.read(reader, "transaction");
  const [inputCount, outputCount] = counts(global);
  if (inputCount > INPUTS_MAXIMUM) {
    refuse("too_many_inputs", { found: inputCount, maximum: INPUTS_MAXIMUM });
  }
  if (outputCount > OUTPUTS_MAXIMUM) throw new EncodingError(`${outputCount} outputs`);
  const maps = (name: string, length: number): Fields[] =>
    Array.from({ length }, (_, at) => Fields.read(reader, `${name} ${at}`));
  const psbt = { global, inputs: maps("input", inputCount), outputs: maps("output", outputCount) };
  reader.end();
  return psbt;
}

/** Bytes that are not what they should be become a refusal. */
export function strictly<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof EncodingError) refuse("psbt_malformed", { detail: error.message });
    throw error;
  }
}

export function psbtFromBase64(text: string): Psbt {
  if (text.length > SIZE_MAXIMUM) refuse("psbt_malformed", { detail: `${text.length} characters` });
  let bytes: Bytes;
  try {
    bytes = base64.decode(text);
  } catch {
    refuse("psbt_malformed", { detail: "not base64" });
  }
  return strictly(() => readMaps(new Reader(bytes)));
}

export function psbtToBase64({ global, inputs, outputs }: Psbt): string {
  const maps = [global, ...inputs, ...outputs].map((fields) => fields.bytes());
  return base64.encode(concatBytes(MAGIC, ...maps));
}
