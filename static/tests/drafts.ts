// PSBTs for the tests, written field by field so that any one of them can be made wrong.
import { base64 } from "@scure/base";
import { concatBytes } from "@noble/hashes/utils.js";

import { type Network, networkNamed } from "../src/wallet/networks";
import type { Intent, Purpose } from "../src/wallet/protocol";
import { addressOf } from "../src/wallet/worker/addresses";
import { type Bytes, compactSize, uint32, uint64, withLength } from "../src/wallet/worker/bytes";
import { type Account, Keychain } from "../src/wallet/worker/keychain";
import { nestedScript, xOnly } from "../src/wallet/worker/scripts";
import {
  type Output,
  outputBytes,
  readTransaction,
  type Transaction,
  transactionBytes,
} from "../src/wallet/worker/transaction";

export const REPLACEABLE = 0xfffffffd;
export const TIP = 812_345;
export const RATE = 5_000;

interface Origin {
  publicKey: Bytes;
  fingerprint: number;
  path: number[];
}

interface DraftMap {
  origin: Origin | undefined;
  redeemScript: Bytes | undefined;
  tapKey: Bytes | undefined;
  /** Further fields: key (type and data) and value. */
  more: [key: Bytes, value: Bytes][];
}

export interface DraftInput extends DraftMap {
  previous: Transaction | undefined;
  txid: Bytes;
  vout: number;
  spent: Output | undefined;
  sighash: number | undefined;
  sequence: number;
}

export interface DraftOutput extends DraftMap {
  amount: bigint;
  script: Bytes;
}

/** A PSBT as plain data. */
export interface Draft {
  purpose: Purpose;
  version: number;
  locktime: number;
  inputs: DraftInput[];
  outputs: DraftOutput[];
  more: [key: Bytes, value: Bytes][];
}

const NOTHING = new Uint8Array(0);

function field(type: number, keyData: Bytes, value: Bytes): Bytes {
  return concatBytes(withLength(concatBytes(compactSize(type), keyData)), withLength(value));
}

function origins(
  purpose: Purpose,
  origin: Origin | undefined,
  plain: number,
  taproot: number,
): Bytes {
  if (origin === undefined) return NOTHING;
  const fingerprint = new Uint8Array(4);
  new DataView(fingerprint.buffer).setUint32(0, origin.fingerprint);
  const value = concatBytes(fingerprint, ...origin.path.map(uint32));
  return purpose === 86
    ? field(taproot, origin.publicKey, concatBytes(Uint8Array.of(0), value))
    : field(plain, origin.publicKey, value);
}

function optional(type: number, value: Bytes | undefined): Bytes {
  return value === undefined ? NOTHING : field(type, NOTHING, value);
}

function further(more: readonly [Bytes, Bytes][]): Bytes {
  return concatBytes(
    ...more.map(([key, value]) => concatBytes(withLength(key), withLength(value))),
  );
}

export function unsignedOf({ version, inputs, outputs, locktime }: Draft): Transaction {
  return {
    version,
    locktime,
    inputs: inputs.map(({ txid, vout, sequence }) => ({
      txid,
      vout,
      sequence,
      scriptSig: NOTHING,
    })),
    outputs: outputs.map(({ amount, script }) => ({ amount, script })),
  };
}

function inputMap(input: DraftInput, purpose: Purpose): Bytes {
  return concatBytes(
    optional(0x00, input.previous && transactionBytes(input.previous)),
    optional(0x01, input.spent && outputBytes(input.spent)),
    optional(0x03, input.sighash === undefined ? undefined : uint32(input.sighash)),
    optional(0x04, input.redeemScript),
    origins(purpose, input.origin, 0x06, 0x16),
    optional(0x17, input.tapKey),
    further(input.more),
    Uint8Array.of(0),
  );
}

function outputMap(output: DraftOutput, purpose: Purpose): Bytes {
  return concatBytes(
    optional(0x00, output.redeemScript),
    origins(purpose, output.origin, 0x02, 0x07),
    optional(0x05, output.tapKey),
    further(output.more),
    Uint8Array.of(0),
  );
}

const MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);

/** As BIP174 writes it. */
export function psbtOf(draft: Draft): string {
  const bytes = concatBytes(
    MAGIC,
    field(0x00, NOTHING, transactionBytes(unsignedOf(draft))),
    further(draft.more),
    Uint8Array.of(0),
    ...draft.inputs.map((input) => inputMap(input, draft.purpose)),
    ...draft.outputs.map((output) => outputMap(output, draft.purpose)),
  );
  return base64.encode(bytes);
}

