import type { Differences, KeyDiff } from '@convergekit/reconcile/operate';
import { tableOf } from '../../frame/result.ts';

/** The lines of one key: its verdict, then a table of its fields. */
export function keyLines({ key, verdict, mode, reason, drift, fields, waiting }: KeyDiff): readonly string[] {
  // Reasons of verdicts that are no drift begin with the verdict.
  const head = verdict === 'in_sync' || verdict === 'divergent' ? [verdict.replace('_', ' ')] : [];
  if (mode !== null) head.push(`mode ${mode}`);
  if (reason !== null) head.push(reason);
  const table = tableOf(fields, '', {
    field: ({ field }) => field ?? '(value)',
    desired: (one) => valueText(one.desired),
    actual: (one) => valueText(one.actual),
    'last written': (one) => valueText(one.lastWritten),
    '': ({ marks }) => marks.join(', '),
  });
  return [
    `${key}: ${head.join('; ')}`,
    ...(fields.length === 0 ? [] : table.map((line) => `  ${line.trimEnd()}`)),
    ...(drift === null ? [] : [`  drift: ${JSON.stringify(drift)}`]),
    ...(waiting === null ? [] : [`  ${waitingText(waiting)}`]),
  ];
}

/** The lines of all keys, with a last line that counts them. */
export function differenceLines({ looked, more, unknown, keys }: Differences): readonly string[] {
  const differ = keys.filter(({ verdict }) => verdict !== 'in_sync').length;
  const sum = `${looked} ${looked === 1 ? 'key' : 'keys'} compared, ${differ} not in sync${more ? '; there may be more: raise --limit' : ''}`;
  return [...keys.flatMap(keyLines), ...unknown.map((why) => `unknown: ${why}`), sum];
}

export function waitingText({ state, reason, nextAt }: NonNullable<KeyDiff['waiting']>): string {
  const why = reason ?? 'not looked at yet';
  if (nextAt === null) return `${state}: ${why}; an operator must act`;
  return `${state}: ${why}; looked at again at ${nextAt.toISOString()}`;
}

/** A value of a side as compact JSON; `-` where the side has no such field. */
function valueText(value: unknown): string {
  return value === undefined ? '-' : JSON.stringify(value);
}
