// Making a wallet: new words, writing them down, checking the paper, a password.
import { Signer } from "./client";
import { FieldError, formIn, need, onSend, showFault, valueOf } from "./forms";
import { onPage } from "./pages";
import { chosenPassword } from "./passwords";
import { somePositions } from "./positions";
import { WORDS_TO_CHECK } from "./protocol";
import type { Language, WordCount } from "./protocol";
import { accountOf, chosenPurposes, register } from "./register";
import { Steps } from "./steps";
import { say } from "./words";

class Creation {
  private readonly signer = new Signer();
  private readonly steps: Steps;
  private readonly list: HTMLElement;
  private words: string[] = [];
  private positions: number[] = [];
  private fingerprint = "";
  private stored = false;
  private done = false;

  constructor(private readonly root: HTMLElement) {
    this.steps = new Steps(root);
    this.list = need(root, "[data-words]");
    onSend(formIn(root, "settings"), () => this.make());
    onSend(formIn(root, "check"), () => this.check());
    onSend(formIn(root, "password"), () => this.save());
    const on = (selector: string, listener: () => void): void =>
      need(root, selector).addEventListener("click", listener);
    on("[data-show]", () => this.showWords());
    on("[data-hide]", () => this.hideWords());
    on("[data-written]", () => this.askWords());
    on("[data-back]", () => this.steps.show("words"));
    document.addEventListener("visibilitychange", this.onHidden);
    window.addEventListener("beforeunload", this.onLeaving);
  }

  end(): void {
    document.removeEventListener("visibilitychange", this.onHidden);
    window.removeEventListener("beforeunload", this.onLeaving);
    this.hideWords();
    if (!this.done) this.signer.end();
  }

  private readonly onHidden = (): void => {
    if (document.hidden) this.hideWords();
  };

  private readonly onLeaving = (event: BeforeUnloadEvent): void => {
    if (this.fingerprint && !this.done) event.preventDefault(); // words that were shown would be gone
  };

  private async make(): Promise<void> {
    const form = formIn(this.root, "settings");
    chosenPurposes(form);
    const passphrase = valueOf(form, "passphrase");
    if (passphrase !== valueOf(form, "passphrase-again")) {
      throw new FieldError("passphrase-again", say("passphrases-differ"));
    }
    const made = await this.signer.ask("create", {
      words: Number(valueOf(form, "count")) as WordCount,
      language: valueOf(form, "language") as Language,
      passphrase,
    });
    this.words = made.words;
    this.fingerprint = made.fingerprint;
    this.hideWords();
    this.steps.show("words");
  }

  private showWords(): void {
    this.list.replaceChildren(
      ...this.words.map((word) => {
        const item = document.createElement("li");
        item.textContent = word;
        return item;
      }),
    );
    this.isShown(true);
    need<HTMLButtonElement>(this.root, "[data-written]").disabled = false;
  }

  private hideWords(): void {
    this.list.replaceChildren();
    this.isShown(false);
  }

  private isShown(shown: boolean): void {
    need(this.root, "[data-cover]").hidden = shown;
    need(this.root, "[data-hide]").hidden = !shown;
  }

  private askWords(): void {
    this.hideWords();
    this.positions = somePositions(this.words.length, WORDS_TO_CHECK);
    const form = formIn(this.root, "check");
    form.reset();
    form.querySelectorAll("[data-position]").forEach((place, index) => {
      place.textContent = String(this.positions[index]);
    });
    this.steps.show("check");
  }

  private async check(): Promise<void> {
    const inputs = [...formIn(this.root, "check").querySelectorAll<HTMLInputElement>("[name=word]")];
    const words = inputs.map(({ value }) => value);
    const { right, wrong } = await this.signer.ask("checkWords", { positions: this.positions, words });
    if (right) {
      this.words = [];
      for (const input of inputs) input.value = "";
      return this.steps.show("password");
    }
    inputs.forEach((input, index) => {
      const position = this.positions[index] ?? 0;
      if (wrong.includes(position)) showFault(input, say("word-differs", { position }));
    });
    inputs.find((input) => input.hasAttribute("aria-invalid"))?.focus();
  }

  private async save(): Promise<void> {
    const form = formIn(this.root, "settings");
    const password = chosenPassword(formIn(this.root, "password"));
    const name = valueOf(form, "name").trim();
    if (!this.stored) await this.signer.ask("save", { password, name });
    this.stored = true; // where the server refuses, only that is tried again
    const network = this.root.dataset.network ?? "";
    const accounts = await Promise.all(
      chosenPurposes(form).map((purpose) => accountOf(this.signer, network, purpose, 0)),
    );
    await register(this.root, this.signer, {
      name,
      fingerprint: this.fingerprint,
      birthday: Number(this.root.dataset.birthday),
      accounts,
    });
    this.done = true;
  }
}

onPage("[data-page=create]", (root) => {
  const creation = new Creation(root);
  return () => creation.end();
});
