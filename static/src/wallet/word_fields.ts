// Fields for the words of a wallet: each completes from the list of its language, says at once when
// a word is not in it, and leads on to the next.
import { Signer } from "./client";
import { need, showFault } from "./forms";
import type { Language } from "./protocol";
import { say } from "./words";

const SUGGESTED = 6;

class WordField {
  readonly input: HTMLInputElement;
  private readonly list: HTMLElement;
  private latest = 0;
  private listed = ""; // what the suggestions complete: more may have been typed since

  constructor(
    readonly item: HTMLElement,
    private readonly number: number,
    private readonly fields: WordFields,
  ) {
    this.input = need(item, "input");
    this.list = need(item, "[role=listbox]");
    this.input.id = `word-${number}`;
    this.list.id = `word-${number}-list`;
    need(item, "[data-number]").textContent = String(number);
    need<HTMLLabelElement>(item, "label").htmlFor = this.input.id;
    const problem = need(item, ".field-error");
    problem.id = `${this.input.id}-error`;
    this.input.setAttribute("aria-describedby", problem.id);
    this.input.setAttribute("aria-controls", this.list.id);
    this.input.addEventListener("input", () => void this.onInput());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("paste", (event) => this.onPaste(event));
    this.input.addEventListener("blur", () => void this.leave());
    this.list.addEventListener("pointerdown", (event) => this.onPointer(event));
  }

  get word(): string {
    return this.input.value.trim();
  }

  /** Say whether the word is in the list. */
  async verify(): Promise<void> {
    const { word } = this;
    if (!word) return showFault(this.input, "");
    const known = await this.fields.complete(word, 1);
    if (word !== this.word) return;
    const fits = known[0]?.normalize("NFKD") === word.toLowerCase().normalize("NFKD");
    showFault(this.input, fits ? "" : say("word_unknown", { position: this.number, word }));
  }

  private async leave(): Promise<void> {
    this.close();
    await this.verify();
  }

  private async onInput(): Promise<void> {
    const asked = ++this.latest;
    showFault(this.input, "");
    const words = this.word ? await this.fields.complete(this.word, SUGGESTED) : [];
    if (asked !== this.latest || document.activeElement !== this.input) return;
    if (words.length === 0 && this.word) return void this.verify().then(() => this.close());
    if (words.length === 1 && words[0] === this.word) return this.close();
    this.open(words);
  }

  private onKey(event: KeyboardEvent): void {
    const options = [...this.list.querySelectorAll<HTMLElement>("[role=option]")];
    const active = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (options.length === 0) return;
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.select(options[(Math.max(active, step > 0 ? -1 : 0) + step + options.length) % options.length]);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      this.take(options[active]?.textContent ?? "");
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      if (!this.word) return;
      const [only] = options.length === 1 && this.listed === this.word ? options : [];
      this.take(only?.textContent ?? this.word);
    } else if (event.key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      this.close();
    } else if (event.key === "Backspace" && this.input.value === "") {
      event.preventDefault();
      this.fields.focus(this.number - 1);
    }
  }

  private onPaste(event: ClipboardEvent): void {
    const words = event.clipboardData?.getData("text").trim().split(/\s+/u) ?? [];
    if (words.length < 2) return;
    event.preventDefault();
    this.fields.fill(this.number, words);
  }

  private onPointer(event: PointerEvent): void {
    const option = (event.target as Element).closest<HTMLElement>("[role=option]");
    if (!option) return;
    event.preventDefault(); // keeps the focus where it is
    this.take(option.textContent ?? "");
  }

  private take(word: string): void {
    this.input.value = word;
    this.close();
    void this.verify();
    this.fields.focus(this.number + 1);
  }

  private select(option: HTMLElement | undefined): void {
    for (const each of this.list.children) each.setAttribute("aria-selected", String(each === option));
    if (option) this.input.setAttribute("aria-activedescendant", option.id);
  }

  private open(words: string[]): void {
    this.listed = this.word;
    this.list.replaceChildren(
      ...words.map((word, index) => {
        const option = document.createElement("div");
        option.className = "suggestion mono";
        option.id = `${this.list.id}-${index}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        option.textContent = word;
        return option;
      }),
    );
    this.list.hidden = words.length === 0;
    this.input.setAttribute("aria-expanded", String(words.length > 0));
  }

  private close(): void {
    this.latest++;
    this.list.replaceChildren();
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}

export class WordFields {
  private fields: WordField[] = [];

  constructor(
    private readonly list: HTMLElement,
    private readonly template: HTMLTemplateElement,
    private readonly signer: Signer,
    private readonly language: () => Language,
  ) {}

  /** Have so many fields; what is typed stays. */
  resize(count: number): void {
    while (this.fields.length > count) this.fields.pop()?.item.remove();
    while (this.fields.length < count) {
      const copy = this.template.content.cloneNode(true) as DocumentFragment;
      const item = need(copy, "li");
      this.list.append(item);
      this.fields.push(new WordField(item, this.fields.length + 1, this));
    }
  }

  get words(): string[] {
    return this.fields.map(({ word }) => word);
  }

  async complete(prefix: string, limit: number): Promise<string[]> {
    return (await this.signer.ask("complete", { prefix, language: this.language(), limit })).words;
  }

  /** Look at all of them again, as after another language was chosen. */
  verifyAll(): void {
    for (const field of this.fields) void field.verify();
  }

  /** Put words in, from the field with this number on. */
  fill(number: number, words: string[]): void {
    words.forEach((word, index) => {
      const field = this.fields[number - 1 + index];
      if (field) field.input.value = word;
    });
    this.verifyAll();
    this.focus(number + words.length);
  }

  /** Say something about the word with this number. */
  fault(number: number, sentence: string): void {
    const field = this.fields[number - 1];
    if (!field) return;
    showFault(field.input, sentence);
    field.input.focus();
  }

  focus(number: number): void {
    this.fields[Math.min(number, this.fields.length) - 1]?.input.focus();
  }

  clear(): void {
    for (const { input } of this.fields) input.value = "";
  }
}
