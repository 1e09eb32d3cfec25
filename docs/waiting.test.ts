import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { shownBy } from './waiting-shown-by.ts';

const root = new URL('..', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const page = read('docs/guides/waiting.md');

interface Row {
  readonly state: string;
  readonly bound: string;
  readonly then: string;
}
const rows: readonly Row[] = [...page.matchAll(/^\| `([^`]+)` \| (.+) \| (.+) \| (.+) \|$/gm)].map(
  ([, state = '', , bound = '', then = '']) => ({ state, bound, then }),
);
const named = new Set(rows.map(({ state }) => state));

const sources = globSync('libs/*/src/**/*.ts', { cwd: root.pathname }).filter(
  (path) => !path.includes('.test.'),
);
const code = sources.map(read).join('\n');

/** The values that the SQL allows in columns that say how something stands: `table.value`. */
function statesInSql(text: string): readonly string[] {
  const found: string[] = [];
  const plain = text.replaceAll(/--.*$/gm, '');
  const parts = [
    ...plain.matchAll(/(?:create|alter) table (?:if not exists )?converge\.(\w+)([^;]*);/g),
    ...plain.matchAll(/create function converge\.(\w+)_rules\(\)([^]*?)\bthen\b/g),
  ];
  for (const [, table = '', body = ''] of parts)
    for (const [, column = '', values = ''] of body.matchAll(
      /(?:check \(|new\.)(state|waits_for|op) in\s*\(([^)]*)\)/g,
    ))
      for (const [, value = ''] of values.matchAll(/'(\w+)'/g)) {
        found.push(column === 'op' ? `${table} op ${value}` : `${table}.${value}`);
      }
  // A table that was renamed is named as it is today.
  const renamed = [...text.matchAll(/alter table converge\.(\w+) rename to (\w+);/g)];
  return found.map((state) =>
    renamed.reduce((now, [, from = '', to = '']) => now.replace(`${from}.`, `${to}.`), state),
  );
}
const sql = globSync('libs/*/sql/*.sql', { cwd: root.pathname }).map(read).join('\n');

/** The kinds of a union of the relay's topics, which no table has. */
function topicStates(): readonly string[] {
  const [, body = ''] =
    /export type FlowState =([^]*?);\n\n/.exec(read('libs/relay/src/backlog/flow-state.ts')) ?? [];
  const kinds = [...body.matchAll(/readonly kind: ((?:'\w+'(?: \| )?)+)/g)].map(([, list = '']) => list);
  return kinds.flatMap((list) => [...list.matchAll(/'(\w+)'/g)].map(([, kind = '']) => `topic ${kind}`));
}

describe('the table of waiting states', () => {
  // Planted faults: a state that a migration adds, or a row that is taken out, is named here.
  it('G6e: the table of waiting states has a row for every state that the SQL allows', () => {
    const states = statesInSql(sql);
    expect(states.length).toBeGreaterThan(40);
    expect(states.filter((state) => !named.has(state))).toEqual([]);
  });

  it('the table of waiting states has a row for every state of a relayed topic', () => {
    expect(topicStates()).toHaveLength(4);
    expect(topicStates().filter((state) => !named.has(state))).toEqual([]);
  });

  it('the table of waiting states has no row for a state that does not exist', () => {
    const known = new Set([
      ...statesInSql(sql),
      ...topicStates(),
      'partition paused',
      'saga_work op call',
      'reconcile_key in flight',
    ]);
    expect([...named].filter((state) => !known.has(state))).toEqual([]);
  });

  // Planted fault: a bound without a name of an alarm or a reason that the code has.
  it('G6e: the table of waiting states names a bound for each, and an alarm or a reason that the code knows', () => {
    const vague = rows.filter(({ bound, then }) => {
      if (bound === 'ends') return false;
      const words = [...then.matchAll(/`(\w+)`/g)].map(([, word = '']) => word);
      const knows = (word: string): boolean => code.includes(`'${word}'`) || code.includes(`\n  ${word}: {`);
      return !(then === 'stuck' || (words.length > 0 && words.every(knows)));
    });
    expect(vague.map(({ state, then }) => `${state}: ${then}`)).toEqual([]);
  });

  // Planted fault: the row of a join names an alarm that only an observer raises.
  it('the table of waiting states says which alarms need an observer, and names for a join one that needs none', () => {
    const observed = rows.filter(({ then }) => then.includes('`saga_expired`'));
    expect(observed.filter(({ then }) => !then.includes('of an observer'))).toEqual([]);
    expect(observed.filter(({ state }) => state.startsWith('saga_join.'))).toEqual([]);
  });

  it('G6e: every bound of the table of waiting states is shown by a test that exists', () => {
    const shown = new Set(shownBy.flatMap(([, , states]) => states));
    const bounded = rows.filter(({ bound }) => bound !== 'ends').map(({ state }) => state);
    expect(bounded.filter((state) => !shown.has(state))).toEqual([]);
    expect([...shown].filter((state) => !named.has(state))).toEqual([]);
    expect(shownBy.filter(([file, title]) => !read(file).includes(title))).toEqual([]);
  });
});
