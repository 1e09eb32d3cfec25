import { nearest } from '@convergekit/config/engine';
import { policyName } from '@convergekit/inbox/engine';
import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { refused } from '../host/errors.ts';

/** A handler of a consumer, or a name as it is: of a consumer or of a call. */
interface Used {
  readonly name: string;
  readonly handler: string | null;
}

// What has policies in this database: handlers, consumers and calls. The tables of a package that the database lacks are left out.
const PARTS = {
  'converge.inbox_consumer': `
    select 'consumer.' || name as name, null as handler from converge.inbox_consumer
    union select c.name, h.handler
      from converge.inbox_consumer c, jsonb_each(c.types) as t (topic, own), jsonb_each_text(t.own) as h (type, handler)`,
  'converge.saga_worker': 'select call as name, null as handler from converge.saga_worker',
} as const;

async function usedNames(executor: Executor): Promise<readonly string[]> {
  const names: string[] = [];
  for (const [table, sql] of Object.entries(PARTS)) {
    if (!(await hasTables(executor, table))) continue;
    const used = (await executor.query<Used>(sql)).rows;
    names.push(...used.map(({ name, handler }) => (handler === null ? name : policyName(name, handler))));
  }
  return names;
}

/** Adds the names above each: a rule of `bank` holds for `bank.charge`. Pure. */
function withParents(names: readonly string[]): ReadonlySet<string> {
  const all = names.flatMap((name) => {
    const parts = name.split('.');
    return parts.map((_, at) => parts.slice(0, at + 1).join('.'));
  });
  return new Set(['default', ...all]);
}

/** Refuses the name of a policy that no rule, consumer or call of this database has: it would change nothing. */
export async function requireKnownName(
  executor: Executor,
  name: string,
  ruled: readonly string[],
): Promise<void> {
  const known = withParents([...(await usedNames(executor)), ...ruled]);
  if (known.has(name)) return;
  const near = nearest(name, [...known]);
  const meant = near === undefined ? '.' : `; did you mean ${near}?`;
  throw refused(
    'POLICY_NAME_UNKNOWN',
    `nothing was changed: no consumer, call or rule that is known here has the name ${name}${meant} For an operation that code calls itself, repeat it with --unlisted`,
  );
}
