/** A TypeScript block of a page. */
export interface Snippet {
  readonly page: string;
  readonly line: number;
  readonly code: string;
}

/** Pure: the TypeScript blocks of a page, whatever else stands behind the language. */
export function snippetsOf(page: string, text: string): readonly Snippet[] {
  const fence = /^( *)(`{3,}|~{3,})(ts|tsx|typescript|js|javascript|mts|cts)\b[^\n]*\n([^]*?)^ *\2`*$/gm;
  return [...text.matchAll(fence)].map(({ 4: code = '', index }) => ({
    page,
    line: text.slice(0, index).split('\n').length,
    code,
  }));
}

/** Pure: true when a file has the lines of a snippet, one after the other, with the same indentation more or less. */
export function shows(file: string, { code }: Pick<Snippet, 'code'>): boolean {
  const wanted = unindented(code.trimEnd().split('\n'));
  const lines = file.split('\n');
  return lines.some((_, at) => {
    const here = lines.slice(at, at + wanted.length);
    return here.length === wanted.length && unindented(here).every((line, n) => line === wanted[n]);
  });
}

function unindented(lines: readonly string[]): readonly string[] {
  const indents = lines.filter((line) => line !== '').map((line) => line.length - line.trimStart().length);
  const common = Math.min(...indents, Number.MAX_SAFE_INTEGER);
  return lines.map((line) => line.slice(common));
}
