// Typed amounts become integers exactly, or nothing at all: the worker is told what was typed.
import assert from "node:assert/strict";
import test from "node:test";

import { parseDecimal, parseRate, writeDecimal, writeRate } from "../src/wallet/amounts";

test("amounts are read exactly", () => {
  assert.equal(parseDecimal("0.1", 8), 10_000_000n);
  assert.equal(parseDecimal("20999999.97690000", 8), 2_099_999_997_690_000n);
  assert.equal(parseDecimal(" .5 ", 8), 50_000_000n);
  assert.equal(parseDecimal("7.", 8), 700_000_000n);
  assert.equal(parseDecimal("12345", 0), 12_345n);
  assert.equal(parseDecimal("9007199254740993", 8), 900_719_925_474_099_300_000_000n);
});

test("what is no amount is not read", () => {
  for (const text of ["", ".", "1,5", "-1", "+1", "1e3", "0x10", "1 000", "half", "0.123456789", "٣"]) {
    assert.equal(parseDecimal(text, 8), undefined, text);
  }
  assert.equal(parseDecimal("0.5", 0), undefined);
});

test("amounts and rates are written as they are read", () => {
  for (const value of [0n, 1n, 10n, 99_999_999n, 100_000_000n, 2_100_000_000_000_000n]) {
    assert.equal(parseDecimal(writeDecimal(value, 8), 8), value);
    assert.equal(parseDecimal(writeDecimal(value, 0), 0), value);
  }
  assert.equal(writeDecimal(150_000_000n, 8), "1.5");
  assert.equal(writeRate(2_345), "2.345");
  assert.equal(parseRate("2.345"), 2_345);
  assert.equal(parseRate("2.3456"), undefined);
});
