import { readDrift } from '@convergekit/reconcile/operate';
import { z } from 'zod';
import { notFound } from '../../errors.ts';
import { html, type Html, nothing } from '../../layout/html.ts';
import { actionLink, ago, facts, filterForm, moment, nextPage, withQuery } from '../../layout/parts.ts';
import { toJson } from '../../routes/json.ts';
import type { ConsoleContext } from '../../screen.ts';
import { type DriftKeyAnswer, driftKeySchema, type ReconcilerAnswer, reconcilerSchema } from './answers.ts';
import { keyPart, reconcilerPath, reconcilerState } from './parts.ts';
import { findDeclared, readReconcilers } from './read-drift.ts';
import { maskedPart } from '../../routes/look.ts';
import { hidden, named } from './state-values.ts';

/** Keys of one page: each is compared now where its reconciler is declared. */
const KEYS = 20;

const place = {
  database: z.string(),
  name: z.string(),
  verdict: z.string().optional(),
  after: z.string().optional(),
};

/** Defines the page of one reconciler: its state, and its divergent keys field by field. */
export function reconcilerView(context: ConsoleContext): void {
  const { view, payloads } = context;
  view({
    path: '/drift/:database/:name',
    summary: 'One reconciler: its state, and its divergent keys with desired, actual and last written',
    input: z.object(place),
    answer: z.object({
      reconciler: reconcilerSchema,
      declared: z.boolean(),
      keys: z.array(driftKeySchema),
      /** The last key of the page; behind it there are more. */
      next: z.string().nullable(),
    }),
    read: async ({ database, name, ...asked }) => {
      const { reconciler, open, found, next } = await readKeys(context, { database, name }, asked);
      return {
        reconciler,
        declared: open !== undefined,
        keys: found.map((one) => ({
          ...one,
          database,
          reconciler: name,
          fields: hidden(one.fields, payloads),
        })),
        next,
      };
    },
    page: ({ reconciler, declared: isDeclared, keys, next }, { now, visitor }, { verdict, after }) => {
      const path = reconcilerPath(reconciler);
      const of = { database: reconciler.database, reconciler: reconciler.name };
      const values = withQuery(`${path}/values`, { verdict, after });
      const body = html`${summary(reconciler, now)} ${isDeclared ? nothing : undeclaredNote()}
      ${keys.length === 0 ? nothing : maskedPart(visitor, payloads, of, values)}
      ${filterForm(path, [
        {
          name: 'verdict',
          label: 'Verdict',
          value: verdict,
          options: reconciler.verdicts.map((one) => one.verdict),
        },
      ])}
      ${verdict === undefined || keys.length === 0 ? nothing : html`<p>${actionLink(withQuery('/reconcile/retry', { database: reconciler.database, name: reconciler.name, verdict }), 'Compare all that match again')}</p>`}
      ${keys.length === 0 ? html`<p class="empty">No key is divergent, as of the last look at each.</p>` : nothing}
      ${keysPart(reconciler, keys, now)}
      ${nextPage(next, (last) => withQuery(path, { verdict, after: last }))}`;
      return { title: `Drift of ${reconciler.name}`, body };
    },
  });
}

/** Defines the look at the values of the divergent keys of one reconciler. */
export function reconcilerValues(context: ConsoleContext): void {
  const { look, databases } = context;
  look({
    path: '/drift/:database/:name/values',
    summary: 'The divergent keys of one reconciler, or one of them, with their values in full',
    input: z.object({ ...place, key: z.string().optional() }),
    read: async ({ database, name, ...asked }, { now }) => {
      const { reconciler, found } = await readKeys(context, { database, name }, asked);
      const keys = found.map((one) => ({ ...one, database, reconciler: name, fields: named(one.fields) }));
      const { key } = asked;
      return {
        database: databases.get(database),
        of: { reconciler: name },
        record: { act: 'state look', subject: name, before: { key } },
        subject: key === undefined ? name : `${key} of ${name}`,
        payload: toJson(keys.map((one) => ({ key: one.key, fields: one.fields }))),
        body: keysPart(reconciler, keys, now),
      };
    },
  });
}

interface Asked {
  readonly key?: string | undefined;
  readonly verdict?: string | undefined;
  readonly after?: string | undefined;
}

/** Reads a reconciler, and a page of its divergent keys. `next`: the last key, behind which there are more. */
async function readKeys(
  context: ConsoleContext,
  { database, name }: { readonly database: string; readonly name: string },
  asked: Asked,
) {
  const { executor } = context.databases.get(database);
  const reconciler = (await readReconcilers(executor)).find((one) => one.name === name);
  if (reconciler === undefined) throw notFound(`database ${database} has no reconciler ${name}: see /drift`);
  const open = await findDeclared(context, database, name);
  const all = await readDrift(executor, name, { ...asked, limit: KEYS + 1 }, open);
  const found = all.slice(0, KEYS);
  return {
    reconciler: { ...reconciler, database },
    open,
    found,
    next: all.length > KEYS ? (found.at(-1)?.key ?? null) : null,
  };
}

/** The keys with their fields; while repairs are held, with the form to approve those that are chosen. */
function keysPart(reconciler: ReconcilerAnswer, keys: readonly DriftKeyAnswer[], now: number): Html {
  const choose = reconciler.held !== null;
  const list = html`${keys.map((one) => keyPart(one, now, choose))}`;
  return choose ? approvalForm(reconciler, list) : list;
}

function summary(one: ReconcilerAnswer, now: number): Html {
  const { held, approved, pending, window } = one;
  return html`${facts([
      ['State', reconcilerState(one)],
      ['Database', one.database],
      ['Keys that wait with a drift', pending],
      ['Repairs in this window', html`${window.repairs}, since ${ago(window.since, now)}`],
      ['Keys in the last run', window.lastRunKeys],
      ['Last run', moment(one.lastCompletedAt)],
    ])}
    ${held === null ? nothing : html`<p class="note needs">Held since ${ago(held.at, now)}: ${held.reason}</p>`}
    ${
      approved === null
        ? nothing
        : html`<p class="note">
            ${approved.repairs} repairs approved by ${approved.by} are
            left${approved.keys === null ? '' : ` (${approved.keys.join(', ')})`}, until
            ${moment(approved.until)}: ${approved.reason}
          </p>`
    }
    <p><a href="${reconcilerPath(one, '/repairs')}">Repairs and verdicts</a></p>`;
}

function approvalForm({ database, name }: ReconcilerAnswer, list: Html): Html {
  return html`<form method="get" action="/reconcile/approve">
    <input type="hidden" name="database" value="${database}" />
    <input type="hidden" name="name" value="${name}" />
    <p>
      <button type="submit">Approve repairs</button>
      <span class="quiet">of the keys that you choose below; of all keys, if you choose none</span>
    </p>
    ${list}
  </form>`;
}

function undeclaredNote(): Html {
  return html`<p class="note">
    No module in <code>CONVERGE__MODULES</code> declares this reconciler, so its keys are not compared now:
    the fields are those of the last verdict.
  </p>`;
}
