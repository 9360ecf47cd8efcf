// Pages in steps: sections [data-step], of which one shows, and the list that says where one is.

export class Steps {
  constructor(private readonly root: HTMLElement) {}

  /** Show one step and have its heading read. */
  show(name: string): void {
    for (const step of this.root.querySelectorAll<HTMLElement>("[data-step]")) {
      step.hidden = step.dataset.step !== name;
    }
    for (const item of this.root.querySelectorAll<HTMLElement>("[data-progress]")) {
      if (item.dataset.progress === name) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
    const heading = this.root.querySelector<HTMLElement>(`#step-${name}`);
    heading?.scrollIntoView({ block: "nearest" });
    heading?.focus({ preventScroll: true });
  }
}
