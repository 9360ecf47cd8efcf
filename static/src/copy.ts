// Copy buttons: <button data-copy="text" data-copied="Copied">.

import { announce } from "./announce";

const SHOWN_MILLISECONDS = 1600;

async function copy(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Plain http on a name other than localhost has no clipboard API.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function installCopying(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
    if (!button) return;
    void copy(button.dataset.copy ?? "").then(() => {
      button.classList.add("is-copied");
      announce(button.dataset.copied ?? "");
      setTimeout(() => button.classList.remove("is-copied"), SHOWN_MILLISECONDS);
      button.focus();
    });
  });
}
