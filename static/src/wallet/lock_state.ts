// <html data-lock> tells style sheets how it stands with the wallet of the page at hand: locked,
// unlocked, missing (no keys of it in this browser), watch. data-any-unlocked: whether any is open.
import { note } from "./note";
import { onPage, pageWallet } from "./pages";
import { LockedError, RefusalError, anyUnlocked, currentSigner, lockEverywhere, onLockChange, unlocked, vaults } from "./session";
import { say } from "./words";

const root = document.documentElement;
let latest = 0;

async function show(): Promise<void> {
  const asked = ++latest;
  root.toggleAttribute("data-any-unlocked", anyUnlocked());
  const wallet = pageWallet();
  const state = wallet && (await stateOf(wallet.kind, wallet.fingerprint));
  if (asked !== latest) return;
  if (state) root.dataset.lock = state;
  else delete root.dataset.lock;
}

async function stateOf(kind: "vault" | "watch", fingerprint: string | undefined): Promise<string> {
  if (kind === "watch" || !fingerprint) return "watch";
  if (currentSigner(fingerprint)) return "unlocked";
  try {
    const here = (await vaults()).some((vault) => vault.fingerprint === fingerprint);
    return here ? "locked" : "missing";
  } catch (error) {
    if (error instanceof RefusalError) return "missing";
    throw error;
  }
}

async function unlockFrom(button: HTMLElement): Promise<void> {
  try {
    await unlocked(button.dataset.unlock ?? "");
  } catch (error) {
    if (error instanceof RefusalError) note(say(error.code, error.parameters));
    else if (!(error instanceof LockedError)) throw error;
  }
}

onPage("[data-wallet]", () => {
  void show();
  return () => void show();
});
onLockChange(() => void show());
document.addEventListener("click", (event) => {
  const target = event.target as Element;
  if (target.closest("[data-lock-now]")) lockEverywhere();
  const opener = target.closest<HTMLElement>("[data-unlock]");
  if (opener) void unlockFrom(opener);
});
