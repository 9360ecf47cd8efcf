// A wallet at rest: JSON with ciphertext (Argon2id, AES-256-GCM) and what is needed to open it. The
// same text is stored in the browser and written to the backup file.
import { base64 } from "@scure/base";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { argon2id } from "hash-wasm";

import { type CustomPath, type Language, LANGUAGES, PASSWORD_MINIMUM } from "../protocol";
import { isRecord } from "./asked";
import { randomBytes } from "./random";
import { refuse } from "./refusal";

const FORMAT = "satchel-vault";
const VERSION = 1;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const BLOCK = 512; // characters: so that the ciphertext's length says little of what is in it

interface Derivation {
  name: "argon2id";
  memory: number; // KiB
  iterations: number;
  parallelism: number;
  salt: string;
}

const STRENGTH = { memory: 64 * 1024, iterations: 3, parallelism: 1 };
const WEAKEST = { memory: 19 * 1024, iterations: 2 };
const COSTLIEST = { memory: 1024 * 1024, iterations: 16, parallelism: 16 };

/** What can be read without the password; changing any of it makes the vault unreadable. */
interface Header {
  format: typeof FORMAT;
  version: typeof VERSION;
  fingerprint: string;
  name: string;
  created: number;
}

export interface Vault extends Header {
  derivation: Derivation;
  cipher: { name: "AES-256-GCM"; nonce: string; text: string };
}

/** What is protected. */
export interface Secrets {
  words: string;
  passphrase: string;
  language: Language;
  paths: CustomPath[];
}

async function keyOf(password: string, derivation: Derivation): Promise<CryptoKey> {
  const raw = await argon2id({
    password: password.normalize("NFKC"),
    salt: base64.decode(derivation.salt),
    iterations: derivation.iterations,
    parallelism: derivation.parallelism,
    memorySize: derivation.memory,
    hashLength: KEY_BYTES,
    outputType: "binary",
  });
  const bytes = Uint8Array.from(raw);
  const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  bytes.fill(0);
  raw.fill(0);
  return key;
}

function sealed(vault: Header & { derivation: Derivation }): Uint8Array<ArrayBuffer> {
  const { format, version, fingerprint, name, created, derivation } = vault;
  const { memory, iterations, parallelism, salt } = derivation;
  const parts = [
    format,
    version,
    fingerprint,
    name,
    created,
    memory,
    iterations,
    parallelism,
    salt,
  ];
  return Uint8Array.from(utf8ToBytes(JSON.stringify(parts)));
}

export function refuseShortPassword(password: string): void {
  if ([...password].length < PASSWORD_MINIMUM) {
    refuse("password_short", { minimum: PASSWORD_MINIMUM });
  }
}

export async function closeVault(
  about: { fingerprint: string; name: string; created: number },
  secrets: Secrets,
  password: string,
): Promise<Vault> {
  refuseShortPassword(password);
  const derivation = {
    name: "argon2id",
    ...STRENGTH,
    salt: base64.encode(randomBytes(SALT_BYTES)),
  } as const;
  const header = { format: FORMAT, version: VERSION, ...about, derivation } as const;
  const key = await keyOf(password, derivation);
  const nonce = randomBytes(NONCE_BYTES);
  const text = JSON.stringify(secrets);
  const padded = Uint8Array.from(utf8ToBytes(text.padEnd(Math.ceil(text.length / BLOCK) * BLOCK)));
  const parameters = { name: "AES-GCM", iv: nonce, additionalData: sealed(header) };
  const encrypted = new Uint8Array(await crypto.subtle.encrypt(parameters, key, padded));
  padded.fill(0);
  const cipher = {
    name: "AES-256-GCM",
    nonce: base64.encode(nonce),
    text: base64.encode(encrypted),
  } as const;
  return { ...header, cipher };
}

/** What a vault holds; refused as password_wrong if the password does not open it. */
export async function openVault(vault: Vault, password: string): Promise<Secrets> {
  const key = await keyOf(password, vault.derivation);
  const iv = Uint8Array.from(base64.decode(vault.cipher.nonce));
  const parameters = { name: "AES-GCM", iv, additionalData: sealed(vault) };
  const text = Uint8Array.from(base64.decode(vault.cipher.text));
  const plain = await crypto.subtle
    .decrypt(parameters, key, text)
    .catch(() => refuse("password_wrong"));
  return secretsOf(JSON.parse(new TextDecoder().decode(plain)));
}

function isPath(value: unknown): value is CustomPath {
  if (!isRecord(value)) return false;
  return (
    typeof value.network === "string" &&
    typeof value.path === "string" &&
    typeof value.purpose === "number"
  );
}

function secretsOf(value: unknown): Secrets {
  if (!isRecord(value)) refuse("vault_damaged");
  const { words, passphrase, paths } = value;
  const language = LANGUAGES.find((each) => each === value.language);
  if (typeof words !== "string" || typeof passphrase !== "string") refuse("vault_damaged");
  if (language === undefined || !Array.isArray(paths) || !paths.every(isPath))
    refuse("vault_damaged");
  return { words, passphrase, language, paths };
}

function isBase64(value: unknown, bytes: number): value is string {
  if (typeof value !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return false;
  return value.length % 4 === 0 && value.length >= Math.ceil(bytes / 3) * 4;
}

function isBetween(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

function derivationOf(value: unknown): Derivation {
  if (!isRecord(value) || value.name !== "argon2id") refuse("vault_damaged");
  const { memory, iterations, parallelism, salt } = value;
  if (!isBetween(memory, WEAKEST.memory, COSTLIEST.memory)) refuse("vault_damaged");
  if (!isBetween(iterations, WEAKEST.iterations, COSTLIEST.iterations)) refuse("vault_damaged");
  if (!isBetween(parallelism, 1, COSTLIEST.parallelism)) refuse("vault_damaged");
  if (!isBase64(salt, SALT_BYTES)) refuse("vault_damaged");
  return { name: "argon2id", memory, iterations, parallelism, salt };
}

/** A vault out of a file's text or the browser's storage. */
export function readVault(text: string): Vault {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    refuse("vault_damaged");
  }
  if (!isRecord(value) || value.format !== FORMAT) refuse("vault_damaged");
  if (value.version !== VERSION) refuse("vault_version", { found: String(value.version) });
  const { fingerprint, name, created, cipher } = value;
  if (typeof fingerprint !== "string" || !/^[0-9a-f]{8}$/.test(fingerprint))
    refuse("vault_damaged");
  if (typeof name !== "string" || !isBetween(created, 0, Number.MAX_SAFE_INTEGER))
    refuse("vault_damaged");
  if (!isRecord(cipher) || cipher.name !== "AES-256-GCM") refuse("vault_damaged");
  if (!isBase64(cipher.nonce, NONCE_BYTES) || !isBase64(cipher.text, BLOCK))
    refuse("vault_damaged");
  return {
    format: FORMAT,
    version: VERSION,
    fingerprint,
    name,
    created,
    derivation: derivationOf(value.derivation),
    cipher: { name: "AES-256-GCM", nonce: cipher.nonce, text: cipher.text },
  };
}

export function writeVault(vault: Vault): string {
  return `${JSON.stringify(vault, null, 2)}\n`;
}
