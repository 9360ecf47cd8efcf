// What a page may ask of the signing worker and what it answers. No answer holds a key, and words
// leave the worker only once: as the answer to `create`, for the backup screen.
// Amounts are bigints in the smallest unit, fee rates in smallest units per 1000 vbytes, hashes hex
// in display order.

export const PURPOSES = [44, 49, 84, 86] as const;
export type Purpose = (typeof PURPOSES)[number];

export const RECEIVE = 0;
export const CHANGE = 1;
export type Branch = typeof RECEIVE | typeof CHANGE;

export const LANGUAGES = [
  "english",
  "chinese_simplified",
  "chinese_traditional",
  "czech",
  "french",
  "italian",
  "japanese",
  "korean",
  "portuguese",
  "spanish",
] as const;
export type Language = (typeof LANGUAGES)[number];

export const WORD_COUNTS = [12, 15, 18, 21, 24] as const;
export type WordCount = (typeof WORD_COUNTS)[number];

export const PASSWORD_MINIMUM = 8; // characters
export const WORDS_TO_CHECK = 3; // how many words must be re-entered before `save`
export const ACCOUNT_MAXIMUM = 999;

/** An account of the open wallet: at m / purpose' / coin type' / account', or at `path`. */
export interface AccountName {
  network: string;
  purpose: Purpose;
  account: number;
  /** A path of the person's own, such as "84h/0h/7h": one of those given to `save`. */
  path?: string;
}

export interface CustomPath {
  network: string;
  purpose: Purpose;
  path: string;
}

export interface AccountKey {
  /** With origin, both branches (<0;1>) and checksum. */
  descriptor: string;
  xpub: string;
  fingerprint: string;
  path: string;
}

export interface VaultEntry {
  id: string;
  /** Of the master key, passphrase included: 8 hex digits. */
  fingerprint: string;
  name: string;
  /** Milliseconds since 1970. */
  created: number;
}

export interface Recipient {
  address: string;
  /** "all": whatever the inputs leave after the fee; then there is no change. */
  amount: bigint | "all";
}

export interface SpendingAccount {
  purpose: Purpose;
  account: number;
  path?: string;
  /** The highest used position on each branch, -1 for none. */
  lastUsed: { receive: number; change: number };
}

export interface Outpoint {
  txid: string;
  vout: number;
}

/** What the person asked for. It comes from what was typed in the page, never from the draft. */
export interface Intent {
  recipients: Recipient[];
  accounts: SpendingAccount[];
  gapLimit: number;
  locktime: number;
  /** Of every input. */
  sequence: number;
  /** What was chosen, per 1000 vbytes; absent where the fee was not chosen by rate (CPFP). */
  feeRate?: number;
  /** The person has read that the fee is above the limits and wants it. */
  feeOverridden?: boolean;
  /** The outpoints spent by the transaction to be replaced: one of them must be spent again. */
  replaces?: Outpoint[];
}

export interface CheckedInput extends Outpoint {
  amount: bigint;
  address: string;
  path: string;
}

export interface CheckedPayment {
  address: string;
  amount: bigint;
  /** It goes to an address of this very wallet. */
  own: boolean;
}

export interface CheckedChange {
  address: string;
  amount: bigint;
  path: string;
}

export type CheckWarning = "fee_overridden" | "not_replaceable";

/** All of it computed by the worker from its own keys and the PSBT. */
export interface CheckedTransaction {
  /** Good for one `sign`; a later `check` or lock ends it. */
  token: string;
  inputs: CheckedInput[];
  payments: CheckedPayment[];
  change: CheckedChange[];
  fee: bigint;
  feeRate: number;
  /** Of the signed transaction; signatures that turn out short may save a vbyte. */
  vsize: number;
  locktime: number;
  replaceable: boolean;
  warnings: CheckWarning[];
}

