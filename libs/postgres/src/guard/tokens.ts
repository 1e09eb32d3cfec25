/** A token of a statement. `word` is lower case; `quoted` is an identifier and `string` a literal, without quotes. */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'parameter' | 'symbol';
  readonly text: string;
}

const TOKEN =
  /(?<space>\s+|--[^\n\r]*)|(?<comment>\/\*)|(?<escaped>[eE]'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*'?)|(?<string>'[^']*'?)|(?<quoted>"[^"]*(?:""[^"]*)*"?)|(?<dollar>\$(?:[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)|\$(?<parameter>\d+)|(?<word>[a-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(?<symbol>[^])/giy;

/** Splits a text into its statements, as the server does: it skips comments, and looks into no literal. Pure. */
export function statementsOf(text: string): readonly (readonly Token[])[] {
  const statements: Token[][] = [];
  let tokens: Token[] = [];
  for (let at = 0; at < text.length;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    const found = match?.[0] ?? '';
    const groups = match?.groups ?? {};
    at += Math.max(1, found.length);
    if (groups['comment'] !== undefined) at = afterComment(text, at);
    else if (groups['dollar'] !== undefined) {
      const end = text.indexOf(found, at);
      tokens.push({ kind: 'string', text: text.slice(at, end === -1 ? text.length : end) });
      at = end === -1 ? text.length : end + found.length;
    } else if (groups['symbol'] === ';') {
      statements.push(tokens);
      tokens = [];
    } else {
      const token = tokenOf(groups);
      if (token !== undefined) tokens.push(token);
    }
  }
  return [...statements, tokens].filter(({ length }) => length > 0);
}

function tokenOf(groups: Readonly<Record<string, string | undefined>>): Token | undefined {
  const { word, quoted, string, escaped, parameter, symbol } = groups;
  if (word !== undefined) return { kind: 'word', text: word.toLowerCase() };
  if (quoted !== undefined)
    return { kind: 'quoted', text: quoted.replace(/^"|"$/g, '').replaceAll('""', '"') };
  if (string !== undefined) return { kind: 'string', text: string.replaceAll("'", '') };
  if (escaped !== undefined) return { kind: 'string', text: escaped.slice(2).replace(/'$/, '') };
  if (parameter !== undefined) return { kind: 'parameter', text: parameter };
  return symbol === undefined ? undefined : { kind: 'symbol', text: symbol };
}

/** Returns the place behind a comment, in which others may be nested. */
function afterComment(text: string, from: number): number {
  const border = /\/\*|\*\//g;
  border.lastIndex = from;
  for (let depth = 1; depth > 0;) {
    const found = border.exec(text);
    if (found === null) return text.length;
    depth += found[0] === '/*' ? 1 : -1;
  }
  return border.lastIndex;
}
