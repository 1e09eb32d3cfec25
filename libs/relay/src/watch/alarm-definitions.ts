/** A lasting condition that an operator should know. Its name is stable: alert rules and run books refer to it. */
export interface AlarmDefinition {
  /** The condition while the alarm is raised. */
  readonly means: string;
  /** The action for an operator. */
  readonly next: string;
  /** The minimum duration of the condition, in milliseconds: what passes by itself raises no alarm. */
  readonly afterMs: number;
}

/** An alarm that is raised at once, or when its condition has lasted. */
const alarm = (means: string, next: string, afterMs = 0): AlarmDefinition => ({ means, next, afterMs });

/** The alarms of the relay. The conditions that operators see take them from this table. */
export const alarmDefinitions = {
  broker_unreachable: alarm(
    'The broker does not take records. Events stay in the outbox; nothing is lost and no attempt is used up',
    'bring the broker back: the relay continues by itself. After a change of KAFKA_BROKERS, TLS or login, restart the relay: it read them at its start',
    10_000,
  ),
  database_unreachable: alarm(
    'The relay cannot connect to its database: it does not lead and cannot stand by',
    'bring Postgres back, or fix its permissions: the relay tries again by itself. After a change of its password, address or certificate, restart the relay: it read them at its start',
    10_000,
  ),
  relay_cannot_lead: alarm(
    'The relay found something that it may not pass over, or its database refuses what it needs: it does not lead',
    'fix what is named (SQLSTATE 53100: make room on the disk of Postgres; 0A000: it is a standby, so give the address of the primary, or promote it); the relay tries again by itself',
    5_000,
  ),
  leadership_failing: alarm(
    'The relay took the lead four times or more within ten minutes, and an error ended each of them',
    'fix the error named: a full disk, permissions or timeouts of its role; the relay tries again by itself, every few seconds',
  ),
  topic_unknown: alarm(
    'A topic that events go to does not exist. Its events wait, the other topics flow',
    'create it with the `converge topics create` that the alarm names: it catches up by itself, in order. Deleted on purpose: `converge topics forget`',
  ),
  topic_partitions_changed: alarm(
    'A topic has another number of partitions than on record. Keys would move and lose their order, so it waits',
    'restore the number, or accept the new one with the `converge topics accept` that the alarm names',
  ),
  topic_not_authorized: alarm(
    'The broker does not let the relay write to a topic, or read it to compare it with the database',
    'grant READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on the topic to the login of the relay',
  ),
  topic_record_too_large: alarm(
    "An event is larger than its topic's limit, which was lowered after its emit or is below 12 KiB. It is named; nothing is skipped, so its partition waits",
    'raise max.message.bytes of the topic; it catches up by itself, in order',
  ),
  topic_recreated: alarm(
    'A topic was deleted and created again: its log lacks what was acknowledged. Its events wait, the other topics flow',
    'continue behind it with `converge topics accept <topic> --made-again --reason "…"`, or stop the relays and send again by `converge source rebase --reason "…" --yes`',
  ),
  topic_not_compared: alarm(
    'The log of a partition, or of a whole topic, cannot be read, so it is not known to belong to this database. Its events wait, all others flow',
    'bring the leader of the partition named back; the relay compares again by itself, then sends in order',
  ),
  partition_stuck: alarm(
    'A partition takes no records while others are written. Its events wait; the other partitions of its topic flow',
    'look at the leader and the in-sync replicas of the partition named, and where no answer came, at the quotas of the brokers (`producer_byte_rate`, `request_percentage`); it catches up by itself, in order',
  ),
  topic_halted: alarm(
    'A topic waits for another reason, which is named',
    'fix the reason named; the relay rechecks by itself and continues in order',
  ),
  lease_lost_repeatedly: alarm(
    'The lease of the source was lost three times or more within ten minutes: its holder did not release it',
    'look for a relay that is killed, frozen or starved of CPU, and for a database that is slow or restarts; compare holders in the logs',
  ),
  lease_margin_short: alarm(
    'The lease is renewed so late that sending had to stop',
    'look for a slow database or a process starved of CPU; else lengthen relay.leaseMs',
    2_000,
  ),
  clock_skewed: alarm(
    "The database's clock and this host's are more than a second apart. Leases use the database's alone",
    'synchronise both clocks (NTP)',
    30_000,
  ),
  tick_commit_warned: alarm(
    'Postgres warned at the commit of a tick (a standby did not confirm it). Nothing of that tick is sent',
    'bring the synchronous standby back, or change synchronous_standby_names; ticks are made until one is confirmed',
  ),
  commits_wait: alarm(
    'Commits wait for a synchronous standby that does not answer: no lease is taken or renewed, nothing is published',
    'bring the standby back, or take it out of synchronous_standby_names and reload; a wait that is cancelled is committed, and may be lost at a failover',
    5_000,
  ),
  sequence_behind: alarm(
    'A sequence is behind the numbers that it gave: the tables were copied without it, and events get ids of others',
    'stop what writes to this database, and run the `setval` that the alarm names',
  ),
  database_went_back: alarm(
    'The log holds positions that the database does not know: it was restored, failed over or cloned',
    'restore properly, or look with `converge source rebase --dry-run`, then fork a new epoch by `converge source rebase --reason "…" --yes`',
  ),
  database_moved: alarm(
    'This database is a copy of the one in which a relay led last, or in which its tables were made: another cluster, or another database',
    'a copy of a template that had no event: `converge migrate`; any other: stop the database that it was copied from, look with `converge source rebase --dry-run`, then fork a new epoch by `converge source rebase --reason "…" --yes`',
  ),
  log_behind_cursor: alarm(
    "A partition's log ends before the saved cursor: an unclean election, or the topic was recreated",
    'restore the topic, or look with `converge source rebase --dry-run`, then fork a new epoch by `converge source rebase --reason "…" --yes`',
  ),
  record_forged: alarm(
    'A record in the name of this source cannot be its own: its position is out of reach. The relay passes over it',
    'find who else may write to the topic named, and take that right away; nothing is to be repaired at the source',
  ),
  retention_held_back: alarm(
    'An open transaction keeps finished parts of the outbox from being dropped',
    'end the transaction named; publishing continues meanwhile, the table grows',
  ),
  no_child_ahead: alarm(
    'No child of the outbox is ready beyond the newest id: the last one takes every event',
    'look for a transaction that holds a lock on converge.outbox; the relay adds children by itself',
    60_000,
  ),
  events_late: alarm(
    'The oldest event not published is older than a minute (relay.lateAfterMs)',
    'look for another alarm first; without one, compare the rate of events with what the relay publishes',
  ),
  outbox_filling: alarm(
    'The bytes that wait to be published are above four fifths of outbox.maxBytes, or reach it within an hour',
    'look for why nothing is published (another alarm); else make room on the disk and raise outbox.maxBytes',
  ),
  outbox_full: alarm(
    'As many bytes wait as outbox.maxBytes allows. With whenFull: refuse, every emit fails with OUTBOX_FULL',
    'bring publishing back: emits are taken again as events leave; or make room on the disk and raise outbox.maxBytes',
  ),
  event_beyond_sequence: alarm(
    'A row of the outbox has an id that its sequence never gave: it was written by hand, and is not published',
    'write it again with `converge.emit`, delete the row, and take INSERT on the column id from who wrote it',
  ),
  relay_stalled: alarm(
    'A loop of the relay makes no step although there is something to do. /livez fails as well',
    'restart it, where its supervisor does not: nothing is lost, a standby takes over',
  ),
} as const satisfies Record<string, AlarmDefinition>;

export type AlarmName = keyof typeof alarmDefinitions;
