/** A definition of a module that changes variables, and the comment above it. */
export interface Action {
  readonly name: string;
  readonly comment: string;
}

/** A place in the source that a comment names: `libs/relay/src/leader/lead.ts (lead)`. */
export interface Place {
  readonly file: string;
  readonly symbol: string;
}

const DEFINITION = /^(\w+)(?:\([^)]*\))? ==/;
const CHANGES = /\b\w+' (?:=|\\in)/;

/** Lists the actions of a module. Pure. */
export function actionsOf(module: string): readonly Action[] {
  const lines = module.split('\n');
  const starts = lines.flatMap((line, at) => (DEFINITION.test(line) ? [at] : []));
  return starts.flatMap((at, index) => {
    const body = lines.slice(at, starts[index + 1]).join('\n');
    const name = DEFINITION.exec(lines[at] ?? '')?.[1] ?? '';
    return CHANGES.test(withoutComments(body)) ? [{ name, comment: commentAbove(lines, at) }] : [];
  });
}

function withoutComments(text: string): string {
  return text.replaceAll(/\\\*.*/g, '');
}

function commentAbove(lines: readonly string[], at: number): string {
  const above: string[] = [];
  for (let line = at - 1; lines[line]?.startsWith('\\* ') === true; line -= 1)
    above.unshift(lines[line]?.slice(3) ?? '');
  return above.join(' ');
}

const PLACE = /((?:libs|services|schemas)\/[\w./-]+\.(?:ts|sql)) \(([\w.]+)\)/g;

/** Lists the places that a comment names. Pure. */
export function placesIn(comment: string): readonly Place[] {
  return [...comment.matchAll(PLACE)].map(([, file = '', symbol = '']) => ({ file, symbol }));
}