/** Each call: what goes in and what comes back. */
export interface Calls {
  /** New words, kept in the worker until `save`. */
  create: {
    ask: { words: WordCount; language: Language; passphrase?: string };
    answer: { words: string[]; fingerprint: string };
  };
  /** Words that somebody has, in any case and spacing; kept until `save`. */
  restore: {
    ask: { words: string; passphrase: string; language?: Language };
    answer: { fingerprint: string; language: Language; count: WordCount };
  };
  /** Words of the list that begin so: at most `limit`. */
  complete: {
    ask: { prefix: string; language: Language; limit: number };
    answer: { words: string[] };
  };
  /** Whether words are those at these positions (from 1), of what is created or unlocked. */
  checkWords: {
    ask: { positions: number[]; words: string[] };
    answer: { right: boolean; wrong: number[] };
  };
  /** Encrypt and store what was created (and passed `checkWords`) or restored. It stays open. */
  save: {
    ask: { password: string; name: string; paths?: CustomPath[] };
    answer: { vaultId: string; fingerprint: string };
  };
  vaults: { ask: Record<never, never>; answer: { vaults: VaultEntry[] } };
  unlock: { ask: { vaultId: string; password: string }; answer: { fingerprint: string } };
  changePassword: {
    ask: { vaultId: string; password: string; newPassword: string };
    answer: { vaultId: string };
  };
  forget: { ask: { vaultId: string }; answer: { vaultId: string } };
  /** The backup file's text: ciphertext and what is needed to open it with the password. */
  exportVault: { ask: { vaultId: string }; answer: { text: string } };
  /** Store a backup file after opening it with its password; it is unlocked then. */
  importVault: {
    ask: { text: string; password: string };
    answer: { vaultId: string; fingerprint: string };
  };
  accountKey: { ask: AccountName; answer: AccountKey };
  /** `address` in the answer is the one the key gives, whatever was asked. */
  confirmAddress: {
    ask: AccountName & { branch: Branch; index: number; address: string };
    answer: { ok: boolean; address: string };
  };
  /** `psbt` in base64. */
  check: {
    ask: { network: string; psbt: string; intent: Intent };
    answer: CheckedTransaction;
  };
  sign: { ask: { token: string }; answer: { psbt: string } };
  /** BIP322 simple; for a P2PKH address the older form that every wallet verifies. Base64. */
  signMessage: {
    ask: AccountName & {
      branch: Branch;
      index: number;
      address: string;
      message: string;
    };
    answer: { signature: string };
  };
}

export type CallName = keyof Calls;

export type Question = {
  [Name in CallName]: { id: number; call: Name; ask: Calls[Name]["ask"] };
}[CallName];

/** Why the worker refuses; the words for each stand in templates/wallets/words.html. */
export const REFUSALS = [
  // the request itself
  "malformed_request", // field
  "locked",
  "insecure_context",
  "internal", // detail
  // words
  "language_ambiguous", // languages
  "word_count", // found
  "word_unknown", // position, word
  "words_checksum",
  "position_wrong", // position
  "too_many_tries",
  "random_failed",
  // the vault
  "nothing_to_save",
  "words_unchecked", // minimum
  "password_short", // minimum
  "password_wrong",
  "vault_missing",
  "vault_damaged",
  "vault_version", // found
  "storage_blocked",
  "storage_full",
  // accounts
  "network_unknown", // network
  "purpose_unavailable", // network, purpose
  "account_range", // account, maximum
  "path_wrong", // path
  "path_unknown", // path
  "address_wrong", // address
  "address_not_ours", // address, expected
  // the PSBT
  "psbt_malformed", // detail
  "psbt_field", // place, field
  "transaction_version", // found
  "no_inputs",
  "too_many_inputs", // found, maximum
  "input_duplicate", // input
  "input_final", // input
  "input_previous_missing", // input
  "input_previous_wrong", // input
  "input_amount", // input, claimed, found
  "input_script", // input
  "input_foreign", // input
  "input_path", // input, path
  "input_mismatch", // input, path
  "input_sighash", // input, found
  "input_sequence", // input, found, expected
  "locktime", // found, expected
  "amount_range", // output
  // the payments
  "recipient_address", // recipient, address
  "recipient_amount", // recipient
  "payment_missing", // address, amount
  "payment_amount", // address, amount, expected
  "payment_unexpected", // output, address, amount
  "change_not_ours", // output, path
  "change_out_of_reach", // output, path
  "change_with_all",
  "fee_negative",
  "fee_above_choice", // fee, rate, chosen
  "fee_rate", // rate, limit
  "fee_share", // fee, percent, limit
  "replaces_nothing",
  "token_unknown",
] as const;
export type RefusalCode = (typeof REFUSALS)[number];

export type RefusalParameters = Record<string, string | number | bigint>;

export interface Refusal {
  code: RefusalCode;
  parameters: RefusalParameters;
}

export type Answer =
  | { id: number; ok: true; value: Calls[CallName]["answer"] }
  | { id: number; ok: false; refusal: Refusal };
