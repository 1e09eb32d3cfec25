import { type Narrative, readNarrative, renderNarrative } from '@convergekit/operate';
import { hasTables } from '@convergekit/postgres/engine';
import { INSTANCE_STATES, readPauses } from '@convergekit/saga/operate';
import { z } from 'zod';
import { GIVE_MORE } from '../../databases.ts';
import { notFound } from '../../errors.ts';
import { html, type Html, nothing } from '../../layout/html.ts';
import { actionLink, dataTable, facts, moment, state } from '../../layout/parts.ts';
import { hideErrors } from '../../payload.ts';
import { shortIds } from '../../layout/short-ids.ts';
import { eventPath } from '../../links.ts';
import type { ConsoleContext } from '../../screen.ts';
import { sagaActPath } from './acts.ts';
import { lanesOf, lanesSchema } from './lanes.ts';
import { lanesSvg } from './lanes-svg.ts';
import { stateOf, STEP_STATES, stepState } from './state.ts';

const answerSchema = z.object({
  instance: z.string(),
  saga: z.string(),
  version: z.number(),
  key: z.string(),
  state: z.enum(INSTANCE_STATES).optional(),
  reason: z.string().optional(),
  steps: z.array(
    z.object({
      step: z.string(),
      consumer: z.string(),
      database: z.string(),
      state: z.enum(STEP_STATES),
      why: z.string(),
      stuckSince: z.string().nullable(),
      /** An operator can have it retried now, or state its outcome. */
      waits: z.boolean(),
    }),
  ),
  lanes: lanesSchema,
  narrative: z.array(z.string()),
  /** Where the instance, or its whole saga, is paused. */
  paused: z.array(
    z.object({ database: z.string(), whole: z.boolean(), at: z.date(), by: z.string(), reason: z.string() }),
  ),
});
type Answer = z.output<typeof answerSchema>;

const TABLES = [
  'converge.saga_fence',
  'converge.call_quota',
  'converge.outbox',
  'converge.inbox_attempt',
  'converge.relay_topic',
] as const;

/** Defines the page of one saga. */
export function sagaPage({ view, databases, payloads }: ConsoleContext): void {
  view({
    path: '/sagas/:instance',
    summary: 'One saga: its steps, its swim lanes and its narrative',
    input: z.object({ instance: z.string() }),
    answer: answerSchema,
    read: async ({ instance }, { visitor }) => {
      const present = await Promise.all(databases.all.map(({ executor }) => hasTables(executor, ...TABLES)));
      const named = databases.all.filter((_, index) => present[index]);
      const narrative = hideErrors(await readNarrative(named, instance), payloads, visitor);
      if (narrative.entries.length === 0)
        throw notFound(
          `no database of the console knows the saga ${instance}: its id is that of the event that started it`,
        );
      return { ...answerOf(narrative), paused: await pausesOf(narrative.saga, instance) };
    },
    page: (answer, { now }) => ({ title: `${answer.saga} ${answer.key}`, body: pageOf(answer, now) }),
  });

  async function pausesOf(saga: string | undefined, instance: string): Promise<Answer['paused']> {
    const of = { saga: saga ?? '', instance };
    const { rows } = await databases.gather((executor) => readPauses(executor, { of, limit: 2 }));
    return rows.map(({ database, instance: one, at, by, reason }) => ({
      database,
      whole: one === null,
      at,
      by,
      reason,
    }));
  }
}

function answerOf(narrative: Narrative): Omit<z.input<typeof answerSchema>, 'paused'> {
  const { saga = 'unknown', version = 1, instance, key = '', state: is, reason, steps, entries } = narrative;
  const decisions = entries.filter((entry) => entry.kind === 'decision');
  const databaseOf = new Map(decisions.map(({ step, database }) => [step, database]));
  const open = new Set(
    entries.flatMap((entry) =>
      entry.kind === 'work' &&
      !['done', 'failed'].includes(entry.state) &&
      ['apply', 'compensate', 'resolve'].includes(entry.op)
        ? [entry.step]
        : [],
    ),
  );
  return {
    instance,
    saga,
    version,
    key,
    state: is,
    reason,
    steps: steps.map(({ step, consumer, state: word, reason: why, reasonCode, stuckSince }) => ({
      step,
      consumer,
      database: databaseOf.get(step) ?? '',
      state: word,
      why: why ?? reasonCode ?? '',
      stuckSince,
      waits: word === 'stuck' || stuckSince !== null || open.has(step),
    })),
    lanes: lanesOf(narrative),
    narrative: [...renderNarrative(narrative, GIVE_MORE)],
  };
}

function pageOf(answer: Answer, now: number): Html {
  const { saga, version, instance, key, state: is, reason, lanes, narrative, steps, paused } = answer;
  const isOpen = steps.some(({ waits }) => waits);
  const path = sagaActPath('pause', { saga, instance });
  return html`${facts([
      ['State', is === undefined ? 'no observer has seen it' : stateOf(is)],
      ['Saga', html`<a href="/sagas/graph?saga=${encodeURIComponent(saga)}">${saga} v${version}</a>`],
      ['Key', html`<a href="/sagas?key=${encodeURIComponent(key)}">${key}</a>`],
      ['Id', html`<a href="${eventPath(instance)}">${shortIds(instance)}</a>`],
    ])}
    ${reason === undefined ? nothing : html`<p class="note">${reason}</p>`} ${stepsTable(answer)}
    ${paused.map((one) => pauseNote(one, answer))}
    ${isOpen && paused.length === 0 ? html`<p>${actionLink(path, 'Pause this saga')}</p>` : nothing}
    <h2>Swim lanes</h2>
    <p class="quiet">
      Full bars go forward, hatched ones wait, outlined ones undo; × failed, ● an operator acted, ▲ needs
      care, a dashed arrow leads from a cause to its compensation. Long gaps are shortened; the labels are
      true.
    </p>
    ${lanesSvg(lanes, now)}
    <h2>Narrative</h2>
    <pre class="narrative" tabindex="0">${narrative.join('\n')}</pre>`;
}

function pauseNote(
  { database, whole, at, by, reason }: Answer['paused'][number],
  { saga, instance }: Answer,
): Html {
  const path = sagaActPath('resume', { saga, instance: whole ? undefined : instance });
  return html`<p class="note">
    ${state('waits', whole ? 'the whole saga is paused' : 'paused')} in ${database} by ${by} since
    ${moment(at)}: ${reason} ${actionLink(path, 'Resume it')}
  </p>`;
}

function stepsTable({ steps, instance }: Answer): Html {
  const at = ({ database, step }: Answer['steps'][number]) => ({ database, instance, step });
  return dataTable({
    caption: 'Steps, in the order in which they began',
    rows: steps,
    empty: 'No step has begun.',
    columns: [
      { title: 'Step', cell: ({ step }) => step },
      { title: 'Service', cell: ({ consumer }) => consumer },
      { title: 'State', cell: ({ state: word, stuckSince }) => stepState({ state: word, stuckSince }) },
      {
        title: 'Needs you since',
        cell: ({ stuckSince }) => (stuckSince === null ? null : moment(new Date(stuckSince))),
      },
      { title: 'Why', kind: 'wide', cell: ({ why }) => why },
      {
        title: 'Act',
        kind: 'acts',
        cell: (step) =>
          step.waits
            ? html`${actionLink(sagaActPath('resolve', at(step)), `Resolve ${step.step}`)}
              ${actionLink(sagaActPath('retry', at(step)), `Retry ${step.step} now`)}`
            : '',
      },
    ],
  });
}
