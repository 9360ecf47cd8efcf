// From an unlocked signer to a wallet on the server, which gets public keys only.
import { Signer } from "./client";
import { formIn, FieldError, need, valueOf } from "./forms";
import { postJson } from "./http";
import { visit } from "./navigation";
import type { AccountKey, CustomPath, Purpose } from "./protocol";
import { PURPOSES } from "./protocol";
import { adopt } from "./session";
import { say } from "./words";

const MOST_ACCOUNTS = 20; // looked at, of one kind

export interface NewAccount {
  purpose: Purpose;
  account_index: number | null;
  descriptor: string;
}

export interface NewWallet {
  name: string;
  fingerprint: string;
  birthday: number;
  accounts: NewAccount[];
}

/** Tell the server, keep the signer unlocked, and go to the wallet's page. */
export async function register(root: HTMLElement, signer: Signer, wallet: NewWallet): Promise<void> {
  const { url } = await postJson<{ url: string }>(root.dataset.wallets ?? "", {
    name: wallet.name,
    kind: "vault",
    fingerprint: wallet.fingerprint,
    birthday_height: wallet.birthday,
    accounts: wallet.accounts,
  });
  adopt(signer, wallet.fingerprint);
  visit(url);
}

/** The kinds of account that are ticked. Raises FieldError if none is. */
export function chosenPurposes(form: HTMLFormElement): Purpose[] {
  const ticked = [...form.querySelectorAll<HTMLInputElement>("[name=purpose]:checked")];
  const chosen = PURPOSES.filter((purpose) => ticked.some(({ value }) => Number(value) === purpose));
  if (chosen.length === 0) throw new FieldError("purpose", say("choose-account"));
  return chosen;
}

/** The public key of one account. */
export async function accountOf(
  signer: Signer,
  network: string,
  purpose: Purpose,
  account: number,
): Promise<NewAccount> {
  const key: AccountKey = await signer.ask("accountKey", { network, purpose, account });
  return { purpose, account_index: account, descriptor: key.descriptor };
}

export async function accountAt(signer: Signer, { network, purpose, path }: CustomPath): Promise<NewAccount> {
  const key = await signer.ask("accountKey", { network, purpose, account: 0, path });
  return { purpose, account_index: null, descriptor: key.descriptor };
}

/** The accounts that the chain knows, of each kind in order until one is unused (BIP44). */
export async function usedAccounts(
  root: HTMLElement,
  signer: Signer,
  purposes: Purpose[],
): Promise<NewAccount[]> {
  const found: NewAccount[] = [];
  let asked = purposes;
  for (let number = 0; asked.length > 0 && number < MOST_ACCOUNTS; number++) {
    const accounts = await Promise.all(
      asked.map((purpose) => accountOf(signer, root.dataset.network ?? "", purpose, number)),
    );
    const { used } = await postJson<{ used: boolean[] }>(`${root.dataset.wallets}/new/used`, {
      descriptors: accounts.map(({ descriptor }) => descriptor),
    });
    const known = accounts.filter((_account, index) => used[index]);
    found.push(...known);
    asked = known.map(({ purpose }) => purpose);
  }
  return found;
}

/** The kinds of account that this page offers. */
export function offeredPurposes(root: HTMLElement): Purpose[] {
  const offered = [...root.querySelectorAll<HTMLElement>("[data-type]")].map(({ dataset }) => Number(dataset.type));
  return PURPOSES.filter((purpose) => offered.includes(purpose));
}

/** The wallet that this person has already with these keys. */
export function knownWallet(root: HTMLElement, fingerprint: string): { name: string; href: string } | undefined {
  const item = root.querySelector<HTMLElement>(`[data-known] [data-fingerprint="${CSS.escape(fingerprint)}"]`);
  if (!item) return undefined;
  return { name: item.textContent?.trim() ?? "", href: item.dataset.href ?? "" };
}

/** The last step of restoring and importing: what was found, and what is wanted. */
export class AccountsStep {
  private readonly form: HTMLFormElement;
  private found: NewAccount[] = [];

  constructor(private readonly root: HTMLElement) {
    this.form = formIn(root, "accounts");
  }

  show(found: NewAccount[]): void {
    this.found = found;
    const used = new Set(found.map(({ purpose }) => purpose));
    need(this.form, "[data-some-used]").hidden = used.size === 0;
    need(this.form, "[data-none-used]").hidden = used.size > 0;
    for (const type of this.form.querySelectorAll<HTMLElement>("[data-type]")) {
      const isUsed = used.has(Number(type.dataset.type) as Purpose);
      need(type, "[data-found]").hidden = !isUsed;
      if (used.size > 0) need<HTMLInputElement>(type, "input").checked = isUsed;
    }
  }

  /** All used accounts of the chosen kinds, and the first of those that are not used. */
  async wanted(signer: Signer): Promise<NewAccount[]> {
    const wanted: NewAccount[] = [];
    for (const purpose of chosenPurposes(this.form)) {
      const used = this.found.filter((account) => account.purpose === purpose);
      if (used.length > 0) wanted.push(...used);
      else wanted.push(await accountOf(signer, this.root.dataset.network ?? "", purpose, 0));
    }
    return wanted;
  }

  get name(): string {
    return valueOf(this.form, "name").trim();
  }
}
