// The search box as a combobox: htmx brings the suggestions, the arrow keys walk through them.

class SearchBox {
  constructor(
    private readonly input: HTMLInputElement,
    private readonly list: HTMLElement,
  ) {
    input.addEventListener("keydown", (event) => this.onKey(event));
    input.addEventListener("focus", () => this.show());
    input.addEventListener("input", () => {
      if (!input.value.trim()) this.hide();
    });
    document.addEventListener("click", (event) => {
      const inside = event.target instanceof Node && this.input.form?.contains(event.target);
      if (!inside) this.hide();
    });
    document.addEventListener("htmx:after:swap", () => {
      if (document.activeElement === this.input) this.show();
    });
  }

  private get options(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>("[role=option]")];
  }

  private get active(): HTMLElement | undefined {
    return this.options.find((option) => option.getAttribute("aria-selected") === "true");
  }

  private show(): void {
    const open = this.options.length > 0 && this.input.value.trim() !== "";
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
    if (!this.active) this.input.removeAttribute("aria-activedescendant");
  }

  private hide(): void {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.choose(undefined);
  }

  private choose(chosen: HTMLElement | undefined): void {
    this.options.forEach((option, index) => {
      option.id ||= `suggestion-${index}`;
      option.setAttribute("aria-selected", String(option === chosen));
    });
    if (chosen) {
      this.input.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  private onKey(event: KeyboardEvent): void {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      if (this.list.hidden) {
        this.input.blur();
      } else {
        event.preventDefault(); // or the browser would empty the box
        this.hide();
      }
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.show();
      this.step(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && this.active && !this.list.hidden) {
      event.preventDefault();
      this.active.click();
    }
  }

  private step(by: 1 | -1): void {
    const options = this.options;
    const from = this.active ? options.indexOf(this.active) : by > 0 ? -1 : 0;
    this.choose(options.at((from + by) % options.length));
  }
}

export function installSearch(): void {
  const input = document.querySelector<HTMLInputElement>("#search-input");
  const list = document.getElementById("search-suggestions");
  if (input && list) new SearchBox(input, list);
}
