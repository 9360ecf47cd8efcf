// The signer trusts nobody: every change to a good PSBT is refused, and for the right reason.
import assert from "node:assert/strict";
import test from "node:test";

import type { Purpose } from "../src/wallet/protocol";
import { checkPsbt } from "../src/wallet/worker/check";
import { accountPath, pathText } from "../src/wallet/worker/paths";
import { spendingFrom } from "../src/wallet/worker/places";
import { Refused } from "../src/wallet/worker/refusal";
import { accountOf, type Draft, type Good, good, newPsbtOf, psbtOf } from "./drafts";
import { MUTANTS, type Mutant } from "./mutants";

const SUBJECTS: [Purpose, string][] = [
  [44, "bitcoin-regtest"],
  [49, "bitcoin-regtest"],
  [84, "bitcoin-regtest"],
  [86, "bitcoin-regtest"],
  [84, "litecoin-main"],
  [44, "dogecoin-main"],
];

function check({ network, draft, intent }: Good, write: (draft: Draft) => string = psbtOf) {
  const spending = intent.accounts.map(({ purpose, account, lastUsed }) =>
    spendingFrom(accountOf(purpose, network, account), lastUsed, intent.gapLimit),
  );
  return checkPsbt(write(draft), intent, spending, network);
}

/** The refusal's code and parameters, or what happened instead. */
function outcome(mutant: Mutant, subject: [Purpose, string]): [string, string] {
  const original = good(...subject);
  const mutated = {
    ...original,
    draft: structuredClone(original.draft),
    intent: structuredClone(original.intent),
  };
  mutant.change(mutated.draft, mutated.intent, original);
  try {
    check(mutated);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { code, parameters } = error.refusal;
    const said = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
    return [code, said.join(" ").slice(0, 60)];
  }
  return ["SIGNED", ""];
}

for (const subject of SUBJECTS) {
  test(`a good PSBT of ${subject.join(" ")} is accepted as it is`, () => {
    const subjectGood = good(...subject);
    for (const write of [psbtOf, newPsbtOf]) {
      const { summary } = check(subjectGood, write);
      assert.equal(summary.inputs.length, 2);
      assert.equal(summary.payments.length, 2);
      assert.equal(summary.change.length, 1);
      const spent = summary.inputs.reduce((sum, each) => sum + each.amount, 0n);
      const made = [...summary.payments, ...summary.change].reduce(
        (sum, each) => sum + each.amount,
        0n,
      );
      assert.equal(summary.fee, spent - made);
      assert.deepEqual(
        summary.payments.map(({ address, amount }) => ({ address, amount })),
        subjectGood.intent.recipients,
      );
      const [first] = subject;
      const path = pathText(accountPath(first, subjectGood.network.coinType, 0));
      assert.equal(summary.change[0]?.path, `${path}/1/9`);
    }
  });

  test(`every mutant of ${subject.join(" ")} is refused`, () => {
    const rows = MUTANTS.filter(({ purposes }) => purposes?.includes(subject[0]) ?? true).map(
      (mutant) => ({ mutant, outcome: outcome(mutant, subject) }),
    );
    console.log(`\nMutants of a good PSBT: ${subject.join(" ")}`);
    for (const {
      mutant,
      outcome: [code, said],
    } of rows) {
      console.log(`  ${mutant.name.padEnd(58)} ${code.padEnd(23)} ${said}`);
    }
    const wrong = rows.filter(({ mutant, outcome: [code] }) => code !== mutant.code);
    assert.deepEqual(
      wrong.map(({ mutant, outcome: [code] }) => [mutant.name, mutant.code, code]),
      [],
    );
  });
}
