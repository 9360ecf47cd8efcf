// Made by static/wordlists.mjs.
declare module "word-lists" {
  const packed: Record<import("../protocol").Language, string>;
  export default packed;
}
