// Forms that script answers: their fields, their faults, and waiting.
import { LockedError, RefusalError } from "./client";
import { RefusedError, UnreachableError } from "./http";
import { say } from "./words";

const SIGNED_OUT = 401;

/** Something is wrong with one field; its sentence is for people. */
export class FieldError extends Error {
  constructor(
    readonly field: string,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** The element that the selector names; the template promises that it is there. */
export function need<Found extends HTMLElement>(root: ParentNode, selector: string): Found {
  const found = root.querySelector<Found>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

export function formIn(root: ParentNode, name: string): HTMLFormElement {
  return need<HTMLFormElement>(root, `form[data-form="${name}"]`);
}

export function valueOf(form: HTMLFormElement, name: string): string {
  return need<HTMLInputElement>(form, `[name="${name}"]`).value;
}

/** Say what is wrong at the field with this id, or that nothing is. */
export function showFault(input: HTMLElement, sentence: string): void {
  const place = document.getElementById(`${input.id}-error`);
  if (place) place.textContent = sentence;
  if (sentence) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

export function clearFaults(form: HTMLFormElement): void {
  for (const place of form.querySelectorAll(".field-error")) place.textContent = "";
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

/** Have `work` done when the form is sent: its buttons rest meanwhile, and what goes wrong is said. */
export function onSend(form: HTMLFormElement, work: () => Promise<void>): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(form, work);
  });
}

/** The same for what is not the sending of a form, such as a button beside one. */
export async function attempt(form: HTMLElement, work: () => Promise<void>): Promise<void> {
  if (form.getAttribute("aria-busy") === "true") return;
  if (form instanceof HTMLFormElement) clearFaults(form);
  form.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    showProblem(form, error);
  } finally {
    form.removeAttribute("aria-busy");
  }
}

function showProblem(form: HTMLElement, error: unknown): void {
  if (error instanceof FieldError) return showAt(form, error.field, error.message);
  if (error instanceof LockedError) return showBelow(form, say("locked"));
  if (error instanceof RefusalError) return showBelow(form, say(error.code, error.parameters));
  if (error instanceof UnreachableError) return showBelow(form, say("unreachable"));
  if (error instanceof RefusedError) {
    if (error.status === SIGNED_OUT) return showBelow(form, say("signed-out"));
    for (const [field, sentence] of Object.entries(error.errors)) showAt(form, field, sentence);
    if (Object.keys(error.errors).length === 0) {
      showBelow(form, say("refused", { status: error.status }));
    }
    return;
  }
  throw error;
}

function showAt(form: HTMLElement, field: string, sentence: string): void {
  const input = form.querySelector<HTMLElement>(`[name="${CSS.escape(field)}"]`);
  const place = document.getElementById(`${input?.id || field}-error`);
  if (!input || !place) return showBelow(form, sentence);
  input.closest("details")?.setAttribute("open", "");
  place.textContent = sentence;
  input.setAttribute("aria-invalid", "true");
  input.focus();
}

function showBelow(form: HTMLElement, sentence: string): void {
  const place = form.querySelector("[data-problem]");
  if (place) place.textContent = sentence;
}
