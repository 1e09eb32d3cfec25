import { readDrift } from '@convergekit/reconcile/operate';
import { z } from 'zod';
import { notFound } from '../../errors.ts';
import { html, type Html, nothing } from '../../layout/html.ts';
import { actionLink, ago, facts, filterForm, moment, nextPage, withQuery } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import { driftKeySchema, type ReconcilerAnswer, reconcilerSchema } from './answers.ts';
import { keyPart, maskedNote, reconcilerPath, reconcilerState } from './parts.ts';
import { findDeclared, readReconcilers } from './read-drift.ts';
import { hidden, recordLook, stateView } from './state-values.ts';

/** Keys of one page: each is compared now where its reconciler is declared. */
const KEYS = 20;

/** Defines the page of one reconciler: its state, and its divergent keys field by field. */
export function reconcilerView(context: ConsoleContext): void {
  const { view, databases, payloads } = context;
  view({
    path: '/drift/:database/:name',
    summary: 'One reconciler: its state, and its divergent keys with desired, actual and last written',
    input: z.object({
      database: z.string(),
      name: z.string(),
      verdict: z.string().optional(),
      after: z.string().optional(),
    }),
    answer: z.object({
      reconciler: reconcilerSchema,
      declared: z.boolean(),
      masked: z.boolean(),
      keys: z.array(driftKeySchema),
      /** The last key of the page; behind it there are more. */
      next: z.string().nullable(),
    }),
    read: async ({ database, name, verdict, after }, { visitor }) => {
      const { executor } = databases.get(database);
      const reconciler = (await readReconcilers(executor)).find((one) => one.name === name);
      if (reconciler === undefined)
        throw notFound(`database ${database} has no reconciler ${name}: see /drift`);
      const open = await findDeclared(context, database, name);
      const states = stateView(payloads, visitor, { database, reconciler: name });
      await recordLook(executor, states, visitor, { reconciler: name });
      const found = await readDrift(executor, name, { verdict, after, limit: KEYS + 1 }, open);
      const keys = found
        .slice(0, KEYS)
        .map((one) => ({ ...one, database, reconciler: name, fields: hidden(one.fields, states) }));
      return {
        reconciler: { ...reconciler, database },
        declared: open !== undefined,
        masked: states.masked,
        keys,
        next: found.length > KEYS ? (keys.at(-1)?.key ?? null) : null,
      };
    },
    page: ({ reconciler, declared: isDeclared, masked, keys, next }, { now }, { verdict }) => {
      const path = reconcilerPath(reconciler);
      const choose = reconciler.held !== null;
      const list = html`${keys.map((one) => keyPart(one, now, choose))}`;
      const body = html`${summary(reconciler, now)} ${isDeclared ? nothing : undeclaredNote()}
      ${maskedNote(masked)}
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
      ${choose ? approvalForm(reconciler, list) : list}
      ${nextPage(next, (after) => withQuery(path, { verdict, after }))}`;
      return { title: `Drift of ${reconciler.name}`, body };
    },
  });
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
