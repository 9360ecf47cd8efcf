// Reading QR codes with the camera. The decoder is a file of its own, loaded when it is needed.
import { need } from "./forms";
import type { Decode } from "./scanner";
import { say } from "./words";

const LOOK_MILLISECONDS = 120;
const FRAME = /^B\$[HZ2][A-Z]([0-9A-Z]{2})([0-9A-Z]{2})/; // of a series: bbqr.org

let decoder: Promise<Decode> | undefined;

/** Open the camera until a code is read, or all of a series, one a line; undefined if it is closed. */
export async function scan(): Promise<string | undefined> {
  const dialog = need<HTMLDialogElement>(document, "#scan");
  const problem = need(dialog, "[data-problem]");
  const progress = need(dialog, "[data-progress]");
  problem.textContent = progress.textContent = "";
  dialog.showModal();
  let stream: MediaStream | undefined;
  try {
    decoder ??= loadDecoder(dialog.dataset.decoder ?? "", dialog.dataset.integrity ?? "");
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    return await read(dialog, stream, await decoder, progress);
  } catch (error) {
    problem.textContent = say(error instanceof DOMException ? "camera_blocked" : "camera_failed");
    return undefined;
  } finally {
    for (const track of stream?.getTracks() ?? []) track.stop();
    if (!problem.textContent) dialog.close();
  }
}

/** Its bytes are checked against the hash that the page gives before they are run. */
async function loadDecoder(url: string, integrity: string): Promise<Decode> {
  const link = document.createElement("link");
  Object.assign(link, { rel: "modulepreload", href: url, integrity });
  await new Promise((resolve, reject) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", reject);
    document.head.append(link);
  });
  return ((await import(url)) as { decode: Decode }).decode;
}

async function read(
  dialog: HTMLDialogElement,
  stream: MediaStream,
  decode: Decode,
  progress: HTMLElement,
): Promise<string | undefined> {
  const video = need<HTMLVideoElement>(dialog, "video");
  video.srcObject = stream;
  await video.play();
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const frames = new Map<string, string>();
  while (dialog.open && context) {
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    context.drawImage(video, 0, 0);
    const text = decode(context.getImageData(0, 0, canvas.width, canvas.height));
    const part = text === undefined ? null : FRAME.exec(text);
    if (text !== undefined && !part) return text;
    if (text !== undefined && part) {
      const [, total = "", number = ""] = part;
      frames.set(number, text);
      const wanted = Number.parseInt(total, 36);
      progress.textContent = say("frames_read", { read: frames.size, wanted });
      if (frames.size >= wanted) return [...frames.values()].join("\n");
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
  }
  return undefined;
}
