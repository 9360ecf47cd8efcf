// The page of a draft: review and sign it here, or bring it back signed by a code.
import { attempt, need } from "./forms";
import { onPage } from "./pages";
import { review } from "./review";
import { scan } from "./scan_qr";

const FRAME_MILLISECONDS = 250;

onPage("[data-page=draft]", (root) => {
  const url = root.dataset.draft ?? "";
  root.querySelector("[data-review]")?.addEventListener("click", () => {
    void attempt(root, () => review(url));
  });
  root.querySelector("[data-scan]")?.addEventListener("click", () => {
    void scan().then((text) => {
      if (text !== undefined) need<HTMLTextAreaElement>(root, "#signed-text").value = text;
    });
  });
});

// A file as a series of codes: one after the other.
onPage("[data-page=frames]", (root) => {
  const frames = [...root.querySelectorAll<SVGElement>("[data-frame]")];
  const button = root.querySelector("[data-pause]");
  let shown = 0;
  const timer = setInterval(() => {
    if (button?.getAttribute("aria-pressed") === "true") return;
    frames[shown]?.toggleAttribute("hidden", true);
    shown = (shown + 1) % frames.length;
    frames[shown]?.toggleAttribute("hidden", false);
  }, FRAME_MILLISECONDS);
  button?.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
  });
  return () => clearInterval(timer);
});
