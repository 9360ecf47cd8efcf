// What wallet pages compute by themselves.
import assert from "node:assert/strict";
import test from "node:test";

import { strength } from "../src/wallet/passwords";
import { somePositions } from "../src/wallet/positions";

test("a password is as strong as it is long and varied", () => {
  assert.equal(strength(""), 0);
  for (const weak of ["a", "secret", "password", "12345678", "aaaaaaaaaaaaaaaaaaaaaaaa"]) {
    assert.equal(strength(weak), 1, weak);
  }
  for (const fair of ["kqzvtpwmrx", "Tr0ub4dor&3"]) assert.equal(strength(fair), 2, fair);
  for (const strong of ["correct horse battery staple", "4kT-qe9x.Zw!27Lm"]) {
    assert.equal(strength(strong), 3, strong);
  }
});

test("positions to check are different, in order, in range, and any of them", () => {
  const seen = new Set<number>();
  for (let round = 0; round < 500; round++) {
    const positions = somePositions(24, 3);
    assert.equal(new Set(positions).size, 3);
    assert.deepEqual(positions, [...positions].sort((one, other) => one - other));
    for (const position of positions) seen.add(position);
  }
  assert.deepEqual([...seen].sort((one, other) => one - other), [...Array(24).keys()].map((n) => n + 1));
});

test("positions come from the system's random numbers", (context) => {
  context.mock.method(crypto, "getRandomValues", () => {
    throw new Error("no randomness");
  });
  assert.throws(() => somePositions(12, 3), /no randomness/);
});
