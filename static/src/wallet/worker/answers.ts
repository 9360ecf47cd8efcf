// One function for each call of protocol.ts. The open wallet and the last check are the only state.
import { bytesToHex } from "@noble/hashes/utils.js";

import {
  type CallName,
  type Calls,
  type Language,
  LANGUAGES,
  type SpendingAccount,
  WORD_COUNTS,
} from "../protocol";
import { addressOf, scriptOf } from "./addresses";
import {
  Asked,
  askedAccount,
  askedBranch,
  askedIntent,
  askedLanguage,
  askedPath,
  askedWords,
} from "./asked";
import { equalBytes } from "./bytes";
import { type Checked, checkPsbt } from "./check";
import { wantedNetwork } from "./keychain";
import { signMessage } from "./messages";
import { newMnemonic, readMnemonic, writtenWords } from "./mnemonic";
import { type Spending, spendingFrom } from "./places";
import { randomBytes } from "./random";
import { refuse } from "./refusal";
import { signChecked } from "./sign";
import { writeVault } from "./vault";
import {
  changePassword,
  forget,
  importVault,
  OpenWallet,
  vaultEntries,
  vaultNamed,
  walletIn,
} from "./wallet";
import { completions } from "./words";

const COMPLETIONS_MAXIMUM = 50;
const TOKEN_BYTES = 16;
const MESSAGE_MAXIMUM = 100_000; // characters
const LONE_SURROGATE = /\p{Surrogate}/u; // has no bytes in UTF-8

let wallet: OpenWallet | undefined;
let checked: (Checked & { token: string }) | undefined;

function open(next: OpenWallet): OpenWallet {
  wallet = next;
  checked = undefined;
  return next;
}

function opened(): OpenWallet {
  return wallet ?? refuse("locked");
}

function spendingOf(
  network: string,
  { lastUsed, ...name }: SpendingAccount,
  gap: number,
): Spending {
  return spendingFrom(opened().account({ network, ...name }), lastUsed, gap);
}

/** The key at a place, if the address there is the one that was asked for. */
function ownLeaf(asked: Asked) {
  const account = opened().account(askedAccount(asked));
  const address = asked.text("address");
  const script = scriptOf(address, account.network) ?? refuse("address_wrong", { address });
  const leaf = account.leaf(askedBranch(asked), asked.integer("index"));
  return { account, leaf, address, isRight: equalBytes(script, leaf.script) };
}

type Answers = {
  [Name in CallName]: (asked: Asked) => Calls[Name]["answer"] | Promise<Calls[Name]["answer"]>;
};

export const answers: Answers = {
  async create(asked) {
    const language = asked.oneOf<Language>("language", LANGUAGES);
    const mnemonic = newMnemonic(asked.oneOf("words", WORD_COUNTS), language);
    const created = open(
      await OpenWallet.created(mnemonic, asked.optionalText("passphrase") ?? ""),
    );
    return { words: writtenWords(mnemonic), fingerprint: created.fingerprint };
  },

  async restore(asked) {
    const mnemonic = readMnemonic(asked.text("words"), askedLanguage(asked));
    const { fingerprint } = open(await OpenWallet.restored(mnemonic, asked.text("passphrase")));
    return { fingerprint, language: mnemonic.language, count: mnemonic.count };
  },

  complete(asked) {
    const limit = asked.integer("limit", 1, COMPLETIONS_MAXIMUM);
    const language = asked.oneOf<Language>("language", LANGUAGES);
    return { words: completions(asked.text("prefix"), language, limit) };
  },

  checkWords(asked) {
    const { positions, words } = askedWords(asked);
    const wrong = opened().checkWords(positions, words);
    return { right: wrong.length === 0, wrong };
  },

  async save(asked) {
    const unsaved = wallet ?? refuse("nothing_to_save");
    const paths = asked.has("paths") ? asked.list("paths", askedPath) : [];
    await unsaved.save(asked.text("password"), asked.text("name"), paths);
    return { vaultId: unsaved.fingerprint, fingerprint: unsaved.fingerprint };
  },

  async vaults() {
    return { vaults: await vaultEntries() };
  },

  async unlock(asked) {
    const vault = await vaultNamed(asked.text("vaultId"));
    return { fingerprint: open(await walletIn(vault, asked.text("password"))).fingerprint };
  },

  async changePassword(asked) {
    const vaultId = asked.text("vaultId");
    await changePassword(vaultId, asked.text("password"), asked.text("newPassword"));
    return { vaultId };
  },

  async forget(asked) {
    const vaultId = asked.text("vaultId");
    await forget(vaultId);
    return { vaultId };
  },

  async exportVault(asked) {
    return { text: writeVault(await vaultNamed(asked.text("vaultId"))) };
  },

  async importVault(asked) {
    const { fingerprint } = open(await importVault(asked.text("text"), asked.text("password")));
    return { vaultId: fingerprint, fingerprint };
  },

  accountKey(asked) {
    return opened().account(askedAccount(asked)).key();
  },

  confirmAddress(asked) {
    const { account, leaf, isRight } = ownLeaf(asked);
    return { ok: isRight, address: addressOf(leaf.script, account.network) };
  },

  check(asked) {
    const network = wantedNetwork(asked.text("network"));
    const intent = askedIntent(asked.inner("intent"));
    const spending = intent.accounts.map((each) => spendingOf(network.name, each, intent.gapLimit));
    checked = undefined;
    const result = checkPsbt(asked.text("psbt"), intent, spending, network);
    const token = bytesToHex(randomBytes(TOKEN_BYTES));
    checked = { ...result.checked, token };
    return { token, ...result.summary };
  },

  sign(asked) {
    opened();
    const last = checked;
    if (last === undefined || last.token !== asked.text("token")) refuse("token_unknown");
    checked = undefined;
    return { psbt: signChecked(last) };
  },

  signMessage(asked) {
    const { account, leaf, address, isRight } = ownLeaf(asked);
    const expected = addressOf(leaf.script, account.network);
    if (!isRight) refuse("address_not_ours", { address, expected });
    const message = asked.text("message");
    if (message.length > MESSAGE_MAXIMUM || LONE_SURROGATE.test(message)) {
      refuse("malformed_request", { field: "message" });
    }
    return { signature: signMessage(account.purpose, account.network, leaf, message) };
  },
};
