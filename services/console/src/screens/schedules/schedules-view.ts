import { formatMs } from '@convergekit/operate/text';
import { conditionOf } from '@convergekit/reconcile/operate';
import { z } from 'zod';
import { html, type Html, nothing } from '../../layout/html.ts';
import {
  actionLink,
  ago,
  dataTable,
  due,
  filterForm,
  state,
  unreadNote,
  withQuery,
} from '../../layout/parts.ts';
import { driftPath } from '../../links.ts';
import { conditionState } from '../drift/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import { gatherSchedules, loadOf, type ScheduleFilter } from './read-schedules.ts';
import { unreadSchema } from '../../databases.ts';

const scheduleSchema = z.object({
  database: z.string(),
  reconciler: z.string(),
  nextAt: z.date().nullable(),
  previousAt: z.date().nullable(),
  overdueSince: z.date().nullable(),
  paused: z.object({ at: z.date(), by: z.string(), reason: z.string() }).nullable(),
  leader: z.string().nullable(),
  requestedBy: z.string().nullable(),
  last: z
    .object({
      id: z.string(),
      state: z.string(),
      startedAt: z.string(),
      endedAt: z.string().nullable(),
      durationMs: z.number(),
    })
    .nullable(),
  missed: z.number(),
  overrun: z.number(),
});

type Schedule = z.output<typeof scheduleSchema>;

/** Defines the list of schedules, with actions on all that match the filter. */
export function schedulesView({ view, databases }: ConsoleContext): void {
  view({
    path: '/schedules',
    summary: 'The schedules of reconcilers: next and last run, missed starts, overruns',
    input: z.object({ database: z.string().optional(), name: z.string().optional() }),
    answer: z.object({
      schedules: z.array(scheduleSchema),
      unread: unreadSchema,
    }),
    read: async (filter) => {
      const { rows, unread } = await gatherSchedules(databases, filter);
      return { schedules: rows, unread };
    },
    page: ({ schedules, unread }, { now }, filter) => ({
      title: 'Schedules',
      body: html`${filterForm('/schedules', [
        { name: 'name', label: 'Name contains', value: filter.name },
        { name: 'database', label: 'Database', value: filter.database, options: databases.names },
      ])}
      ${unreadNote(unread)} ${actions(filter, schedules.length)} ${table(schedules, now)}`,
    }),
  });
}

function actions(filter: ScheduleFilter, matching: number): Html {
  if (matching === 0) return nothing;
  const of = `all ${matching} that match`;
  const { database, name } = filter;
  const query = { database, ...(name === undefined ? { all: 'yes' } : { matching: name }) };
  return html`<p>
    ${actionLink(withQuery('/reconcile/pause', query), `Pause ${of}`)}
    ${actionLink(withQuery('/reconcile/resume', query), `Resume ${of}`)}
    ${actionLink(withQuery('/reconcile/run', query), `Run ${of} now`)}
  </p>`;
}

function table(rows: readonly Schedule[], now: number): Html {
  return dataTable({
    caption: 'Schedules, as the process that leads each has recorded them',
    rows,
    empty: 'No reconciler matches.',
    href: ({ database, reconciler }) => driftPath(database, reconciler),
    columns: [
      { title: 'Reconciler', cell: ({ reconciler }) => reconciler },
      { title: 'State', kind: 'wide', cell: stateOf },
      { title: 'Act', kind: 'acts', cell: rowActions },
      { title: 'Next', cell: ({ nextAt, paused }) => (paused === null ? due(nextAt, now) : null) },
      { title: 'Last', cell: ({ last }) => (last === null ? null : ago(new Date(last.startedAt), now)) },
      {
        title: 'Took',
        kind: 'number',
        cell: ({ last }) => (last === null ? null : formatMs(last.durationMs)),
      },
      { title: 'Of the interval', cell: loadBar },
      { title: 'Missed', kind: 'number', cell: ({ missed }) => missed },
      { title: 'Overrun', kind: 'number', cell: ({ overrun }) => overrun },
      { title: 'Database', cell: ({ database }) => database },
    ],
  });
}

function stateOf(schedule: Schedule): Html {
  const { last, nextAt, requestedBy } = schedule;
  const condition = conditionOf(schedule);
  if (condition.is !== 'running') return conditionState(condition);
  if (last?.state === 'running') return state('waits', 'a run is on');
  if (requestedBy !== null) return state('waits', condition.text);
  return nextAt === null ? state('ok', 'when reported') : state('ok', 'waits for its start');
}

const BAR = { width: 72, height: 10 } as const;

/** A bar of the newest run against the time between two starts: full = it ends when the next one is due. */
function loadBar(schedule: Schedule): Html | null {
  const load = loadOf(schedule);
  if (load === null) return null;
  const text = `${Number((load * 100).toFixed(1))} %`;
  const over = load > 1;
  return html`<svg
      class="${over ? 'bar over' : 'bar'}"
      width="${BAR.width}"
      height="${BAR.height}"
      role="img"
      aria-label="${`${text} of the interval${over ? ', overrun' : ''}`}"
    >
      <rect class="frame" width="${BAR.width}" height="${BAR.height}"></rect>
      <rect class="fill" width="${Math.round(Math.min(1, load) * BAR.width)}" height="${BAR.height}"></rect>
    </svg>
    ${over ? state('needs', text) : text}`;
}

function rowActions({ database, reconciler, paused }: Schedule): Html {
  const only = { database, names: reconciler };
  if (paused !== null)
    return html`<a href="${withQuery('/reconcile/resume', only)}" aria-label="${`Resume ${reconciler}`}"
      >Resume</a
    >`;
  return html`<a href="${withQuery('/reconcile/run', only)}" aria-label="${`Run now: ${reconciler}`}"
      >Run now</a
    >
    <a href="${withQuery('/reconcile/pause', only)}" aria-label="${`Pause ${reconciler}`}">Pause</a>`;
}
