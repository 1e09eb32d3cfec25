/** What a reader of a page does: types commands, writes files, copies files that are linked, looks for lines. */
export type PageStep =
  | { readonly do: 'type'; readonly line: string }
  | { readonly do: 'write'; readonly path: string; readonly text: string }
  | { readonly do: 'copy'; readonly path: string; readonly from: string }
  | { readonly do: 'expect'; readonly line: string };

const FENCE = /^```(\w+)[^\n]*\n([^]*?)^```$/gm;
/** A path in a sentence: of a file that the reader makes, `src/main.ts`. */
const NAMED = /`((?:src|test|migrations)\/[\w./-]+)`/;
/** A link whose text is a path: the file that it leads to is copied. */
const LINKED = /\[`((?:src|test|migrations)\/[\w./-]+)`\]\(([^)]+)\)/g;

/**
 * Reads the steps of a page's section, in their order (pure). Code goes to the file that the paragraph before it names; code without
 * one is only read.
 */
export function stepsOf(page: string, heading: string): readonly PageStep[] {
  const section = sectionOf(page, heading);
  const steps: PageStep[] = [];
  let read = 0;
  for (const {
    0: { length },
    1: language = '',
    2: text = '',
    index,
  } of section.matchAll(FENCE)) {
    const prose = section.slice(read, index);
    read = index + length;
    for (const [, path = '', from = ''] of prose.matchAll(LINKED)) steps.push({ do: 'copy', path, from });
    const before = prose.replaceAll(LINKED, '').trimEnd().split('\n\n').at(-1) ?? '';
    const [, path] = NAMED.exec(before) ?? [];
    const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
    if (language === 'sh')
      steps.push(...lines.map((line) => ({ do: 'type', line: withoutNote(line) }) as const));
    else if (language === 'text') steps.push(...lines.map((line) => ({ do: 'expect', line }) as const));
    else if (path !== undefined) steps.push({ do: 'write', path, text });
  }
  return steps;
}

const withoutNote = (line: string): string => line.replace(/\s+# .*$/, '');

function sectionOf(page: string, heading: string): string {
  const text = `\n${page}`;
  const at = text.indexOf(`\n${heading}\n`);
  if (at === -1) throw new Error(`the page has no section "${heading}"`);
  const from = at + heading.length + 2;
  const end = text.indexOf('\n## ', from);
  return text.slice(from, end === -1 ? undefined : end);
}

/** The words of a line that stay the same from run to run: without times, ids and the space between columns (pure). */
export function lastingWords(line: string): readonly string[] {
  return line
    .split(/\s+/)
    .filter((word) => word !== '' && !/^\d\d:\d\d:\d\d$|^\d{4}-\d\d-\d\d|^event=|[\da-f]{8}-/.test(word));
}

/** True when a printed text has a line with all lasting words of a page's line, in their order (pure). */
export function isShown(printed: string, line: string): boolean {
  const words = lastingWords(line);
  return printed.split('\n').some((one) => {
    let at = 0;
    for (const word of lastingWords(one)) if (word === words[at]) at += 1;
    return at === words.length;
  });
}
