// The send page: rows of recipients, the fee, and the drawing that follows what is typed.
import htmx from "../htmx";
import { parseDecimal, parseRate, writeDecimal, writeRate } from "./amounts";
import { attempt, need, showFault } from "./forms";
import { postForm, RefusedError } from "./http";
import { forget, keep, recall, refill } from "./kept";
import { visit } from "./navigation";
import { onPage, pageWallet } from "./pages";
import type { Recipient } from "./protocol";
import { type Typed, review } from "./review";
import { scan } from "./scan_qr";

const PAUSE_MILLISECONDS = 350;
const URI = /^[a-z]+:/i;

interface SwapEvent extends CustomEvent {
  detail: { ctx: { target?: Element } };
}

interface Row {
  to: string;
  amount: string;
  label: string;
}

class SendPage {
  private readonly form: HTMLFormElement;
  private readonly list: HTMLElement;
  private readonly home: string;
  private readonly coinDecimals: number;
  private unit: string;
  private timer: number | undefined;

  constructor(private readonly root: HTMLElement) {
    this.form = need<HTMLFormElement>(root, "#send-form");
    this.list = need(root, "[data-recipients]");
    this.home = root.dataset.home ?? "";
    this.coinDecimals = Number(root.dataset.decimals);
    this.unit = this.field("unit").value;
    this.form.addEventListener("submit", (event) => this.onSubmit(event));
    this.form.addEventListener("input", (event) => this.onInput(event.target as HTMLInputElement));
    this.form.addEventListener("change", (event) => void this.onChange(event.target as HTMLInputElement));
    need(root, "[data-scan]").addEventListener("click", () => void this.onScan());
    this.showRows();
    if (!this.field("draft").value && !location.search) this.goOn();
  }

  private get key(): string {
    return `send:${this.home}`;
  }

  /** After a reload: what had been typed before. */
  private goOn(): void {
    const entries = recall(this.key);
    if (!entries) return;
    const wanted = entries.filter(([name]) => name === "to").length;
    while (this.rows.length < wanted) this.add();
    refill(this.form, entries);
    this.unit = this.field("unit").value;
    this.showRows();
    this.preview();
  }

  /** After htmx has brought another drawing. */
  onPreview(): void {
    const preview = need(this.root, "#preview");
    const faults: Record<string, string> = {};
    for (const item of preview.querySelectorAll<HTMLElement>("[data-errors] > li")) {
      if (item.dataset.field) faults[item.dataset.field] = item.textContent ?? "";
    }
    this.showFaults(faults);
    for (const choice of this.form.querySelectorAll<HTMLInputElement>("input[name=fee][data-rate]")) {
      const rate = preview.dataset[choice.value] ?? "";
      if (rate === choice.dataset.rate) continue;
      choice.dataset.rate = rate;
      const shown = this.form.querySelector(`[data-shown-rate=${choice.value}] .rate`)?.firstChild;
      if (shown) shown.textContent = writeRate(Number(rate));
    }
  }

  /** Sentences by the id of the field; "" is for the whole form. */
  private showFaults(faults: Record<string, string>): void {
    for (const input of this.form.querySelectorAll<HTMLElement>(".input[aria-describedby]:not(#pasted)")) {
      showFault(input, faults[input.id] ?? "");
    }
    need(this.form, "#coins-error").textContent = faults.coins ?? "";
    need(this.form, "[data-problem]").textContent = faults[""] ?? "";
  }

  private field(name: string): HTMLInputElement {
    return need<HTMLInputElement>(this.form, `[name="${name}"]`);
  }

  private get decimals(): number {
    return this.unit === "coin" ? this.coinDecimals : 0;
  }

