// A sentence at the edge of the window, for what concerns no field of a form.
import { announce } from "../announce";

const SHOWN_MILLISECONDS = 10_000;

let timer: number | undefined;

/** Show a sentence for some seconds, and have screen readers say it. */
export function note(text: string): void {
  const element = document.getElementById("note");
  if (!element) return;
  element.textContent = text;
  element.hidden = false;
  announce(text);
  clearTimeout(timer);
  timer = setTimeout(() => {
    element.hidden = true;
  }, SHOWN_MILLISECONDS);
}
