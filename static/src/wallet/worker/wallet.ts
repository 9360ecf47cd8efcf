// The one wallet that this worker holds: just created, just restored, or unlocked from its vault.
import { type AccountName, type CustomPath, type VaultEntry, WORDS_TO_CHECK } from "../protocol";
import { type Account, fingerprintHex, Keychain, wantedNetwork } from "./keychain";
import { type Mnemonic, readMnemonic, seedOf, wrongPositions } from "./mnemonic";
import { parsePath, pathText } from "./paths";
import { Refused, refuse } from "./refusal";
import { allTexts, forgetText, keepText, textOf } from "./store";
import {
  closeVault,
  openVault,
  readVault,
  refuseShortPassword,
  type Secrets,
  type Vault,
  writeVault,
} from "./vault";

const WRONG_WORDS_MAXIMUM = 24; // or a page could ask for one word after the other until it has all

export class OpenWallet {
  private wrongWords = 0;

  private constructor(
    readonly mnemonic: Mnemonic,
    private readonly passphrase: string,
    private readonly keychain: Keychain,
    private paths: readonly CustomPath[],
    private isSaved: boolean,
    private areWordsChecked: boolean,
  ) {}

  private static async of(
    mnemonic: Mnemonic,
    passphrase: string,
    paths: readonly CustomPath[],
    state: { isSaved: boolean; areWordsChecked: boolean },
  ): Promise<OpenWallet> {
    const keychain = new Keychain(await seedOf(mnemonic, passphrase));
    return new OpenWallet(
      mnemonic,
      passphrase,
      keychain,
      paths,
      state.isSaved,
      state.areWordsChecked,
    );
  }

  static created(mnemonic: Mnemonic, passphrase: string): Promise<OpenWallet> {
    return OpenWallet.of(mnemonic, passphrase, [], { isSaved: false, areWordsChecked: false });
  }

  static restored(mnemonic: Mnemonic, passphrase: string): Promise<OpenWallet> {
    return OpenWallet.of(mnemonic, passphrase, [], { isSaved: false, areWordsChecked: true });
  }

  static unlocked({ words, passphrase, language, paths }: Secrets): Promise<OpenWallet> {
    const mnemonic = readMnemonic(words, language);
    return OpenWallet.of(mnemonic, passphrase, paths, { isSaved: true, areWordsChecked: true });
  }

  get fingerprint(): string {
    return fingerprintHex(this.keychain.fingerprint);
  }

  account(name: AccountName): Account {
    return this.keychain.account(wantedNetwork(name.network), name, this.paths);
  }

  checkWords(positions: readonly number[], words: readonly string[]): number[] {
    const wrong = wrongPositions(this.mnemonic, positions, words);
    this.wrongWords += wrong.length;
    if (this.isSaved && this.wrongWords > WRONG_WORDS_MAXIMUM) refuse("too_many_tries");
    const enough = new Set(positions).size >= WORDS_TO_CHECK;
    if (enough && wrong.length === 0) this.areWordsChecked = true;
    return wrong;
  }

  async save(password: string, name: string, paths: readonly CustomPath[]): Promise<void> {
    if (this.isSaved) refuse("nothing_to_save");
    if (!this.areWordsChecked) refuse("words_unchecked", { minimum: WORDS_TO_CHECK });
    refuseShortPassword(password);
    const own = paths.map((each) => ({ ...each, path: pathText(parsePath(each.path)) }));
    const { text: words, language } = this.mnemonic;
    const secrets = { words, passphrase: this.passphrase, language, paths: own };
    const about = { fingerprint: this.fingerprint, name, created: Date.now() };
    await keep(await closeVault(about, secrets, password));
    this.paths = own;
    this.isSaved = true;
  }
}

async function keep(vault: Vault): Promise<void> {
  await keepText(vault.fingerprint, writeVault(vault));
}

export async function vaultNamed(id: string): Promise<Vault> {
  return readVault((await textOf(id)) ?? refuse("vault_missing"));
}

/** The vaults that can be read: one that is damaged does not hide the others. */
export async function vaultEntries(): Promise<VaultEntry[]> {
  return (await allTexts()).flatMap((text) => {
    try {
      const { fingerprint, name, created } = readVault(text);
      return [{ id: fingerprint, fingerprint, name, created }];
    } catch (error) {
      if (error instanceof Refused) return [];
      throw error;
    }
  });
}

/** The wallet in a vault; its keys must be those that the vault's fingerprint names. */
export async function walletIn(vault: Vault, password: string): Promise<OpenWallet> {
  const wallet = await OpenWallet.unlocked(await openVault(vault, password));
  if (wallet.fingerprint !== vault.fingerprint) refuse("vault_damaged");
  return wallet;
}

export async function importVault(text: string, password: string): Promise<OpenWallet> {
  const vault = readVault(text);
  const wallet = await walletIn(vault, password);
  await keep(vault);
  return wallet;
}

export async function changePassword(id: string, password: string, next: string): Promise<void> {
  refuseShortPassword(next);
  const vault = await vaultNamed(id);
  const { fingerprint, name, created } = vault;
  const secrets = await openVault(vault, password);
  await keep(await closeVault({ fingerprint, name, created }, secrets, next));
}

export async function forget(id: string): Promise<void> {
  await vaultNamed(id);
  await forgetText(id);
}
