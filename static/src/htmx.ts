// htmx with the two extensions we use, and a third of our own that closes what they leave open.
import htmx from "htmx.org";
import "htmx.org/dist/ext/hx-csp.js";
import "htmx.org/dist/ext/hx-sse.js";
import { localize } from "./times";

const pageNonce = document.querySelector<HTMLScriptElement>("script[nonce]")?.nonce;

htmx.registerExtension("guard", {
  // hx-csp looks at elements with hx-get and its kin; a smuggled hx-sse:connect would pass it.
  htmx_config_request(element: Element, detail: HtmxRequestDetail): boolean {
    const trusted = Boolean(pageNonce) && element.getAttribute("hx-nonce") === pageNonce;
    if (!trusted) {
      detail.cancelled = true;
      console.error("htmx: [guard] refused a request of an element without the page's nonce", element);
    }
    return trusted;
  },

  // Times arrive in UTC; made local before the swap, they equal those on the page and stay put.
  htmx_before_swap(_element: Element, detail: { tasks: HtmxSwapTask[] }): void {
    for (const { fragment } of detail.tasks) localize(fragment);
  },

  // What the reader has opened stays open.
  htmx_before_morph_attr(element: Element, detail: { attrName: string }): boolean {
    return !(element instanceof HTMLDetailsElement && detail.attrName === "open");
  },
});

export default htmx;
