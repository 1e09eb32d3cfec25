import { attributeNames } from '../attributes.ts';
import { age, counter, gauge } from '../instrument-definition.ts';

const { topic, source } = attributeNames;

const event = '{event}';

/** The instruments of outboxes. The relay records those with a source. */
export const outboxInstruments = {
  outboxEmitted: counter(
    'converge.outbox.emitted',
    event,
    [topic],
    'Events written to the outbox, also by transactions that were rolled back',
  ),
  outboxBacklog: gauge(
    'converge.outbox.backlog',
    event,
    [source],
    'Events not published yet, of topics that flow',
  ),
  outboxSize: gauge(
    'converge.outbox.size',
    'By',
    [source],
    'The outbox on disk with its indexes, retained events included',
  ),
  outboxWaiting: gauge(
    'converge.outbox.waiting',
    'By',
    [source],
    'Of that, the share of events not published yet',
  ),
  outboxAppended: counter(
    'converge.outbox.appended',
    event,
    [source],
    'Ids taken for events, also by SQL and by transactions that were rolled back; each relay process counts all: use max by source',
  ),
  outboxGrowth: gauge(
    'converge.outbox.growth',
    'By/s',
    [source],
    'Growth of the bytes that wait, over the last minutes; negative while they become fewer',
  ),
  outboxLimit: gauge(
    'converge.outbox.limit',
    'By',
    [source],
    'outbox.maxBytes: the bytes that may wait; no series without a limit',
  ),
  outboxAge: age(
    'converge.outbox.age',
    [source],
    'Age of the oldest event not published yet, held topics included',
  ),
} as const;