  private get rows(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>("[data-row]")];
  }

  private preview(): void {
    this.remember();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => htmx.trigger(need(this.root, "#previewer"), "preview", {}), PAUSE_MILLISECONDS);
  }

  private onSubmit(event: SubmitEvent): void {
    event.preventDefault();
    const button = event.submitter;
    if (button?.hasAttribute("data-add")) this.add().querySelector("input")?.focus();
    else if (button?.hasAttribute("data-remove")) this.remove(button);
    else if (button?.hasAttribute("data-paste")) void this.paste(need<HTMLTextAreaElement>(this.form, "#pasted"));
    else if (button?.hasAttribute("data-review")) void attempt(this.form, () => this.review());
    else this.preview(); // Enter in a field
  }

  private onInput(input: HTMLInputElement): void {
    if (input.matches("[data-slider]")) {
      const rates = (input.dataset.rates ?? "").split(",").map(Number);
      this.field("rate").value = writeRate(rates[Number(input.value)] ?? 0);
      input.setAttribute("aria-valuetext", this.field("rate").value);
    }
    if (input.matches("[data-slider], [name=rate]")) {
      need<HTMLInputElement>(this.form, "input[name=fee][value=rate]").checked = true;
    }
    if (input.id !== "pasted" && input.name !== "note") this.preview();
    else this.remember();
  }

  /** An open draft is the server's to remember. */
  private remember(): void {
    if (!this.field("draft").value) keep(this.key, this.form);
  }

  private async onChange(input: HTMLInputElement): Promise<void> {
    if (input.name === "unit") this.convert(input.value);
    if (input.name === "everything") this.onlyOne(input);
    if (input.name === "to" && URI.test(input.value.trim())) await this.takeApart(input);
    if (input.name === "fee" && input.dataset.rate) this.field("rate").value = "";
    this.preview();
  }

  /** Amounts that are typed stay the same money in the other unit. */
  private convert(unit: string): void {
    const before = this.decimals;
    this.unit = unit;
    for (const input of this.form.querySelectorAll<HTMLInputElement>("[name=amount]")) {
      const smallest = parseDecimal(input.value, before);
      if (smallest !== undefined) input.value = writeDecimal(smallest, this.decimals);
    }
  }

  private onlyOne(chosen: HTMLInputElement): void {
    for (const box of this.form.querySelectorAll<HTMLInputElement>("[name=everything]")) {
      if (box !== chosen) box.checked = false;
    }
    this.showRows();
  }

  private async takeApart(input: HTMLInputElement): Promise<void> {
    const row = input.closest<HTMLElement>("[data-row]");
    const [found] = (await this.readPasted(input.value, input)) ?? [];
    if (row && found) this.fill(row, found);
  }

  private async paste(area: HTMLTextAreaElement): Promise<void> {
    const found = await this.readPasted(area.value, area);
    if (!found) return;
    area.value = "";
    this.append(found);
  }

  private async onScan(): Promise<void> {
    const text = await scan();
    if (text === undefined) return;
    const area = need<HTMLTextAreaElement>(this.form, "#pasted");
    const found = await this.readPasted(text, area);
    if (found) this.append(found);
    else area.closest("details")?.setAttribute("open", "");
  }

  /** Recipients that a text holds; what is wrong with it is said at `place`. */
  private async readPasted(text: string, place: HTMLElement): Promise<Row[] | undefined> {
    let found: Row[] | undefined;
    await attempt(this.root, async () => {
      const body = new FormData();
      body.set("pasted", text);
      body.set("unit", this.unit);
      try {
        found = (await postForm<{ recipients: Row[] }>(`${this.home}/send/recipients`, body)).recipients;
        showFault(place, "");
      } catch (error) {
        const sentence = faultOf(error);
        if (sentence === undefined) throw error;
        showFault(place, sentence);
      }
    });
    return found;
  }

  private append(found: Row[]): void {
    for (const row of found) {
      const last = this.rows.at(-1);
      const empty = last && [...last.querySelectorAll<HTMLInputElement>(".input")].every(({ value }) => !value);
      this.fill(empty ? last : this.add(), row);
    }
    this.preview();
  }

  private fill(row: HTMLElement, { to, amount, label }: Row): void {
    need<HTMLInputElement>(row, "[name=to]").value = to;
    if (amount) need<HTMLInputElement>(row, "[name=amount]").value = amount;
    if (label) need<HTMLInputElement>(row, "[name=label]").value = label;
    for (const input of row.querySelectorAll<HTMLElement>("[aria-invalid]")) showFault(input, "");
  }

  private add(): HTMLElement {
    const pattern = need<HTMLTemplateElement>(this.root, "template[data-recipient]");
    this.list.append(pattern.content.cloneNode(true));
    this.showRows();
    return this.rows.at(-1) as HTMLElement;
  }

  private remove(button: HTMLElement): void {
    button.closest("[data-row]")?.remove();
    this.showRows();
    this.rows.at(-1)?.querySelector("input")?.focus();
    this.preview();
  }

  /** Number the rows afresh, and let who gets all have no amount. */
  private showRows(): void {
    const { rows } = this;
    for (const [number, row] of rows.entries()) {
      for (const element of row.querySelectorAll<HTMLElement>("[id], [for], [aria-describedby], [value]")) {
        renumber(element, number);
      }
      const all = need<HTMLInputElement>(row, "[name=everything]").checked;
      need<HTMLInputElement>(row, "[name=amount]").readOnly = all;
      row.toggleAttribute("data-all", all);
      need(row, "[data-remove]").hidden = rows.length === 1;
    }
  }

  private async review(): Promise<void> {
    const typed = this.typed();
    const url = await this.keepDraft();
    if (url === undefined) return;
    if (pageWallet()?.kind === "watch") return visit(url);
    history.replaceState(history.state, "", url); // a reload goes on with what was typed
    await review(url, typed);
  }

  /** Keep what is typed as a draft, on the server; its address, or undefined if it cannot be made. */
  private async keepDraft(): Promise<string | undefined> {
    try {
      const { url } = await postForm<{ url: string }>(`${this.home}/drafts`, new FormData(this.form));
      this.field("draft").value = url.split("/").at(-1) ?? "";
      forget(this.key);
      return url;
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      this.showFaults(error.errors);
      const first = this.form.querySelector<HTMLElement>("[aria-invalid]");
      (first ?? need(this.form, "[data-problem]")).focus();
      return undefined;
    }
  }

  /** What the person typed, as it stands in the page: the worker holds the transaction to it. */
  private typed(): Typed {
    const recipients: Recipient[] = [];
    for (const row of this.rows) {
      const value = (name: string): string => need<HTMLInputElement>(row, `[name=${name}]`).value.trim();
      const all = need<HTMLInputElement>(row, "[name=everything]").checked;
      if (!value("to") && !value("amount")) continue;
      recipients.push({ address: value("to"), amount: all ? "all" : (parseDecimal(value("amount"), this.decimals) ?? 0n) });
    }
    const choice = need<HTMLInputElement>(this.form, "input[name=fee]:checked");
    const feeRate = choice.dataset.rate ? Number(choice.dataset.rate) : parseRate(this.field("rate").value);
    return { recipients, feeRate };
  }
}

function faultOf(error: unknown): string | undefined {
  return error instanceof RefusedError ? error.errors.pasted : undefined;
}

function renumber(element: HTMLElement, number: number): void {
  for (const name of ["id", "for", "aria-describedby"]) {
    const value = element.getAttribute(name);
    if (value) element.setAttribute(name, value.replace(/-(?:N|\d+)(?=-|$)/, `-${number}`));
  }
  if (element.matches("[name=everything]")) element.setAttribute("value", String(number));
  if (element.matches("[data-remove]")) element.setAttribute("value", `remove-${number}`);
}

onPage("[data-page=send]", (root) => {
  const page = new SendPage(root);
  const onSwap = (event: Event): void => {
    if ((event as SwapEvent).detail.ctx.target?.id === "preview") page.onPreview();
  };
  document.addEventListener("htmx:after:swap", onSwap);
  return () => document.removeEventListener("htmx:after:swap", onSwap);
});
