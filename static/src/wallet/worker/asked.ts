// Requests are checked field by field before anything is done with them.
import {
  type AccountName,
  type Branch,
  type CustomPath,
  type Intent,
  type Language,
  LANGUAGES,
  type Outpoint,
  type Purpose,
  PURPOSES,
  type Recipient,
  type SpendingAccount,
} from "../protocol";
import { refuse } from "./refusal";

const TEXT_MAXIMUM = 16_000_000; // characters
const LIST_MAXIMUM = 10_000;
const INDEX_MAXIMUM = 0x7fffffff;
const UINT32_MAXIMUM = 0xffffffff;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One object of a request. Every getter refuses what is missing or of another kind. */
export class Asked {
  private readonly fields: Record<string, unknown>;

  constructor(value: unknown, name = "ask") {
    if (!isRecord(value)) refuse("malformed_request", { field: name });
    this.fields = value;
  }

  private wrong(field: string): never {
    refuse("malformed_request", { field });
  }

  has(field: string): boolean {
    return this.fields[field] !== undefined;
  }

  text(field: string): string {
    const value = this.fields[field];
    return typeof value === "string" && value.length <= TEXT_MAXIMUM ? value : this.wrong(field);
  }

  optionalText(field: string): string | undefined {
    return this.has(field) ? this.text(field) : undefined;
  }

  integer(field: string, least = 0, most = INDEX_MAXIMUM): number {
    const value = this.fields[field];
    if (typeof value !== "number" || !Number.isInteger(value)) return this.wrong(field);
    return value >= least && value <= most ? value : this.wrong(field);
  }

  flag(field: string): boolean {
    const value = this.fields[field] ?? false;
    return typeof value === "boolean" ? value : this.wrong(field);
  }

  oneOf<Choice>(field: string, choices: readonly Choice[]): Choice {
    return choices.find((choice) => choice === this.fields[field]) ?? this.wrong(field);
  }

  list<Item>(field: string, read: (value: unknown) => Item): Item[] {
    const value = this.fields[field];
    if (!Array.isArray(value) || value.length > LIST_MAXIMUM) return this.wrong(field);
    return value.map(read);
  }

  inner(field: string): Asked {
    return new Asked(this.fields[field], field);
  }

  amount(field: string): bigint | "all" {
    const value = this.fields[field];
    return typeof value === "bigint" || value === "all" ? value : this.wrong(field);
  }
}

function textItem(value: unknown): string {
  return typeof value === "string" ? value : refuse("malformed_request", { field: "words" });
}

function positionItem(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  refuse("malformed_request", { field: "positions" });
}

export function askedWords(asked: Asked): { positions: number[]; words: string[] } {
  const positions = asked.list("positions", positionItem);
  const words = asked.list("words", textItem);
  if (words.length !== positions.length) refuse("malformed_request", { field: "words" });
  return { positions, words };
}

export function askedLanguage(asked: Asked): Language | undefined {
  return asked.has("language") ? asked.oneOf<Language>("language", LANGUAGES) : undefined;
}

export function askedPurpose(asked: Asked): Purpose {
  return asked.oneOf<Purpose>("purpose", PURPOSES);
}

function withPath<Named extends object>(asked: Asked, named: Named): Named & { path?: string } {
  const path = asked.optionalText("path");
  return path === undefined ? named : { ...named, path };
}

export function askedAccount(asked: Asked): AccountName {
  const network = asked.text("network");
  return withPath(asked, {
    network,
    purpose: askedPurpose(asked),
    account: asked.integer("account"),
  });
}

export function askedBranch(asked: Asked): Branch {
  return asked.oneOf<Branch>("branch", [0, 1]);
}

export function askedPath(value: unknown): CustomPath {
  const asked = new Asked(value, "paths");
  return { network: asked.text("network"), purpose: askedPurpose(asked), path: asked.text("path") };
}

function askedRecipient(value: unknown): Recipient {
  const asked = new Asked(value, "recipients");
  return { address: asked.text("address"), amount: asked.amount("amount") };
}

function askedSpending(value: unknown): SpendingAccount {
  const asked = new Asked(value, "accounts");
  const used = asked.inner("lastUsed");
  const lastUsed = { receive: used.integer("receive", -1), change: used.integer("change", -1) };
  const account = asked.integer("account");
  return withPath(asked, { purpose: askedPurpose(asked), account, lastUsed });
}

function askedOutpoint(value: unknown): Outpoint {
  const asked = new Asked(value, "replaces");
  return { txid: asked.text("txid"), vout: asked.integer("vout", 0, UINT32_MAXIMUM) };
}

export function askedIntent(asked: Asked): Intent {
  const intent: Intent = {
    recipients: asked.list("recipients", askedRecipient),
    accounts: asked.list("accounts", askedSpending),
    gapLimit: asked.integer("gapLimit", 1, 10_000),
    locktime: asked.integer("locktime", 0, UINT32_MAXIMUM),
    sequence: asked.integer("sequence", 0, UINT32_MAXIMUM),
    feeOverridden: asked.flag("feeOverridden"),
  };
  if (asked.has("feeRate")) intent.feeRate = asked.integer("feeRate");
  if (asked.has("replaces")) intent.replaces = asked.list("replaces", askedOutpoint);
  return intent;
}
