import { inboxMigrations } from '@convergekit/inbox';
import { editParked, replaceParked } from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import {
  afterCompensation,
  argument,
  asks,
  dryRun,
  type Flag,
  json,
  needed,
  reason as why,
} from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { reportLastActs } from '../../frame/last-acts.ts';
import { requireParked } from './list.ts';
import { exportsThat } from '@convergekit/operate/host';
import { isEvent } from '@convergekit/operate/declared';

export const editCommand = command({
  name: 'edit',
  summary: 'replace the payload of an event; the original bytes are kept',
  args: { id: argument('as `parked list --events` shows it') },
  flags: {
    payload: needed(json('the new payload')),
    reason: why('why: it is kept with the event'),
    ...dryRun,
    ...asks,
  },
  run: async (context, { id, payload, reason, dryRun: dry }) => {
    const database = await context.database(inboxMigrations);
    await reportLastActs(context, database.executor, [id]);
    context.output.progress(wasText(await requireParked(database.executor, id)));
    if (dry) return result({ id, payload, dryRun: true }, () => [`would be: ${payload}`]);
    await context.confirm(`Replace its payload by ${payload}?`);
    await editParked(database, id, Buffer.from(payload), { by: context.operator, reason });
    context.audit({ id, reason });
    return result({ edited: id }, () => [
      `${id}: edited; \`converge parked retry ${id} --reason "…"\` retries it`,
    ]);
  },
});

/** Without an initial value, so that it must be given. */
const declaring: Flag<readonly string[]> = {
  help: 'modules that export the declaration of the event: the data is checked against it',
  value: 'module',
  many: true,
  required: true,
};

/** `edit` keeps the event's id; this makes a new event, which names the dead letter as its cause. */
export const replaceCommand = command({
  name: 'replace',
  summary: 'replace a dead letter by a new event with other data, for the handler that failed',
  args: { id: argument('of the dead letter, as `parked list --events` shows it') },
  flags: {
    payload: needed(json('the data of the new event')),
    events: declaring,
    afterCompensation: afterCompensation('replaces'),
    reason: why('why: it is kept with the event'),
    ...dryRun,
    ...asks,
  },
  run: async (context, { id, payload, events: modules, afterCompensation: named, reason, dryRun: dry }) => {
    const events = await exportsThat(modules, isEvent, 'no event: export what defineEvent returns');
    const database = await context.database(inboxMigrations);
    await reportLastActs(context, database.executor, [id]);
    const found = await requireParked(database.executor, id);
    context.output.progress(wasText(found));
    if (found.failureEvent !== null && !named)
      context.output.progress(
        `refused without --after-compensation: its failure event ${found.failureEvent} was emitted, and other services may have compensated`,
      );
    if (dry) return result({ id, payload, dryRun: true }, () => [`would be: ${payload}`]);
    await context.confirm(`Replace ${found.type ?? 'it'} of ${found.key} by a new event with ${payload}?`);
    const operator = { by: context.operator, reason };
    const made = await replaceParked(database, id, payload, operator, {
      events,
      afterCompensation: named,
    });
    context.audit({ id, event: made.eventId, reason });
    return result({ replaced: id, by: made }, () => [
      `${id}: replaced by event ${made.eventId}, which is due now; \`converge event history ${made.eventId}\` follows it`,
    ]);
  },
});

type Payload = Buffer | null;

const wasText = ({ edited, payload }: { readonly edited: Payload; readonly payload: Payload }): string =>
  `was: ${(edited ?? payload)?.toString('utf8') ?? 'no payload'}`;
