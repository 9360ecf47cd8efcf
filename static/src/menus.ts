// Menus are <details class="menu">: they open without script; here they close by Escape and by
// a click elsewhere.

export function installMenus(): void {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
      if (!menu.contains(event.target as Node)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
      const summary = menu.querySelector("summary");
      if (menu.contains(document.activeElement)) summary?.focus();
      menu.open = false;
    }
  });
}
