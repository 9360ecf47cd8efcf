// The same transactions signed by a library of others, and read back by it.
import assert from "node:assert/strict";
import test from "node:test";
import { base64 } from "@scure/base";
import { p2tr, Transaction } from "@scure/btc-signer";

import type { Purpose } from "../src/wallet/protocol";
import { checkPsbt } from "../src/wallet/worker/check";
import { type Spending, spendingFrom } from "../src/wallet/worker/places";
import { signChecked } from "../src/wallet/worker/sign";
import { type Good, good, newPsbtOf, psbtOf } from "./drafts";

function spendingOf({ account, intent }: Good): Spending[] {
  return intent.accounts.map(({ lastUsed }) => spendingFrom(account, lastUsed, intent.gapLimit));
}

function signed(subject: Good, psbt: string) {
  const { checked, summary } = checkPsbt(
    psbt,
    subject.intent,
    spendingOf(subject),
    subject.network,
  );
  const transaction = Transaction.fromPSBT(base64.decode(signChecked(checked)));
  transaction.finalize();
  return { transaction, summary };
}

for (const purpose of [44, 49, 84, 86] satisfies Purpose[]) {
  test(`what we sign of BIP${purpose} is what btc-signer signs, and of the size we said`, () => {
    const subject = good(purpose, "bitcoin-regtest");
    const theirs = Transaction.fromPSBT(base64.decode(psbtOf(subject.draft)), { lowR: true });
    [subject.account.leaf(0, 3), subject.account.leaf(1, 8)].forEach(({ privateKey }, at) => {
      theirs.signIdx(privateKey, at, undefined, new Uint8Array(32));
    });
    theirs.finalize();
    for (const psbt of [psbtOf(subject.draft), newPsbtOf(subject.draft)]) {
      const { transaction, summary } = signed(subject, psbt);
      assert.equal(transaction.id, theirs.id);
      if (purpose !== 86) assert.equal(transaction.hex, theirs.hex); // BIP340 is randomised
      assert.ok(summary.vsize - transaction.vsize >= 0);
      assert.ok(summary.vsize - transaction.vsize <= 1);
      assert.equal(summary.fee, transaction.fee);
    }
  });
}

test("a taproot key without scripts is the library's", () => {
  const { account } = good(86, "bitcoin-main");
  const { publicKey, script } = account.leaf(0, 0);
  assert.deepEqual(p2tr(publicKey.slice(1)).script, script);
});
