// Which wallets are unlocked in this document, how they are unlocked, and when they are locked.
import { announce } from "../announce";
import { lockOtherTabs } from "../other_tabs";
import { LockedError, RefusalError, Signer } from "./client";
import type { VaultEntry } from "./protocol";
import { say } from "./words";

export { LockedError, RefusalError, Signer };

type Listener = () => void;

const signers = new Map<string, Signer>();
const asked = new Map<string, Promise<Signer>>(); // for a password, at this moment
const listeners = new Set<Listener>();
let resting: Signer | undefined;

/** The signer that holds this wallet's keys, if it is unlocked. */
export function currentSigner(fingerprint: string): Signer | undefined {
  return signers.get(fingerprint);
}

/** Whether any wallet is unlocked. */
export function anyUnlocked(): boolean {
  return signers.size > 0;
}

/** A signer without keys: for what needs none, and for wallets that are being made. */
export function restingSigner(): Signer {
  return (resting ??= new Signer());
}

/** The vaults in this browser. Raises RefusalError("storage_blocked"). */
export async function vaults(): Promise<VaultEntry[]> {
  return (await restingSigner().ask("vaults", {})).vaults;
}

/** From now on this signer, until now `restingSigner()`, holds an unlocked wallet. */
export function adopt(signer: Signer, fingerprint: string): void {
  if (resting === signer) resting = undefined;
  signers.get(fingerprint)?.end();
  signers.set(fingerprint, signer);
  changed();
}

/** Call back whenever something has been locked or unlocked; returns how to stop that. */
export function onLockChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** End all workers, and with them all keys. */
export function lock(): void {
  if (!anyUnlocked()) return;
  for (const signer of signers.values()) signer.end();
  signers.clear();
  changed();
  announce(say("locked"));
}

/** The person wants everything locked, in other tabs too. */
export function lockEverywhere(): void {
  lock();
  lockOtherTabs();
}

/** The signer of this wallet; asks for the password if it is locked.
 *
 * Raises LockedError if the person cancels, RefusalError("vault_missing") if this browser has no
 * keys for it, RefusalError("storage_blocked").
 */
export async function unlocked(fingerprint: string): Promise<Signer> {
  const current = currentSigner(fingerprint) ?? asked.get(fingerprint);
  if (current) return current;
  const unlocking = unlock(fingerprint).finally(() => asked.delete(fingerprint));
  asked.set(fingerprint, unlocking);
  return unlocking;
}

async function unlock(fingerprint: string): Promise<Signer> {
  const vault = (await vaults()).find((each) => each.fingerprint === fingerprint);
  if (!vault) throw new RefusalError("vault_missing", {});
  const signer = await askPassword((password) => tryPassword(vault, password));
  adopt(signer, fingerprint);
  announce(say("unlocked"));
  return signer;
}

async function tryPassword(vault: VaultEntry, password: string): Promise<Signer> {
  const signer = restingSigner();
  await signer.ask("unlock", { vaultId: vault.id, password });
  return signer;
}

function changed(): void {
  for (const listener of [...listeners]) listener();
}

async function askPassword(attempt: (password: string) => Promise<Signer>): Promise<Signer> {
  const dialog = document.querySelector<HTMLDialogElement>("#unlock");
  const input = dialog?.querySelector<HTMLInputElement>("#unlock-password");
  const problem = dialog?.querySelector<HTMLElement>("#unlock-error");
  const form = dialog?.querySelector("form");
  if (!dialog || !input || !problem || !form) throw new Error("the page has no password dialog");
  input.value = "";
  problem.textContent = "";
  return new Promise((resolve, reject) => {
    const ending = new AbortController();
    const { signal } = ending;
    const onSubmit = async (event: SubmitEvent): Promise<void> => {
      event.preventDefault();
      if (dialog.hasAttribute("data-busy")) return;
      dialog.toggleAttribute("data-busy", true);
      try {
        resolve(await attempt(input.value));
        dialog.close();
      } catch (error) {
        if (!(error instanceof RefusalError)) throw error;
        problem.textContent = say(error.code, error.parameters);
        input.select();
      } finally {
        dialog.toggleAttribute("data-busy", false);
      }
    };
    form.addEventListener("submit", (event) => void onSubmit(event), { signal });
    dialog.querySelector("[data-cancel]")?.addEventListener("click", () => dialog.close(), { signal });
    dialog.addEventListener(
      "close",
      () => {
        ending.abort();
        input.value = "";
        reject(new LockedError()); // of no effect once resolved
      },
      { signal },
    );
    dialog.showModal();
    input.focus();
  });
}
