// Any byte of a PSBT may be wrong: what comes out is a typed refusal, or the payments asked for
// from the same coins. The change may be a little less, within what the chosen fee rate allows.
import assert from "node:assert/strict";
import test from "node:test";
import { base64 } from "@scure/base";

import { checkPsbt } from "../src/wallet/worker/check";
import { Refused } from "../src/wallet/worker/refusal";
import { good, newPsbtOf, psbtOf } from "./drafts";

const ROUNDS = 3000;

/** The same numbers each time (xorshift): a failure can be looked at again. */
function* numbers(): Generator<number, never> {
  for (let state = 88_172_645; ;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}

for (const [name, write] of [
  ["BIP174", psbtOf],
  ["BIP370", newPsbtOf],
] as const) {
  test(`a ${name} PSBT with wrong bytes is refused, or pays the same`, () => {
    const { account, draft, intent, network } = good(84, "bitcoin-regtest");
    const spending = [{ account, reach: [23, 28] as const }];
    const bytes = base64.decode(write(draft));
    const { summary } = checkPsbt(base64.encode(bytes), intent, spending, network);
    const random = numbers();
    const below = (limit: number): number => random.next().value % limit;
    const codes = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const kind = below(3);
      let mutant = bytes.slice();
      if (kind === 0) mutant[below(bytes.length)] = below(256);
      if (kind === 1) mutant = mutant.slice(0, below(bytes.length));
      if (kind === 2)
        mutant.copyWithin(below(bytes.length), below(bytes.length), below(bytes.length));
      try {
        const found = checkPsbt(base64.encode(mutant), intent, spending, network).summary;
        assert.deepEqual(found.payments, summary.payments);
        assert.deepEqual(found.inputs, summary.inputs);
        assert.ok(found.fee <= summary.fee * 2n);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        codes.add(error.refusal.code);
      }
    }
    assert.ok(codes.size >= 5, [...codes].join(" "));
    assert.ok(!codes.has("internal"));
  });
}
