import { approveRepairs, readDrift, readStatus, type ReconcilerStatus } from '@convergekit/reconcile/operate';
import { z } from 'zod';
import { conflict, notFound } from '../../errors.ts';
import { html, nothing } from '../../layout/html.ts';
import { texts } from '../../routes/input.ts';
import type { Preview } from '../../routes/action-definition.ts';
import type { ConsoleContext } from '../../screen.ts';
import { reconcilerPath } from './parts.ts';

const MINUTE_MS = 60_000;

/** Defines the approval of held repairs: of chosen keys, or of a number of any keys. */
export function approvalAction({ action, databases }: ConsoleContext): void {
  const statusOf = async (database: string, name: string): Promise<ReconcilerStatus> => {
    const [status] = await readStatus(databases.get(database).executor, name);
    if (status === undefined) throw notFound(`database ${database} has no reconciler ${name}: see /drift`);
    return status;
  };
  action({
    path: '/drift/:database/:name/approve',
    title: 'Approve repairs',
    summary: 'Approve held repairs of a reconciler: of the keys named, or up to a number',
    input: z.object({
      database: z.string(),
      name: z.string(),
      /** The keys that may be repaired. @default all that wait with a drift */
      key: texts.optional(),
      /** The cap, without keys. @default all that wait with a drift */
      repairs: z.coerce.number().int().min(1).max(1_000_000).optional(),
      /** The approval ends after this time, in minutes. */
      minutes: z.coerce.number().int().min(1).max(10_080).default(60),
    }),
    concerns: ({ database, name }) => ({ database, reconciler: name }),
    preview: async ({ database, name, key: keys }) => {
      const status = await statusOf(database, name);
      const waiting = await waitingOf(databases.get(database).executor, name, keys);
      return previewOf(status, keys, waiting);
    },
    fields: ({ key: keys }, { eligible }) =>
      html`${
          keys === undefined
            ? html`<label
                >Repairs at most <input name="repairs" type="number" min="1" value="${eligible}" required
              /></label>`
            : nothing
        }<label
          >Minutes until the approval ends <input name="minutes" type="number" min="1" value="60" required
        /></label>`,
    run: async ({ database, name, key, repairs, minutes }, { user, reason, expected }) => {
      const { executor } = databases.get(database);
      const keys = key && [...new Set(key)];
      const cap = keys?.length ?? repairs ?? expected ?? (await statusOf(database, name)).keys.pending;
      const approved = await approveRepairs(executor, {
        reconciler: name,
        repairs: Math.max(1, cap),
        keys,
        by: user,
        reason,
        forMs: minutes * MINUTE_MS,
      });
      if (approved === null)
        throw conflict(
          `no repair of ${name} is held any more: another operator approved them, or the diff is gone`,
        );
      const of = keys === undefined ? '' : ` (${keys.join(', ')})`;
      return {
        text: `${cap} repairs of ${name}${of} may be made until ${approved.until.toISOString()}; then the next one is held again.`,
        changed: cap,
        href: reconcilerPath({ database, name }),
      };
    },
  });
}

/** The chosen keys that wait with a drift; undefined = none were chosen. */
async function waitingOf(
  executor: Parameters<typeof readDrift>[0],
  name: string,
  keys: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  if (keys === undefined) return undefined;
  const found: string[] = [];
  for (const key of new Set(keys))
    if ((await readDrift(executor, name, { key, limit: 1 })).length > 0) found.push(key);
  return found;
}

/** States how far the approval reaches: repairs and held keys before and after it. Pure. */
export function previewOf(
  { name, held, keys, window }: Pick<ReconcilerStatus, 'name' | 'held' | 'keys' | 'window'>,
  chosen: readonly string[] | undefined,
  waiting: readonly string[] | undefined,
): Preview {
  const unit = 'repairs that are held';
  if (held === null) return { eligible: 0, unit, effect: `No repair of ${name} is held.` };
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
