import { statementsOf, type Token } from './tokens.ts';

/** A statement about a savepoint. Its name is as the server compares it. */
export interface SavepointStatement {
  readonly kind: 'savepoint' | 'release' | 'rollback_to';
  readonly name: string;
}

/** A value in a text: written there, a parameter (from 1), or the result of an expression. */
type Written =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly number: number }
  | { readonly kind: 'expression' };

/** A change of a setting. `local`: `true` for one that ends with its transaction. */
export interface SettingChange {
  readonly name: Written;
  readonly local: Written;
}

/** What a text does to its transaction and session, besides reading and writing. */
export interface TextEffects {
  /** True when it begins or ends a transaction. */
  readonly controls: boolean;
  readonly savepoints: readonly SavepointStatement[];
  readonly settings: readonly SettingChange[];
}

/** Texts without these words have no effect; most texts are not read any further. */
const WORDS =
  /\b(?:begin|start|commit|end|abort|rollback|prepare|savepoint|release|set|set_config|reset|discard)\b/i;

const NONE: TextEffects = { controls: false, savepoints: [], settings: [] };

/** The most texts that are remembered, and the longest: those of a program repeat, others are built anew. */
const MOST = 500;
const LONGEST = 8_192;
const known = new Map<string, TextEffects>();
/** Remembered texts without an effect: to look for words in a long text costs more than to find it here. */
const without = new Set<string>();

/** Reads what a text does to its transaction and session. Pure. */
export function effectsOf(text: string): TextEffects {
  if (without.has(text)) return NONE;
  const found = known.get(text);
  if (found !== undefined) return found;
  if (!WORDS.test(text)) {
    if (without.size < MOST && text.length <= LONGEST) without.add(text);
    return NONE;
  }
  const statements = statementsOf(text);
  const effects = {
    controls: statements.some(controls),
    savepoints: statements.flatMap((tokens) => savepointIn(tokens) ?? []),
    settings: statements.flatMap(settingsIn),
  };
  if (known.size < MOST && text.length <= LONGEST) known.set(text, effects);
  return effects;
}

const wordAt = (tokens: readonly Token[], at: number): string | undefined =>
  tokens[at]?.kind === 'word' ? tokens[at].text : undefined;

function controls(tokens: readonly Token[]): boolean {
  switch (wordAt(tokens, 0)) {
    case 'begin':
    case 'commit':
    case 'end':
    case 'abort':
      return true;
    case 'start':
    case 'prepare':
      return wordAt(tokens, 1) === 'transaction';
    case 'rollback':
      return savepointIn(tokens) === undefined;
    default:
      return false;
  }
}

function savepointIn(tokens: readonly Token[]): SavepointStatement | undefined {
  const [first] = tokens;
  if (first?.kind !== 'word') return undefined;
  switch (first.text) {
    case 'savepoint':
      return { kind: 'savepoint', name: tokens[1]?.text ?? '' };
    case 'release':
      return { kind: 'release', name: nameAt(tokens, 1) };
    case 'rollback': {
      const second = wordAt(tokens, 1);
      const at = second === 'work' || second === 'transaction' ? 2 : 1;
      return wordAt(tokens, at) === 'to' ? { kind: 'rollback_to', name: nameAt(tokens, at + 1) } : undefined;
    }
    default:
      return undefined;
  }
}

/** The name of a savepoint, before which the word SAVEPOINT may stand. */
function nameAt(tokens: readonly Token[], at: number): string {
  const isNamed = wordAt(tokens, at) === 'savepoint' && tokens.length > at + 1;
  return tokens[isNamed ? at + 1 : at]?.text ?? '';
}

const literal = (text: string): Written => ({ kind: 'literal', text });

function settingsIn(tokens: readonly Token[]): readonly SettingChange[] {
  switch (wordAt(tokens, 0)) {
    case 'set':
      return setIn(tokens);
    case 'reset':
    case 'discard':
      return [{ name: { kind: 'expression' }, local: literal('false') }];
    default:
      return tokens.flatMap(({ text }, at) =>
        text === 'set_config' && tokens[at + 1]?.text === '(' ? configCall(tokens, at + 2) : [],
      );
  }
}

/** Names of SET that are not the setting's own. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  time: 'timezone',
  names: 'client_encoding',
  schema: 'search_path',
  xml: 'xmloption',
  session: 'session_authorization',
};

function setIn(tokens: readonly Token[]): readonly SettingChange[] {
  const scope = wordAt(tokens, 1);
  if (scope === 'constraints' || scope === 'transaction') return [];
  const next = wordAt(tokens, 2);
  const isScoped = scope === 'local' || (scope === 'session' && next !== 'authorization');
  const at = isScoped ? 2 : 1;
  const local = literal(String(scope === 'local'));
  const word = wordAt(tokens, at) ?? '';
  const other = Object.hasOwn(OTHER_NAMES, word) ? OTHER_NAMES[word] : undefined;
  return [{ name: literal(other ?? dottedName(tokens, at)), local }];
}

function dottedName(tokens: readonly Token[], from: number): string {
  let name = tokens[from]?.text ?? '';
  for (let at = from + 1; tokens[at]?.text === '.'; at += 2) name += `.${tokens[at + 1]?.text ?? ''}`;
  return name;
}

/** Reads the arguments of set_config(name, value, is_local). */
function configCall(tokens: readonly Token[], from: number): readonly SettingChange[] {
  const given: Token[][] = [[]];
  for (let at = from, depth = 1; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    if (token.text === '(' || token.text === '[') depth += 1;
    else if (token.text === ')' || token.text === ']') depth -= 1;
    if (depth === 0) break;
    if (depth === 1 && token.kind === 'symbol' && token.text === ',') given.push([]);
    else given.at(-1)?.push(token);
  }
  return [{ name: writtenIn(given[0]), local: writtenIn(given[2]) }];
}

function writtenIn(tokens: readonly Token[] = []): Written {
  const [first, second] = tokens;
  if (first === undefined || (second !== undefined && second.text !== ':')) return { kind: 'expression' };
  if (first.kind === 'parameter') return { kind: 'parameter', number: Number(first.text) };
  return first.kind === 'symbol' ? { kind: 'expression' } : literal(first.text);
}
