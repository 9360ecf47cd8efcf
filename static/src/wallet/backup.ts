// Checking the paper of a wallet, its backup file, its password, and removing its keys from here.
import { RefusalError, Signer } from "./client";
import { formIn, need, onSend, showFault, valueOf } from "./forms";
import { onPage, pageWallet } from "./pages";
import { chosenPassword } from "./passwords";
import { somePositions } from "./positions";
import { WORDS_TO_CHECK, WORD_COUNTS } from "./protocol";
import { currentSigner, lock, unlocked, vaults } from "./session";
import type { VaultEntry } from "./protocol";
import { say } from "./words";

const REVOKE_MILLISECONDS = 60_000;

async function vaultOf(fingerprint: string): Promise<VaultEntry> {
  const vault = (await vaults()).find((each) => each.fingerprint === fingerprint);
  if (!vault) throw new RefusalError("vault_missing", {});
  return vault;
}

const counts = new WeakMap<Signer, number>();

/** The worker tells no number of words, but which positions there are; each try counts as one. */
async function wordCount(signer: Signer): Promise<number> {
  const known = counts.get(signer);
  if (known) return known;
  for (const count of [...WORD_COUNTS].reverse()) {
    try {
      await signer.ask("checkWords", { positions: [count], words: [""] });
      counts.set(signer, count);
      return count;
    } catch (error) {
      if (!(error instanceof RefusalError) || error.code !== "position_wrong") throw error;
    }
  }
  return 0;
}

class PaperCheck {
  private positions: number[] = [];
  private readonly inputs: HTMLInputElement[];

  constructor(
    private readonly form: HTMLFormElement,
    private readonly fingerprint: string,
  ) {
    this.inputs = [...form.querySelectorAll<HTMLInputElement>("[name=word]")];
    this.ask(somePositions(Math.min(...WORD_COUNTS), WORDS_TO_CHECK));
    const signer = currentSigner(fingerprint);
    if (signer) void this.askAnyOf(signer);
    onSend(form, () => this.check());
  }

  private ask(positions: number[]): void {
    this.positions = positions;
    this.form.querySelectorAll("[data-position]").forEach((place, index) => {
      place.textContent = String(positions[index]);
    });
  }

  private async askAnyOf(signer: Signer): Promise<void> {
    const positions = somePositions(await wordCount(signer), WORDS_TO_CHECK);
    if (this.inputs.every(({ value }) => !value)) this.ask(positions);
  }

  private async check(): Promise<void> {
    const success = need(this.form, "[data-success]");
    success.hidden = true;
    const signer = await unlocked(this.fingerprint);
    const words = this.inputs.map(({ value }) => value);
    const { right, wrong } = await signer.ask("checkWords", { positions: this.positions, words });
    success.hidden = !right;
    if (right) {
      this.form.reset();
      return this.askAnyOf(signer);
    }
    this.inputs.forEach((input, index) => {
      const position = this.positions[index] ?? 0;
      if (wrong.includes(position)) showFault(input, say("word-differs", { position }));
    });
    this.inputs.find((input) => input.hasAttribute("aria-invalid"))?.focus();
  }
}

function saveFile(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_MILLISECONDS);
}

onPage("[data-page=backup]", (root) => {
  const fingerprint = pageWallet()?.fingerprint ?? "";
  new PaperCheck(formIn(root, "check"), fingerprint);

  onSend(formIn(root, "export"), async () => {
    const { id } = await vaultOf(fingerprint);
    const signer = await unlocked(fingerprint);
    const { text } = await signer.ask("exportVault", { vaultId: id });
    saveFile(`satchel-${fingerprint}.json`, text);
  });

  const change = formIn(root, "change");
  onSend(change, async () => {
    const success = need(change, "[data-success]");
    success.hidden = true;
    const newPassword = chosenPassword(change);
    const { id: vaultId } = await vaultOf(fingerprint);
    const signer = new Signer(); // the keys that are unlocked stay so
    try {
      await signer.ask("changePassword", { vaultId, password: valueOf(change, "old"), newPassword });
    } finally {
      signer.end();
    }
    change.reset();
    success.hidden = false;
  });

  const forget = formIn(root, "forget");
  onSend(forget, async () => {
    const { id } = await vaultOf(fingerprint);
    const signer = await unlocked(fingerprint); // the password shows that it is the owner
    await signer.ask("forget", { vaultId: id });
    forget.reset();
    lock();
  });
});
