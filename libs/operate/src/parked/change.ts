import { editParked, replaceParked } from '@convergekit/inbox/operate';
import { lastActs } from '../audit/last-acts.ts';
import { act, type Preview } from '../registry/act.ts';
import { id, type InputOf, json, toggle } from '../registry/fields.ts';
import type { Reads } from '../registry/reads.ts';
import { concernedOf, tables } from './filter.ts';
import { type ParkedDetail, requireParked } from './named.ts';

const concerns = (reads: Reads, { id: one }: { readonly id: string }) => concernedOf(reads, { ids: [one] });

const REPORTED =
  'its failure event was emitted, so other services may have compensated: a new event from the service that owns the fact keeps all in agreement';

/** What each change of one event asks for. */
const change = {
  id: id('as `parked list` shows it'),
  payload: json('the new payload, as JSON'),
  afterCompensation: toggle(
    'also where its failure event was emitted, although other services may have compensated',
  ),
};
type Change = InputOf<typeof change>;

interface Words {
  readonly noun: string;
  readonly effect: (event: ParkedDetail) => string;
  readonly label: string;
  /** Why an event cannot be changed; undefined = it can. */
  readonly ended: (event: ParkedDetail) => string | undefined;
}

/** Previews the change of one event. */
async function previewOf(
  reads: Reads,
  { id: one, payload, afterCompensation }: Change,
  { noun, effect, label, ended }: Words,
): Promise<Preview> {
  const { database, event } = await requireParked(reads, one);
  const over = ended(event);
  const isReported = over === undefined && event.failureEvent !== null && !afterCompensation;
  const why = over ?? (isReported ? REPORTED : undefined);
  return {
    eligible: why === undefined ? 1 : 0,
    unit: `${noun}, ${event.type ?? 'unreadable'} of ${event.key}`,
    others: why === undefined ? [] : [{ count: 1, why }],
    effect: effect(event),
    refusal: isReported ? 'PARKED_REPORTED' : 'PARKED_REFUSED',
    consent: isReported
      ? { field: 'afterCompensation', label: 'Do it although it may be compensated' }
      : undefined,
    notes: await lastActs(database.executor, [one]),
    payload: { label, bytes: event.edited ?? event.payload },
    things: () =>
      Promise.resolve({ rows: [{ id: one, payload, dryRun: true }], lines: [`would be: ${payload}`] }),
  };
}

const EDIT: Words = {
  noun: 'event',
  label: 'Its payload now',
  effect: () =>
    'From now on its handler gets the new payload, and the event is due. It keeps its id, and the bytes as they came stay with it; who changed it, and into what, is in the audit.',
  ended: ({ closed, state }) => {
    if (state === 'replaced') return 'an operator replaced it by another event';
    return closed ?? (state === 'superseded' ? 'its saga undid it' : undefined);
  },
};

export const edit = act({
  name: 'parked.edit',
  title: 'Edit and retry',
  summary: 'replace the payload of an event, and retry it; the original bytes are kept',
  did: 'edited',
  needs: 'administrator',
  tables,
  input: change,
  concerns,
  preview: (reads, input) => previewOf(reads, input, EDIT),
  run: async (reads, { id: one, payload, afterCompensation }, { by, reason }) => {
    const { database } = await requireParked(reads, one);
    const bytes = Buffer.from(payload);
    await editParked(database.database, one, bytes, { by, reason }, { afterCompensation });
    return { text: `${one}: it has the new payload, and is due now`, changed: 1, value: { edited: one } };
  },
});

const REPLACE: Words = {
  noun: 'dead letter',
  label: 'The payload of the dead letter',
  effect: ({ consumer }) =>
    `A new event, with an id of its own and this one as its cause, takes its place in the line of its key. It goes to ${consumer} alone: it is not published, and other consumers keep what they made of the first. The data is checked against the declared contract before anything is written.`,
  ended: ({ state, closed }) =>
    state === 'dead' || state === 'rejected' ? (closed ?? undefined) : 'only a dead letter is replaced',
};

/** `edit` keeps the event's id; this makes a new event, which names the dead letter as its cause. */
export const replace = act({
  name: 'parked.replace',
  title: 'Replace by a new event',
  summary: 'replace a dead letter by a new event with other data, for the handler that failed',
  did: 'replaced',
  needs: 'administrator',
  tables,
  needsEvents: true,
  input: change,
  concerns,
  preview: (reads, input) => previewOf(reads, input, REPLACE),
  run: async (reads, { id: one, payload, afterCompensation }, { by, reason }) => {
    const { database } = await requireParked(reads, one);
    const events = await reads.events();
    const made = await replaceParked(
      database.database,
      one,
      payload,
      { by, reason },
      {
        events,
        afterCompensation,
      },
    );
    return {
      text: `${one}: replaced by event ${made.eventId}, which is due now; \`converge event history ${made.eventId}\` follows it`,
      changed: 1,
      value: { replaced: one, by: made },
    };
  },
});
