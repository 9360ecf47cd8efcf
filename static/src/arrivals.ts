// What is new after the page has updated itself glows once: rows and tiles with an id.

const ARRIVING = "#main :is(tr, li, a, article)[id]";

interface SwapEvent extends CustomEvent {
  detail: { ctx: { target?: Element } };
}

function ids(): Set<string> {
  return new Set([...document.querySelectorAll(ARRIVING)].map(({ id }) => id));
}

export function installArrivals(): void {
  let known = new Set<string>();
  const onMain = (name: string, listener: () => void): void =>
    document.addEventListener(name, (event) => {
      if ((event as SwapEvent).detail.ctx.target?.id === "main") listener();
    });
  onMain("htmx:before:swap", () => {
    known = ids();
  });
  onMain("htmx:after:swap", () => {
    if (![...ids()].some((id) => known.has(id))) return; // another page altogether
    for (const element of document.querySelectorAll(ARRIVING)) {
      element.classList.toggle("is-new", !known.has(element.id));
    }
  });
}
