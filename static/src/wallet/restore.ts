// Restoring a wallet from its words.
import { RefusalError, Signer } from "./client";
import { FieldError, formIn, need, onSend, valueOf } from "./forms";
import { visit } from "./navigation";
import { onPage } from "./pages";
import { chosenPassword } from "./passwords";
import type { CustomPath, Language, Purpose } from "./protocol";
import { PURPOSES } from "./protocol";
import { AccountsStep, accountAt, knownWallet, offeredPurposes, register, usedAccounts } from "./register";
import type { NewAccount } from "./register";
import { adopt } from "./session";
import { Steps } from "./steps";
import { WordFields } from "./word_fields";
import { say } from "./words";

class Restoration {
  private readonly signer = new Signer();
  private readonly steps: Steps;
  private readonly form: HTMLFormElement;
  private readonly fields: WordFields;
  private readonly accounts: AccountsStep;
  private fingerprint = "";
  private path: CustomPath | undefined;
  private birthday = 0;
  private done = false;

  constructor(private readonly root: HTMLElement) {
    this.steps = new Steps(root);
    this.accounts = new AccountsStep(root);
    this.form = formIn(root, "words");
    const list = need(root, "[data-words]");
    const template = root.querySelector<HTMLTemplateElement>("template[data-word]");
    if (!template) throw new Error("the page has no template of a word");
    this.fields = new WordFields(list, template, this.signer, () => this.language);
    const count = need<HTMLSelectElement>(root, "[name=count]");
    const resize = (): void => this.fields.resize(Number(count.value));
    resize();
    count.addEventListener("change", resize);
    need(root, "[name=language]").addEventListener("change", () => this.fields.verifyAll());
    onSend(this.form, () => this.read());
    onSend(formIn(root, "password"), () => this.save());
    onSend(formIn(root, "accounts"), () => this.open());
  }

  end(): void {
    this.fields.clear();
    if (!this.done) this.signer.end();
  }

  private get language(): Language {
    return valueOf(this.form, "language") as Language;
  }

  private async read(): Promise<void> {
    this.birthday = Number(valueOf(this.form, "birthday"));
    this.path = this.customPath();
    const missing = this.fields.words.findIndex((word) => !word);
    if (missing >= 0) return this.fields.fault(missing + 1, say("word-missing", { position: missing + 1 }));
    try {
      const answer = await this.signer.ask("restore", {
        words: this.fields.words.join(" "),
        passphrase: valueOf(this.form, "passphrase"),
        language: this.language,
      });
      this.fingerprint = answer.fingerprint;
    } catch (error) {
      if (!(error instanceof RefusalError) || error.code !== "word_unknown") throw error;
      return this.fields.fault(Number(error.parameters.position), say(error.code, error.parameters));
    }
    const known = knownWallet(this.root, this.fingerprint);
    need(this.root, "[data-is-known]").hidden = !known;
    if (known) need(this.root, "[data-known-name]").textContent = known.name;
    need(this.root, "[data-step=password] [data-fingerprint]").textContent = this.fingerprint;
    this.steps.show("password");
  }

  /** An unusual path says by its first number which kind of account it is. */
  private customPath(): CustomPath | undefined {
    const path = valueOf(this.form, "path").trim().replace(/^m\//, "").replaceAll("'", "h");
    if (!path) return undefined;
    const purpose = Number(path.match(/^(\d+)h\//)?.[1]) as Purpose;
    if (!PURPOSES.includes(purpose)) throw new FieldError("path", say("path_wrong", { path }));
    return { network: this.root.dataset.network ?? "", purpose, path };
  }

  private async save(): Promise<void> {
    const password = chosenPassword(formIn(this.root, "password"));
    const known = knownWallet(this.root, this.fingerprint);
    await this.signer.ask("save", {
      password,
      name: known?.name ?? this.accounts.name,
      ...(this.path && { paths: [this.path] }),
    });
    this.fields.clear();
    if (known) {
      adopt(this.signer, this.fingerprint);
      this.done = true;
      return visit(known.href);
    }
    if (this.path) return this.register([await accountAt(this.signer, this.path)]);
    this.accounts.show(await usedAccounts(this.root, this.signer, offeredPurposes(this.root)));
    this.steps.show("accounts");
  }

  private async open(): Promise<void> {
    await this.register(await this.accounts.wanted(this.signer));
  }

  private async register(accounts: NewAccount[]): Promise<void> {
    await register(this.root, this.signer, {
      name: this.accounts.name,
      fingerprint: this.fingerprint,
      birthday: this.birthday,
      accounts,
    });
    this.done = true;
  }
}

onPage("[data-page=restore]", (root) => {
  const restoration = new Restoration(root);
  return () => restoration.end();
});
