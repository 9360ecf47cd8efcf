// An esbuild plugin: the import "word-lists" is BIP39's lists, each packed into one string in which
// every word leaves out what it shares with the word before: a digit, then the rest.
const FILES = {
  english: "english",
  chinese_simplified: "simplified-chinese",
  chinese_traditional: "traditional-chinese",
  czech: "czech",
  french: "french",
  italian: "italian",
  japanese: "japanese",
  korean: "korean",
  portuguese: "portuguese",
  spanish: "spanish",
};
const SHARED_MAXIMUM = 9;

function packed(words) {
  let previous = "";
  return words
    .map((word) => {
      let shared = 0;
      while (shared < SHARED_MAXIMUM && word[shared] && word[shared] === previous[shared])
        shared += 1;
      previous = word;
      return shared + word.slice(shared);
    })
    .join("");
}

async function module() {
  const lists = {};
  for (const [language, file] of Object.entries(FILES)) {
    const { wordlist } = await import(`@scure/bip39/wordlists/${file}.js`);
    lists[language] = packed(wordlist.map((word) => word.normalize("NFC")));
  }
  return `export default ${JSON.stringify(lists)};`;
}

export const wordLists = {
  name: "word-lists",
  setup(build) {
    build.onResolve({ filter: /^word-lists$/ }, ({ path }) => ({ path, namespace: "word-lists" }));
    build.onLoad({ filter: /.*/, namespace: "word-lists" }, async () => ({
      contents: await module(),
    }));
  },
};
