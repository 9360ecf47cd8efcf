// From a draft to a sent payment: the worker checks the draft's PSBT against what the person asked
// for, the person confirms what the worker found, the worker signs, the server sends.
import { writeDecimal, writeRate } from "./amounts";
import { LockedError, RefusalError } from "./client";
import { FieldError, need } from "./forms";
import { getJson, postJson, RefusedError, UnreachableError } from "./http";
import { visit } from "./navigation";
import { pageWallet } from "./pages";
import type { CheckedTransaction, Intent, Outpoint, Recipient, SpendingAccount } from "./protocol";
import { type Signer, unlocked } from "./session";
import { say } from "./words";

/** What the server says of a draft: webapp/wallets/signing_request.py. */
interface SigningRequest {
  url: string;
  psbt: string;
  locktime: number;
  sequence: number;
  gapLimit: number;
  accounts: SpendingAccount[];
  recipients: { address: string; amount: string }[];
  feeRate: number | null;
  replaces: Outpoint[] | null;
}

/** What stands in the page's own fields. */
export interface Typed {
  recipients: Recipient[];
  feeRate: number | undefined;
}

const OVERRIDABLE = new Set(["fee_rate", "fee_share"]);

/** Have a draft checked, confirmed, signed and sent; then show the transaction.
 *
 * Raises what forms.ts can show: RefusalError, RefusedError, UnreachableError. Returns quietly where
 * the person goes back. */
export async function review(draftUrl: string, typed?: Typed): Promise<void> {
  const wallet = pageWallet();
  if (!wallet?.fingerprint) throw new Error("this wallet has no keys");
  const request = await getJson<SigningRequest>(`${draftUrl}/signing`);
  const signer = await unlockedOrNot(wallet.fingerprint);
  if (!signer) return;
  const checked = await check(signer, wallet.network, request, intentOf(request, typed));
  if (checked) await confirm(signer, checked, request);
}

async function unlockedOrNot(fingerprint: string): Promise<Signer | undefined> {
  try {
    return await unlocked(fingerprint);
  } catch (error) {
    if (error instanceof LockedError) return undefined; // the person went back
    throw error;
  }
}

function intentOf(request: SigningRequest, typed: Typed | undefined): Intent {
  const intent: Intent = {
    recipients: typed?.recipients ?? request.recipients.map(kept),
    accounts: request.accounts,
    gapLimit: request.gapLimit,
    locktime: request.locktime,
    sequence: request.sequence,
  };
  const feeRate = typed ? typed.feeRate : (request.feeRate ?? undefined);
  if (feeRate !== undefined) intent.feeRate = feeRate;
  if (request.replaces) intent.replaces = request.replaces;
  return intent;
}

function kept({ address, amount }: { address: string; amount: string }): Recipient {
  return { address, amount: amount === "all" ? "all" : BigInt(amount) };
}

async function check(
  signer: Signer,
  network: string,
  { psbt }: SigningRequest,
  intent: Intent,
): Promise<CheckedTransaction | undefined> {
  try {
    return await signer.ask("check", { network, psbt, intent });
  } catch (error) {
    if (!(error instanceof RefusalError) || !OVERRIDABLE.has(error.code)) throw error;
    if (!(await insists(say(error.code, error.parameters)))) return undefined;
    return await signer.ask("check", { network, psbt, intent: { ...intent, feeOverridden: true } });
  }
}

/** Whether the person wants an unusual fee all the same. */
function insists(reason: string): Promise<boolean> {
  const dialog = need<HTMLDialogElement>(document, "#override");
  need(dialog, "[data-reason]").textContent = reason;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function confirm(signer: Signer, checked: CheckedTransaction, request: SigningRequest): Promise<void> {
  const dialog = need<HTMLDialogElement>(document, "#confirm");
  fill(dialog, checked);
  const button = need<HTMLButtonElement>(dialog, "[data-sign]");
  const problem = need(dialog, "[data-problem]");
  problem.textContent = "";
  const ending = new AbortController();
  dialog.showModal();
  return new Promise((resolve, reject) => {
    const sign = async (): Promise<void> => {
      if (dialog.hasAttribute("data-busy")) return;
      dialog.toggleAttribute("data-busy", true);
      try {
        await signAndSend(signer, checked.token, request);
      } catch (error) {
        reject(error);
      } finally {
        dialog.toggleAttribute("data-busy", false);
        dialog.close();
      }
    };
    button.addEventListener("click", () => void sign(), { signal: ending.signal });
    dialog.addEventListener(
      "close",
      () => {
        ending.abort();
        resolve(); // of no effect once rejected
      },
      { signal: ending.signal },
    );
  });
}

async function signAndSend(signer: Signer, token: string, { url }: SigningRequest): Promise<void> {
  const { psbt } = await signed(signer, token);
  try {
    const sent = await postJson<{ url: string }>(`${url}/signed`, { psbt });
    visit(sent.url);
  } catch (error) {
    if (error instanceof UnreachableError) throw new FieldError("", say("send_uncertain"));
    if (!(error instanceof RefusedError)) throw error;
    visit(url); // the draft's page says why, and offers to try again
  }
}

async function signed(signer: Signer, token: string): Promise<{ psbt: string }> {
  try {
    return await signer.ask("sign", { token });
  } catch (error) {
    throw error instanceof LockedError ? new RefusalError("locked", {}) : error;
  }
}

function fill(dialog: HTMLDialogElement, checked: CheckedTransaction): void {
  const { unit = "", decimals = "0", rateUnit = "" } = dialog.dataset;
  const money = (value: bigint): string => `${writeDecimal(value, Number(decimals))} ${unit}`;
  const list = need(dialog, "[data-payments]");
  const pattern = need<HTMLTemplateElement>(dialog, "template[data-payment]");
  list.replaceChildren(
    ...checked.payments.map(({ address, amount, own }) => {
      const row = pattern.content.cloneNode(true) as DocumentFragment;
      need(row, "[data-address]").textContent = address;
      need(row, "[data-amount]").textContent = money(amount);
      need(row, "[data-own]").hidden = !own;
      return row;
    }),
  );
  const sum = (values: { amount: bigint }[]): bigint => values.reduce((total, { amount }) => total + amount, 0n);
  const change = need(dialog, "[data-change]");
  change.textContent = checked.change.length ? money(sum(checked.change)) : (change.dataset.none ?? "");
  need(dialog, "[data-fee]").textContent = money(checked.fee);
  need(dialog, "[data-rate]").textContent = `(${writeRate(checked.feeRate)} ${rateUnit})`;
  need(dialog, "[data-total]").textContent = money(sum(checked.payments) + checked.fee);
  need(dialog, "[data-warnings]").replaceChildren(
    ...checked.warnings.map((code) => {
      const item = document.createElement("li");
      item.textContent = say(code);
      return item;
    }),
  );
}
