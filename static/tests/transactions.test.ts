// Previous transactions in each of the forms in which nodes write them.
import assert from "node:assert/strict";
import test from "node:test";
import { concatBytes } from "@noble/hashes/utils.js";

import { EncodingError } from "../src/wallet/worker/bytes";
import { readTransaction, transactionBytes } from "../src/wallet/worker/transaction";
import { paying } from "./drafts";

const PLAIN = transactionBytes(paying(Uint8Array.of(0x51), 5_000n, 9));
const WITNESS = Uint8Array.of(2, 1, 0xaa, 0); // two items for the one input

/** The same transaction with flags, and with what they announce before the locktime. */
function extended(flags: number, more: Uint8Array): Uint8Array {
  const head = concatBytes(PLAIN.slice(0, 4), Uint8Array.of(0, flags));
  return concatBytes(head, PLAIN.slice(4, -4), more, PLAIN.slice(-4));
}

test("a txid is that of the plain form, with or without witness, or as Litecoin's HogEx", () => {
  const { txid } = readTransaction(PLAIN);
  const nothing = Uint8Array.of(0);
  for (const form of [
    extended(1, WITNESS),
    extended(8, nothing),
    extended(9, concatBytes(WITNESS, nothing)),
  ]) {
    assert.deepEqual(readTransaction(form).txid, txid);
  }
});

test("forms that we do not know are refused", () => {
  for (const form of [
    extended(2, WITNESS),
    extended(8, Uint8Array.of(1, 2, 3)),
    extended(1, concatBytes(WITNESS, Uint8Array.of(0))),
    PLAIN.slice(0, -1),
    concatBytes(PLAIN, Uint8Array.of(0)),
  ]) {
    assert.throws(() => readTransaction(form), EncodingError);
  }
});
