// The stream of changes. hx-sse holds it and turns its events into live:<kind> on the element
// #live, from where they rise to <body>. Without a stream we poll and send the same events.
import htmx from "./htmx";

const POLL_MILLISECONDS = 5000;

interface PollAnswer {
  id: string;
  moved: string[];
  again_in: number;
}

class Stream {
  private since: string;
  private timer: number | undefined;

  constructor(
    private readonly element: HTMLElement,
    private readonly pollUrl: URL,
  ) {
    this.since = pollUrl.searchParams.get("since") ?? "";
    const on = (name: string, listener: (event: CustomEvent) => void): void =>
      element.addEventListener(name, listener as EventListener);
    on("htmx:sse:after:connection", () => this.onStream());
    on("htmx:sse:after:message", (event) => {
      this.since = event.detail.message.id || this.since;
    });
    for (const failure of ["htmx:sse:error", "htmx:response:error", "htmx:error"]) {
      on(failure, () => this.poll());
    }
  }

  private onStream(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.show("stream");
  }

  private poll(): void {
    if (this.timer !== undefined) return;
    this.show("poll");
    this.again(POLL_MILLISECONDS);
  }

  private again(milliseconds: number): void {
    this.timer = setTimeout(() => void this.ask(), milliseconds);
  }

  private async ask(): Promise<void> {
    if (!this.element.isConnected) return; // another page's stream has taken over
    if (document.hidden) return this.again(POLL_MILLISECONDS);
    this.pollUrl.searchParams.set("since", this.since);
    try {
      const response = await fetch(this.pollUrl, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const answer = (await response.json()) as PollAnswer;
      if (this.timer === undefined) return; // the stream came back meanwhile
      this.since = answer.id;
      for (const kind of new Set(answer.moved.map((topic) => topic.split(":")[0]))) {
        htmx.trigger(this.element, `live:${kind}`, {});
      }
      this.show("poll");
      this.again(answer.again_in);
    } catch {
      if (this.timer === undefined) return;
      this.show("lost");
      this.again(POLL_MILLISECONDS);
    }
  }

  private show(connection: "stream" | "poll" | "lost"): void {
    if (this.element.isConnected) document.documentElement.dataset.live = connection;
  }
}

let followed: HTMLElement | undefined;

/** To be called again when the element of the stream has been replaced. */
export function followLive(): void {
  const element = document.getElementById("live");
  const address = element?.getAttribute("hx-sse:connect");
  if (!element || !address || element === followed) return;
  followed = element;
  const url = new URL(address, location.href);
  url.pathname += "/poll";
  new Stream(element, url);
}
