// Keys for the whole page: "/" goes to the search box.

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}

export function installKeyboard(): void {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target)) return;
    const box = document.querySelector<HTMLInputElement>("#search-input");
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
}
