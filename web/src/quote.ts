// Text as it is written into YAML and into a shell's command line.
//
// Answers for quoting alone, as src/manifest/quote.rs does for the manifests that the program
// writes: whatever the text, it reads back as exactly that, on one line, with nothing invisible.

/** What is drawn as nothing, as a plain space, or moves its neighbours; see src/escape.rs. */
const INVISIBLE = new RegExp(
  "[\\p{Cc}\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f" +
    "\\u2028-\\u202f\\u205f-\\u206f\\u3000\\u3164\\ufe00-\\ufe0e\\ufeff\\uffa0\\ufff0-\\ufffb" +
    "\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]",
  "u",
);

/** A double-quoted scalar. */
export function quoted(text: string): string {
  let out = '"';
  for (const c of text) {
    if (c === '"') out += '\\"';
    else if (c === "\\") out += "\\\\";
    else if (c === "\n") out += "\\n";
    else if (c === "\t") out += "\\t";
    else out += INVISIBLE.test(c) ? escaped(c.codePointAt(0) ?? 0) : c;
  }
  return `${out}"`;
}

function escaped(code: number): string {
  const hex = (digits: number) => code.toString(16).padStart(digits, "0");
  if (code <= 0xff) return `\\x${hex(2)}`;
  return code <= 0xffff ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}

/** A key or a word: plain where every YAML reader takes it for text, else quoted. */
export function plain(text: string): string {
  const hasOtherMeaning = /^(?:null|true|false|yes|no|on|off|y|n|all)$/i.test(text);
  return /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(text) && !hasOtherMeaning ? text : quoted(text);
}

/** One argument of a POSIX shell's command line. */
export function argument(text: string): string {
  if (/^[A-Za-z0-9_./,:@%+=-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}
