// What opens a vault and what does not.
import assert from "node:assert/strict";
import test from "node:test";

import type { RefusalCode } from "../src/wallet/protocol";
import { Refused } from "../src/wallet/worker/refusal";
import {
  closeVault,
  openVault,
  readVault,
  type Vault,
  writeVault,
} from "../src/wallet/worker/vault";

const PASSWORD = "a long enough one";
const SECRETS = {
  words: "legal winner thank year wave sausage worth useful legal winner thank yellow",
  passphrase: "TREZOR",
  language: "english" as const,
  paths: [{ network: "bitcoin-main", purpose: 84 as const, path: "84h/0h/7h/1h" }],
};
const ABOUT = { fingerprint: "b8688df1", name: "Savings", created: 1_790_000_000_000 };

function code(expected: RefusalCode): (error: unknown) => boolean {
  return (error) => error instanceof Refused && error.refusal.code === expected;
}

const vault = await closeVault(ABOUT, SECRETS, PASSWORD);

/** The file with one thing in it changed. */
function changed(change: (copy: Vault) => void): Vault {
  const copy = structuredClone(vault);
  change(copy);
  return readVault(writeVault(copy));
}

test("a vault opens with its password, written composed or not, and with no other", async () => {
  assert.deepEqual(await openVault(readVault(writeVault(vault)), PASSWORD), SECRETS);
  await assert.rejects(openVault(vault, "a long enough onf"), code("password_wrong"));
  const accented = await closeVault(ABOUT, SECRETS, "caf\u00e9 au lait");
  assert.deepEqual(await openVault(accented, "cafe\u0301 au lait"), SECRETS);
});

test("nothing of a vault can be changed unnoticed", async () => {
  const mutants: ((copy: Vault) => void)[] = [
    (copy) => (copy.fingerprint = "b8688df2"),
    (copy) => (copy.name = "Spending"),
    (copy) => (copy.created += 1),
    (copy) => (copy.derivation.iterations = 2),
    (copy) => (copy.derivation.memory = 32 * 1024),
    (copy) => (copy.derivation.salt = `A${copy.derivation.salt.slice(1)}`.replace(/^AA/, "BA")),
    (copy) => (copy.cipher.nonce = copy.cipher.nonce.split("").toReversed().join("")),
    (copy) =>
      (copy.cipher.text = copy.cipher.text.replace(/^./, (first) => (first === "A" ? "B" : "A"))),
  ];
  for (const mutant of mutants) {
    await assert.rejects(openVault(changed(mutant), PASSWORD), code("password_wrong"));
  }
});

test("the key is derived at some cost, never below OWASP's floor", () => {
  assert.deepEqual(
    { ...vault.derivation, salt: "" },
    { name: "argon2id", memory: 65_536, iterations: 3, parallelism: 1, salt: "" },
  );
  for (const weak of [
    { memory: 19 * 1024 - 1 },
    { iterations: 1 },
    { memory: 1 << 30 },
    { parallelism: 0 },
  ]) {
    const damaged = () => changed((copy) => Object.assign(copy.derivation, weak));
    assert.throws(damaged, code("vault_damaged"));
  }
});

test("a file that is no vault is refused, and one of a later version says so", () => {
  for (const text of [
    "",
    "{",
    "[]",
    "null",
    '{"format": "else"}',
    JSON.stringify({ ...vault, cipher: 5 }),
  ]) {
    assert.throws(() => readVault(text), code("vault_damaged"));
  }
  assert.throws(() => readVault(JSON.stringify({ ...vault, version: 2 })), code("vault_version"));
  assert.throws(
    () => readVault(JSON.stringify({ ...vault, fingerprint: "<b>" })),
    code("vault_damaged"),
  );
});

test("the length of the ciphertext does not tell how many words there are", async () => {
  const long = { ...SECRETS, words: `${SECRETS.words} ${SECRETS.words}` };
  const other = await closeVault(ABOUT, long, PASSWORD);
  assert.equal(other.cipher.text.length, vault.cipher.text.length);
});

test("a short password is refused", async () => {
  await assert.rejects(closeVault(ABOUT, SECRETS, "1234567"), code("password_short"));
});
