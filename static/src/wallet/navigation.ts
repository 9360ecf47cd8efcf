// While a wallet is unlocked, links and forms of our own pages bring the next page into this
// document, for leaving it would end the worker and with it the keys. htmx fetches and swaps, so
// that the fetched page's nonce becomes this document's and nothing else is trusted.
import { announce } from "../announce";
import htmx from "../htmx";
import { followLive } from "../live";
import { note } from "./note";
import { onPage } from "./pages";
import { anyUnlocked, lock } from "./session";
import { say } from "./words";

const SOURCE = "#journey";
const PARTS = "#nav:outerHTML,#live:outerHTML,#preferences:outerHTML";
const SLOW_MILLISECONDS = 150;
const UNKNOWN = 401;

interface Journey {
  method: "GET" | "POST";
  body?: FormData;
  /** Undefined where the page is entered anew: it pushes a new entry. */
  entry?: number;
  hash: string;
}

interface HtmxContext {
  sourceElement: Element;
  swap: string;
  request: { headers: Record<string, string>; body: FormData | null };
  response: { raw: Response };
}

interface SwapTask {
  type: string;
  swapSpec: { style: string };
}

type HtmxEvent = CustomEvent<{ ctx: HtmxContext; tasks?: SwapTask[]; error?: unknown }>;

/** Where the focus was when the journey began. */
let from: Element | null = null;

/** How far each entry of this document's history was scrolled. */
const scrolled = new Map<number, number>();
let entry = 0;
let lastEntry = 0;
let shown = location.pathname + location.search;
let journey: Journey | undefined;

/** Show another page of ours without leaving the document; ordinarily if no wallet is unlocked. */
export function visit(address: string): void {
  const url = new URL(address, location.href);
  if (anyUnlocked()) void travel(url, { method: "GET", hash: url.hash });
  else location.assign(url);
}

/** The page at hand afresh, as after something it shows has changed. */
export function refresh(): void {
  void travel(new URL(location.href), { method: "GET", hash: "", entry });
}

async function travel(url: URL, wanted: Journey): Promise<void> {
  journey = wanted;
  from = document.activeElement;
  const slow = setTimeout(() => document.documentElement.toggleAttribute("data-travelling", true), SLOW_MILLISECONDS);
  try {
    await htmx.ajax(wanted.method, url.pathname + url.search, {
      source: SOURCE,
      target: "#main",
      select: "#main",
      selectOOB: PARTS,
      swap: "outerHTML settle:0", // nothing of the old page is to be carried over
    });
  } finally {
    clearTimeout(slow);
    document.documentElement.toggleAttribute("data-travelling", false);
  }
}

function onRequest({ detail: { ctx } }: HtmxEvent): void {
  delete ctx.request.headers["HX-Request"]; // whole pages, as a browser gets them
  if (journey?.body) ctx.request.body = journey.body;
}

function onResponse(event: HtmxEvent): void {
  const { raw } = event.detail.ctx.response;
  const isPage = raw.headers.get("Content-Type")?.startsWith("text/html") ?? false;
  if (raw.status !== UNKNOWN && isPage) return;
  event.preventDefault();
  if (raw.status === UNKNOWN) lock(); // the session is gone: sign in again
  if (raw.status === UNKNOWN && journey?.method === "POST") return; // what was typed stays
  location.assign(raw.status === UNKNOWN ? location.href : raw.url);
}

function beforeSwap({ detail: { ctx, tasks } }: HtmxEvent): void {
  ctx.swap = "outerHTML"; // error pages too
  for (const task of tasks ?? []) if (task.type === "main") task.swapSpec.style = "outerHTML";
  const { raw } = ctx.response;
  if (!journey || (journey.method === "POST" && !raw.redirected)) return; // a form with its faults
  const url = new URL(raw.url);
  const before = shown;
  shown = url.pathname + url.search;
  scrolled.set(entry, window.scrollY);
  history.scrollRestoration = "manual";
  if (history.state?.entry === undefined) history.replaceState({ entry }, "");
  if (journey.entry === undefined && shown !== before) {
    entry = ++lastEntry;
    history.pushState({ entry }, "", shown + journey.hash);
  } else {
    entry = journey.entry ?? entry;
    history.replaceState({ entry }, "", shown + journey.hash);
  }
}

