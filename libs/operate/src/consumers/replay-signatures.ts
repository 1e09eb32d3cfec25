import { loose, nearest } from '@convergekit/config/engine';
import type { SignatureOptions } from '@convergekit/inbox';
import { readSources } from '@convergekit/inbox/operate';
import type { Executor } from '@convergekit/postgres';
import { misconfigured } from '../host/errors.ts';

/**
 * Gives each key the name of a source that the consumer has read; undefined without keys.
 * The environment spells `orders_db` as ORDERS_DB, so spellings are compared. A key of no source would compare nothing,
 * unnoticed: it is refused.
 */
export async function replaySignatures(
  executor: Executor,
  consumer: string,
  { keys, others }: Required<Omit<SignatureOptions, 'failures'>>,
): Promise<SignatureOptions | undefined> {
  if (Object.keys(keys).length === 0) return undefined;
  const names = [...new Set((await readSources(executor, consumer)).values())];
  const named = Object.entries(keys).map(
    ([spelled, texts]) => [nameOf(spelled, names, consumer), texts] as const,
  );
  return { keys: Object.fromEntries(named), others };
}

function nameOf(spelled: string, names: readonly string[], consumer: string): string {
  const same = names.includes(spelled) ? [spelled] : names.filter((name) => loose(name) === loose(spelled));
  const [name] = same;
  if (name !== undefined && same.length === 1) return name;
  const near = nearest(spelled, names);
  const hint = near === undefined ? `it has read ${names.join(', ') || 'none'}` : `did you mean ${near}?`;
  throw misconfigured(
    'SIGNATURE_SOURCE_UNKNOWN',
    name === undefined
      ? `signatures.keys.${spelled} is of no source that ${consumer} has read: ${hint}`
      : `signatures.keys.${spelled} may be of ${same.join(' or ')}: name it exactly, in a settings file`,
  );
}
