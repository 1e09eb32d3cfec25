import { attributeNames } from '../attributes.ts';
import { age, counter, duration, gauge, histogram, recovery } from '../instrument-definition.ts';

const { consumer, topic, reason, parkedState, recoveryScope } = attributeNames;

const event = '{event}';

/** The instruments of consumers. */
export const inboxInstruments = {
  inboxHandled: counter(
    'converge.inbox.handled',
    event,
    [consumer, topic],
    'Events whose handler committed or was settled',
  ),
  inboxDuplicates: counter(
    'converge.inbox.duplicates',
    event,
    [consumer, topic],
    'Events dropped because the watermark had passed them',
  ),
  inboxGaps: counter(
    'converge.inbox.gaps',
    '{gap}',
    [consumer, topic],
    'Events whose predecessor was never seen',
  ),
  inboxSuperseded: counter(
    'converge.inbox.superseded',
    event,
    [consumer, topic],
    'New positions of an epoch that has ended: the old primary is still running',
  ),
  inboxContradictions: counter(
    'converge.inbox.contradictions',
    event,
    [consumer, topic, reason],
    'Records whose position their source cannot have, or that exclude one that was handled: forged, or two databases as one source',
  ),
  inboxSourceConflicts: counter(
    'converge.inbox.source_conflicts',
    '{source}',
    [consumer],
    'Sources that sent failure events of another source’s consumer',
  ),
  inboxForeignReused: counter(
    'converge.inbox.foreign_ids_reused',
    event,
    [consumer, topic],
    'Events of foreign producers under an id that had another body before',
  ),
  inboxUnreadableDropped: counter(
    'converge.inbox.unreadable_dropped',
    event,
    [consumer, topic],
    'Unreadable records beyond the cap, closed without their bytes',
  ),
  inboxLag: gauge(
    'converge.inbox.lag',
    event,
    [consumer, topic],
    'Records between the position and the end of the log',
  ),
  inboxOldest: age(
    'converge.inbox.oldest_age',
    [consumer, topic],
    'Age of the oldest record that is not handled and not parked',
  ),
  inboxSliceSize: histogram('converge.inbox.slice.size', event, [consumer, topic], 'Events of one slice'),
  inboxSliceDuration: duration(
    'converge.inbox.slice.duration',
    [consumer, topic],
    'One slice, from its first statement to its commit',
  ),
  inboxPaused: gauge(
    'converge.inbox.paused',
    '{partition}',
    [consumer, topic, reason],
    'Partitions that wait by themselves, by reason',
  ),
  inboxHalted: gauge(
    'converge.inbox.halted',
    '{partition}',
    [consumer, topic, reason],
    'Partitions that wait for an operator, by reason',
  ),
  inboxPauses: counter(
    'converge.inbox.pauses',
    '{pause}',
    [consumer, topic, reason],
    'Pauses of a partition that waits by itself, by reason',
  ),
  inboxParkedKeys: gauge('converge.inbox.parked_keys', '{key}', [consumer], 'Keys that wait, in order'),
  inboxParked: gauge(
    'converge.inbox.parked',
    event,
    [consumer, parkedState],
    'Events that wait, and dead letters, whether they hold their key or not, by state',
  ),
  inboxParkedAge: age('converge.inbox.parked_age', [consumer], 'Age of the oldest parked event'),
  inboxRecovery: recovery(
    'converge.inbox.recovery',
    [consumer, topic, recoveryScope],
    'From the first failure to the success after it: of an event retried in place (event), of a key from its parking to its release (key), of a partition that paused or lost its database (partition)',
  ),
} as const;