function afterSwap(): void {
  const here = document.activeElement;
  const isTypingElsewhere = here !== from && here instanceof HTMLInputElement; // in the search box
  if (!isTypingElsewhere) arrive();
  const target = journey?.hash ? document.getElementById(decodeURIComponent(journey.hash.slice(1))) : null;
  const back = journey?.entry === undefined ? undefined : scrolled.get(journey.entry);
  if (target && back === undefined) target.scrollIntoView();
  else window.scrollTo({ top: back ?? 0, behavior: "instant" });
  announce(document.title);
}

function arrive(): void {
  document.getElementById("main")?.focus({ preventScroll: true });
  const search = document.querySelector<HTMLInputElement>("#search-input");
  if (search) search.value = new URL(location.href).searchParams.get("q") ?? "";
  document.getElementById("search-suggestions")?.replaceChildren();
}

function onLink(event: MouseEvent): void {
  const link = (event.target as Element).closest<HTMLAnchorElement>("a[href]");
  if (!link || !anyUnlocked() || event.defaultPrevented || event.button !== 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  const url = new URL(link.href);
  if (url.hash && url.pathname + url.search === shown) return; // a place on this page
  event.preventDefault();
  void travel(url, { method: "GET", hash: url.hash });
}

function onForm(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  const { submitter } = event;
  if (form.method === "dialog" || event.defaultPrevented || !anyUnlocked()) return;
  const url = new URL(submitter?.getAttribute("formaction") ?? form.action, location.href);
  if (url.origin !== location.origin) return;
  if (url.pathname.endsWith("/account/sign-out")) return; // ends this document, and the keys
  const body = new FormData(form, submitter);
  if (body.has("language")) return; // changes what stands around the page, and script's words
  event.preventDefault();
  if (form.method === "get") {
    for (const [name, value] of body) url.searchParams.set(name, String(value));
    return void travel(url, { method: "GET", hash: "" });
  }
  document.querySelector(SOURCE)?.setAttribute("hx-encoding", form.enctype);
  const theme = body.get("theme");
  if (theme) document.documentElement.dataset.theme = String(theme);
  void travel(url, { method: "POST", body, hash: "" });
}

function onPop(): void {
  const url = new URL(location.href);
  if (url.pathname + url.search === shown) return; // another place on this page
  void travel(url, { method: "GET", hash: url.hash, entry: history.state?.entry ?? 0 });
}

function onError({ detail: { error } }: HtmxEvent): void {
  if (error instanceof TypeError) note(say("unreachable")); // fetch could not reach the server
}

/** Wherever on the page a form of htmx was sent from. */
function onAnyResponse({ detail: { ctx } }: HtmxEvent): void {
  if (ctx.response.raw.status === UNKNOWN) note(say("signed_out"));
}

export function installNavigation(): void {
  document.addEventListener("click", onLink);
  document.addEventListener("submit", onForm);
  window.addEventListener("popstate", onPop);
  onPage("#live", followLive);
  const on = (name: string, listener: (event: HtmxEvent) => void): void =>
    document.addEventListener(name, (event) => {
      if ((event.target as Element).matches?.(SOURCE)) listener(event as HtmxEvent);
    });
  document.addEventListener("htmx:before:response", (event) => onAnyResponse(event as HtmxEvent));
  on("htmx:config:request", onRequest);
  on("htmx:before:response", onResponse);
  on("htmx:before:swap", beforeSwap);
  on("htmx:finally:swap", afterSwap); // after:swap comes before the new title
  on("htmx:error", onError);
}
