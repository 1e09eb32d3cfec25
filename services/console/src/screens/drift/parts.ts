import { type Condition, conditionOf } from '@convergekit/reconcile/operate';
import { html, type Html, nothing } from '../../layout/html.ts';
import { driftPath } from '../../links.ts';
import { ago, dataTable, due, moment, state, type StateKind, withQuery } from '../../layout/parts.ts';
import type { DriftKeyAnswer, ReconcilerAnswer } from './answers.ts';

/** The address of a reconciler's page, or of a page below it. */
export function reconcilerPath(
  { database, name }: { readonly database: string; readonly name: string },
  below = '',
): string {
  return `${driftPath(database, name)}${below}`;
}

const KINDS: Readonly<Partial<Record<string, StateKind>>> = {
  pending: 'waits',
  failed: 'waits',
  observed: 'off',
  in_sync: 'ok',
  changed: 'waits',
  stale: 'waits',
};

/** A verdict as a state. A verdict without an entry needs an operator. */
export function verdictState(verdict: string): Html {
  return state(KINDS[verdict] ?? 'needs', verdict.replace('_', ' '));
}

/** The state of a condition. */
export function conditionState({ is, text }: Condition): Html {
  return state(is === 'paused' ? 'off' : is === 'running' ? 'ok' : 'needs', text);
}

/** The state of a reconciler in a few words. */
export function reconcilerState(reconciler: ReconcilerAnswer): Html {
  const condition = conditionOf(reconciler);
  if (condition.is !== 'running') return conditionState(condition);
  const left = reconciler.verdicts.reduce(
    (sum, { verdict, keys }) => sum + (KINDS[verdict] === undefined ? keys : 0),
    0,
  );
  return left === 0
    ? state('ok', 'runs')
    : state('needs', `${left} ${left === 1 ? 'key needs' : 'keys need'} you`);
}

/** A divergent key: its verdict, how old both are, and its fields side by side. With `choose`, a box to choose it. */
export function keyPart(row: DriftKeyAnswer, now: number, choose: boolean): Html {
  const { key, verdict, reason, since, lookedAt, nextAt, compared } = row;
  const href = withQuery('/drift/key', { key });
  const title = html`<a data-row href="${href}">${key}</a> ${verdictState(verdict)}`;
  return html`<section class="key" aria-label="${`Key ${key} of ${row.reconciler}`}">
    <h2>
      ${
        choose
          ? html`<input
              type="checkbox"
              name="key"
              value="${key}"
              aria-label="${`Choose the repair of ${key}`}"
            />`
          : nothing
      }
      ${title}
    </h2>
    <p class="quiet">
      divergent since ${ago(since, now)}; last look ${ago(lookedAt, now)};
      ${nextAt === null ? 'not looked at again by itself' : html`next look ${due(nextAt, now)}`}
      ${reason === null ? nothing : html`<br />${reason}`}
    </p>
    <p>
      <a
        href="${withQuery('/reconcile/retry', { database: row.database, name: row.reconciler, keys: key })}"
        aria-label="${`Compare again: ${key}`}"
        >Compare again</a
      >
    </p>
    ${comparedNote(compared)} ${fieldTable(row)}
  </section>`;
}

function comparedNote(compared: DriftKeyAnswer['compared']): Html {
  switch (compared.kind) {
    case 'now':
      return html`<p>Compared now: ${verdictState(compared.verdict)} ${compared.reason ?? ''}</p>`;
    case 'recorded':
      return html`<p>As recorded at ${moment(compared.at)}, when the verdict was made; not compared now.</p>`;
    case 'never':
      return html`<p class="empty">No verdict has recorded the states of this key yet.</p>`;
  }
}

function fieldTable({ key, reconciler, fields }: DriftKeyAnswer): Html {
  return dataTable({
    caption: `Fields of ${key} in ${reconciler}`,
    rows: fields,
    columns: [
      { title: 'Field', cell: ({ field }) => field },
      { title: 'Desired', kind: 'code', cell: ({ desired }) => valueText(desired) },
      { title: 'Actual', kind: 'code', cell: ({ actual }) => valueText(actual) },
      { title: 'Last written', kind: 'code', cell: ({ lastWritten }) => valueText(lastWritten) },
      { title: 'Note', cell: ({ marks }) => marksPart(marks) },
    ],
  });
}

function marksPart(marks: readonly string[]): Html {
  const others = marks.filter((mark) => mark !== 'differs').join(', ');
  return html`${marks.includes('differs') ? state('needs', 'differs') : nothing} ${others}`;
}

/** A value of a side as compact JSON; a dash where the side has no such field. */
export function valueText(value: unknown): string {
  return value === undefined ? '–' : JSON.stringify(value);
}
