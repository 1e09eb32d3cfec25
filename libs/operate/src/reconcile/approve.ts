import { approveRepairs, readDrift, type ReconcilerStatus } from '@convergekit/reconcile/operate';
import { lastActs } from '../audit/last-acts.ts';
import { refused, UsageError } from '../host/errors.ts';
import { act, type Preview } from '../registry/act.ts';
import { asked, name as nameOf, span, texts, whole } from '../registry/fields.ts';
import { formatMs } from '../text.ts';
import { type Chosen, concernedOf, requireReconciler, tables } from './chosen.ts';

const HOUR_MS = 3_600_000;

/** Approves held repairs: of the keys named, or up to a number. After it the next repair is held again. */
export const approve = act({
  name: 'reconcile.approve',
  title: 'Approve repairs',
  summary: 'approve repairs that are held because too many are due, up to a number and a time',
  did: 'approved',
  tables,
  // The cap and the reason are the confirmation.
  asks: () => false,
  input: {
    name: nameOf('a reconciler, as `reconcile list` names it'),
    repairs: asked(whole('repairs', 'the cap: the next one is held again')),
    key: texts('key', 'approve the repair of this key, and of no other that is not named'),
    for: asked(span('the approval ends after this time', '1h')),
  },
  concerns: (reads, { name }) => concernedOf(reads, { names: [name] }),
  preview: async (reads, { name, key, repairs }) => {
    const { status, database } = await requireReconciler(reads, name);
    const keys = chosenOf(key);
    const waiting = keys && (await waitingOf(database, name, keys));
    const preview = approvalOf(name, status, keys, waiting);
    return {
      ...preview,
      suggested: { repairs: repairs ?? preview.eligible },
      refusal: 'NOTHING_HELD',
      notes: await lastActs(database.executor, [name], 'reconciler'),
      things: () => Promise.resolve({ rows: [{ name, ...preview }], lines: [preview.effect] }),
    };
  },
  run: async (reads, { name, repairs, key, for: forMs = HOUR_MS }, { by, reason }) => {
    const keys = chosenOf(key);
    const cap = keys?.length ?? repairs;
    if (cap === undefined)
      throw new UsageError(
        'APPROVAL_WITHOUT_CAP',
        `nothing was changed: give --repairs <repairs>, or the keys as --key <key>; \`converge reconcile diff ${name}\` shows them`,
      );
    const { database } = await requireReconciler(reads, name);
    const approval = { reconciler: name, repairs: repairs ?? cap, keys, forMs, by, reason };
    const approved = await approveRepairs(database.executor, approval);
    if (approved === null)
      throw refused(
        'NOTHING_HELD',
        `nothing was changed: no repair of ${name} is held. \`converge reconcile diff ${name}\` shows what differs`,
      );
    const of = keys === undefined ? '' : ` (${keys.join(', ')})`;
    return {
      text: `${name}: ${approval.repairs} repairs${of} approved for ${formatMs(forMs)}, until ${approved.until.toISOString()}, by ${by}: ${reason}`,
      changed: approval.repairs,
      lines: [`held was: ${approved.held}`],
      value: { reconciler: name, repairs: approval.repairs, keys, by, reason, ...approved },
    };
  },
});

const chosenOf = (key: readonly string[]): readonly string[] | undefined =>
  key.length === 0 ? undefined : [...new Set(key)];

/** The chosen keys that wait with a drift. */
async function waitingOf(
  { executor }: Chosen['database'],
  name: string,
  keys: readonly string[],
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const key of keys)
    if ((await readDrift(executor, name, { key, limit: 1 })).length > 0) found.push(key);
  return found;
}

/** States how far the approval reaches: repairs and held keys before and after it. Pure. */
export function approvalOf(
  name: string,
  status: Pick<ReconcilerStatus, 'held' | 'keys' | 'window'> | undefined,
  chosen: readonly string[] | undefined,
  waiting: readonly string[] | undefined,
): Pick<Preview, 'eligible' | 'unit' | 'others' | 'effect'> {
  const unit = 'repairs that are held';
  if (status === undefined || status.held === null)
    return { eligible: 0, unit, others: [], effect: `No repair of ${name} is held.` };
  const { held, keys, window } = status;
  const { pending } = keys;
  const eligible = waiting === undefined ? pending : waiting.length;
  const gone = (chosen?.length ?? 0) - (waiting?.length ?? 0);
  const share =
    window.lastRunKeys === 0
      ? ''
      : ` (${percent(eligible / window.lastRunKeys)} of the ${window.lastRunKeys} keys of the last run)`;
  const rest = pending - eligible;
  return {
    eligible,
    unit,
    others: [
      {
        count: rest,
        why: 'not chosen: they stay held, and the next repair after the chosen ones is held again',
      },
      { count: gone, why: 'chosen, and not divergent any more' },
    ],
    effect:
      `Now: 0 repairs allowed, ${pending} keys held, after ${window.repairs} repairs in this window; ${held.reason}. ` +
      `After the approval: ${eligible} repairs allowed${share}, ${rest} keys held${waiting === undefined ? '' : `; only ${waiting.join(', ')}`}.`,
  };
}

const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;
