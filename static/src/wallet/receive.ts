// The address on the receive page, confirmed by the key itself while the wallet is unlocked.
import { need } from "./forms";
import { onPage, pageWallet } from "./pages";
import { PURPOSES, RECEIVE, type Purpose } from "./protocol";
import { LockedError, RefusalError, currentSigner, onLockChange } from "./session";
import { say } from "./words";

type Outcome = "locked" | "confirmed" | "mismatch" | "problem";

function show(root: HTMLElement, outcome: Outcome): void {
  for (const part of root.querySelectorAll<HTMLElement>("[data-shown]")) {
    part.hidden = part.dataset.shown !== outcome;
  }
  root.classList.toggle("is-stopped", outcome === "mismatch");
}

function purposeOf(root: HTMLElement): Purpose | undefined {
  return PURPOSES.find((purpose) => String(purpose) === root.dataset.purpose);
}

/** What the worker says of the address that the page shows. */
async function confirm(root: HTMLElement, purpose: Purpose): Promise<Outcome> {
  const wallet = pageWallet();
  const signer = currentSigner(wallet?.fingerprint ?? "");
  if (!wallet || !signer) return "locked";
  const { account, path, index, address } = root.dataset;
  try {
    const { ok } = await signer.ask("confirmAddress", {
      network: wallet.network,
      purpose,
      account: Number(account),
      ...(path && { path }),
      branch: RECEIVE,
      index: Number(index),
      address: address ?? "",
    });
    return ok ? "confirmed" : "mismatch";
  } catch (error) {
    if (error instanceof LockedError) return "locked";
    if (!(error instanceof RefusalError)) throw error;
    need(root, "[data-problem]").textContent = say(error.code, error.parameters);
    return "problem";
  }
}

function offerSharing(root: HTMLElement): void {
  const button = need(root, "[data-share]");
  button.hidden = !("share" in navigator);
  button.addEventListener("click", () => {
    // Closing the sheet of the system without sharing is an error to it, and none to us.
    navigator.share({ text: root.dataset.uri ?? "" }).catch((error: unknown) => {
      if (!(error instanceof DOMException)) throw error;
    });
  });
}

onPage("[data-page=receive]", (root) => {
  offerSharing(root);
  const purpose = purposeOf(root);
  if (!purpose || pageWallet()?.kind !== "vault") return undefined;
  const look = async (): Promise<void> => show(root, await confirm(root, purpose));
  void look();
  return onLockChange(() => void look());
});
