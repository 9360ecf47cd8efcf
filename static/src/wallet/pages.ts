// What script a page needs: it starts when its element enters the document, by whatever way (first
// load, soft navigation, a swap of htmx), and is cleaned up when that element has left.

export type Cleanup = () => void;
export type Start = (root: HTMLElement) => Cleanup | undefined | void;

interface Running {
  root: HTMLElement;
  cleanup: Cleanup | undefined | void;
}

const pages: { selector: string; start: Start }[] = [];
const started = new Map<Start, WeakSet<HTMLElement>>();
let running: Running[] = [];
let installed = false;

/** Have `start` run for each element that matches, once, for as long as it stays in the page. */
export function onPage(selector: string, start: Start): void {
  pages.push({ selector, start });
  started.set(start, new WeakSet());
  if (installed) enter(document);
}

function enter(within: ParentNode): void {
  for (const { selector, start } of pages) {
    const roots = [...within.querySelectorAll<HTMLElement>(selector)];
    if (within instanceof HTMLElement && within.matches(selector)) roots.unshift(within);
    for (const root of roots) {
      if (started.get(start)?.has(root)) continue;
      started.get(start)?.add(root);
      running.push({ root, cleanup: start(root) });
    }
  }
}

function leave(): void {
  const left = running.filter(({ root }) => !root.isConnected);
  if (left.length === 0) return;
  running = running.filter(({ root }) => root.isConnected);
  for (const { cleanup } of left) cleanup?.();
}

/** To be called once, after all pages have registered. */
export function installPages(): void {
  installed = true;
  enter(document);
  new MutationObserver((records) => {
    leave();
    for (const { addedNodes } of records) {
      for (const node of addedNodes) if (node instanceof HTMLElement && node.isConnected) enter(node);
    }
  }).observe(document.body, { childList: true, subtree: true });
}

/** The wallet that the page at hand is about, as templates/components/wallet.html writes it. */
export interface PageWallet {
  id: number;
  kind: "vault" | "watch";
  fingerprint: string | undefined; // of the master key; 8 hexadecimal digits
  network: string;
}

export function pageWallet(): PageWallet | undefined {
  const data = document.querySelector<HTMLElement>("[data-wallet]")?.dataset;
  if (!data) return undefined;
  return {
    id: Number(data.wallet),
    kind: data.kind === "vault" ? "vault" : "watch",
    fingerprint: data.fingerprint || undefined,
    network: data.network ?? "",
  };
}
