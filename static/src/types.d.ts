// What the extension points of htmx give to extensions and listeners.
interface HtmxSwapTask {
  fragment: DocumentFragment;
}

interface HtmxRequestDetail {
  ctx: { request: { action: string } };
  cancelled?: boolean;
}
