// What a good PSBT may look like: sweeps, consolidations, replacements, fees that were insisted on.
import assert from "node:assert/strict";
import test from "node:test";

import type { Intent } from "../src/wallet/protocol";
import { addressOf } from "../src/wallet/worker/addresses";
import { hashHex } from "../src/wallet/worker/bytes";
import { checkPsbt } from "../src/wallet/worker/check";
import { Refused } from "../src/wallet/worker/refusal";
import { type Draft, type Good, good, ownOutput, psbtOf } from "./drafts";

function check({ account, draft, intent, network }: Good) {
  const reach = [intent.gapLimit + 3, intent.gapLimit + 8] as const;
  return checkPsbt(psbtOf(draft), intent, [{ account, reach }], network).summary;
}

function changed(change: (draft: Draft, intent: Intent, subject: Good) => void): Good {
  const subject = good(84, "bitcoin-regtest");
  change(subject.draft, subject.intent, subject);
  return subject;
}

test("all that the inputs leave goes to one recipient", () => {
  const summary = check(
    changed((draft, intent) => {
      const [first] = intent.recipients;
      if (first) intent.recipients = [{ address: first.address, amount: "all" }];
      draft.outputs.splice(1);
      const [only] = draft.outputs;
      if (only) only.amount = 2_999_000n;
    }),
  );
  assert.deepEqual(
    summary.payments.map(({ amount }) => amount),
    [2_999_000n],
  );
  assert.deepEqual(summary.change, []);
});

test("coins are gathered, or a payment cancelled, with nothing but change", () => {
  const summary = check(
    changed((draft, intent, { account }) => {
      intent.recipients = [];
      draft.outputs = [ownOutput(account, 1, 9, 2_999_000n)];
    }),
  );
  assert.deepEqual(summary.payments, []);
  assert.equal(summary.change.length, 1);
  assert.equal(summary.fee, 1_000n);
});

test("a payment to an address of ours is shown as one", () => {
  const summary = check(
    changed((draft, intent, { account, network }) => {
      const own = ownOutput(account, 0, 4, 300_000n);
      draft.outputs[1] = own;
      intent.recipients[1] = { address: addressOf(own.script, network), amount: 300_000n };
    }),
  );
  assert.deepEqual(
    summary.payments.map(({ own }) => own),
    [false, true],
  );
});

test("a replacement spends one of the coins that it replaces", () => {
  const subject = changed((draft, intent) => {
    const [first] = draft.inputs;
    if (first) intent.replaces = [{ txid: hashHex(first.txid), vout: first.vout }];
  });
  assert.equal(check(subject).replaceable, true);
});

test("a high fee is signed only by who insists on it, and said again", () => {
  const subject = changed((draft, intent) => {
    const change = draft.outputs[2];
    if (change) change.amount -= 900_000n;
    delete intent.feeRate;
  });
  assert.throws(
    () => check(subject),
    (error) => error instanceof Refused && error.refusal.code === "fee_rate",
  );
  subject.intent.feeOverridden = true;
  const summary = check(subject);
  assert.equal(summary.fee, 902_000n);
  assert.deepEqual(summary.warnings, ["fee_overridden"]);
});

test("a transaction that cannot be replaced is pointed out", () => {
  const subject = changed((draft, intent) => {
    for (const input of draft.inputs) input.sequence = 0xfffffffe;
    intent.sequence = 0xfffffffe;
  });
  const summary = check(subject);
  assert.equal(summary.replaceable, false);
  assert.deepEqual(summary.warnings, ["not_replaceable"]);
});

test("equal payments to one address are counted, not merged", () => {
  const subject = changed((draft, intent) => {
    const [first] = draft.outputs;
    const [recipient] = intent.recipients;
    if (first && recipient) {
      draft.outputs[1] = structuredClone(first);
      intent.recipients[1] = { ...recipient };
    }
    const change = draft.outputs[2];
    if (change) change.amount = 598_000n;
  });
  assert.equal(check(subject).payments.length, 2);
});
