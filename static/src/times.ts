// Times: the server writes UTC; here they become the reader's zone, and ages stay right.

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];
const UNIT_THRESHOLD = 1.2; // 70 seconds, but 1 minute from 72 on: as the server rounds

const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language);
const local = new Intl.DateTimeFormat(language, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});

/** Rewrite the times below `root`: moments in the reader's zone, ages as of now. */
export function localize(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLTimeElement>("time[data-time]")) {
    const moment = Date.parse(element.dateTime);
    if (Number.isNaN(moment)) continue;
    if (element.dataset.time === "age") {
      setText(element, ago(moment));
    } else {
      element.title ||= element.textContent;
      setText(element, local.format(moment));
    }
  }
}

function ago(moment: number): string {
  const seconds = (moment - Date.now()) / 1000;
  for (const [unit, length] of UNITS) {
    const count = seconds / length;
    if (Math.abs(count) >= UNIT_THRESHOLD || unit === "second") {
      return relative.format(Math.round(count), unit);
    }
  }
  return "";
}

function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function installTimes(): void {
  localize(document);
  setInterval(() => {
    if (!document.hidden) localize(document);
  }, 1000);
}