/** The same as BIP370 writes it: no transaction, its parts in the maps. */
export function newPsbtOf(draft: Draft): string {
  const ofInput = (input: DraftInput): DraftInput => ({
    ...input,
    more: [
      ...input.more,
      [Uint8Array.of(0x0e), input.txid],
      [Uint8Array.of(0x0f), uint32(input.vout)],
      [Uint8Array.of(0x10), uint32(input.sequence)],
    ],
  });
  const ofOutput = (output: DraftOutput): DraftOutput => ({
    ...output,
    more: [
      ...output.more,
      [Uint8Array.of(0x03), uint64(output.amount)],
      [Uint8Array.of(0x04), output.script],
    ],
  });
  const bytes = concatBytes(
    MAGIC,
    field(0x02, NOTHING, uint32(draft.version)),
    field(0x03, NOTHING, uint32(draft.locktime)),
    field(0x04, NOTHING, compactSize(draft.inputs.length)),
    field(0x05, NOTHING, compactSize(draft.outputs.length)),
    field(0xfb, NOTHING, uint32(2)),
    Uint8Array.of(0),
    ...draft.inputs.map((input) => inputMap(ofInput(input), draft.purpose)),
    ...draft.outputs.map((output) => outputMap(ofOutput(output), draft.purpose)),
  );
  return base64.encode(bytes);
}

export const SEED = Uint8Array.from({ length: 64 }, (_, at) => (7 * at + 3) & 0xff);

const STRANGER = SEED.toReversed();
const keychains = { own: new Keychain(SEED), stranger: new Keychain(STRANGER) };

export function accountOf(purpose: Purpose, network: Network, account = 0): Account {
  return keychains.own.account(network, { purpose, account }, []);
}

/** An account of somebody else. */
export function strangeAccount(purpose: Purpose, network: Network): Account {
  return keychains.stranger.account(network, { purpose, account: 0 }, []);
}

function ownMap(account: Account, branch: 0 | 1, index: number): DraftMap & { script: Bytes } {
  const { purpose } = account;
  const { publicKey, path, script } = account.leaf(branch, index);
  const key = purpose === 86 ? xOnly(publicKey) : publicKey;
  return {
    script,
    origin: { publicKey: key, fingerprint: account.masterFingerprint, path },
    redeemScript: purpose === 49 ? nestedScript(publicKey) : undefined,
    tapKey: purpose === 86 ? key.slice() : undefined,
    more: [],
  };
}

/** A previous transaction that pays `amount` to the script in its output 1. */
export function paying(script: Bytes, amount: bigint, salt: number): Transaction {
  const input = {
    txid: new Uint8Array(32).fill(salt & 0xff),
    vout: salt,
    scriptSig: NOTHING,
    sequence: 0,
  };
  const other = { amount: 777n, script: Uint8Array.of(0x51) };
  return { version: 2, inputs: [input], outputs: [other, { amount, script }], locktime: 0 };
}

export function ownInput(
  account: Account,
  branch: 0 | 1,
  index: number,
  amount: bigint,
): DraftInput {
  const { script, ...map } = ownMap(account, branch, index);
  const previous = paying(script, amount, index + 1);
  const { txid } = readTransaction(transactionBytes(previous));
  const isSegwit = account.purpose !== 44;
  return {
    ...map,
    previous,
    txid,
    vout: 1,
    spent: isSegwit ? { amount, script: script.slice() } : undefined,
    sighash: undefined,
    sequence: REPLACEABLE,
  };
}

export function ownOutput(
  account: Account,
  branch: 0 | 1,
  index: number,
  amount: bigint,
): DraftOutput {
  return { ...ownMap(account, branch, index), amount };
}

export function payment(script: Bytes, amount: bigint): DraftOutput {
  return {
    script,
    amount,
    origin: undefined,
    redeemScript: undefined,
    tapKey: undefined,
    more: [],
  };
}

export interface Good {
  network: Network;
  account: Account;
  draft: Draft;
  intent: Intent;
}

/** Two coins pay two strangers and leave change: right in every field. */
export function good(purpose: Purpose, networkName: string): Good {
  const network = networkNamed(networkName);
  if (network === undefined) throw new Error(networkName);
  const account = accountOf(purpose, network);
  const stranger = strangeAccount(purpose, network);
  const [first, second] = [stranger.leaf(0, 0).script, stranger.leaf(0, 5).script];
  const unit = BigInt(Math.ceil(network.dust / 546)); // where dust is larger, so are amounts
  const draft: Draft = {
    purpose,
    version: 2,
    locktime: TIP,
    inputs: [
      ownInput(account, 0, 3, 2_000_000n * unit),
      ownInput(account, 1, 8, 1_000_000n * unit),
    ],
    outputs: [
      payment(first, 1_200_000n * unit),
      payment(second, 300_000n * unit),
      ownOutput(account, 1, 9, 1_498_000n * unit),
    ],
    more: [],
  };
  const intent: Intent = {
    recipients: [
      { address: addressOf(first, network), amount: 1_200_000n * unit },
      { address: addressOf(second, network), amount: 300_000n * unit },
    ],
    accounts: [{ purpose, account: 0, lastUsed: { receive: 3, change: 8 } }],
    gapLimit: 20,
    locktime: TIP,
    sequence: REPLACEABLE,
    feeRate: RATE * Number(unit),
  };
  return { network, account, draft, intent };
}
