/** States of whole databases, as the console's home page and `converge doctor` name them: one sentence for both. */
import type { Executor } from '@convergekit/postgres';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { cli } from '../libs/cli/src/fixture/cli.ts';
import { type ConsoleUnderTest, startConsole } from '../services/console/src/fixture/console-under-test.ts';

interface Item {
  readonly database: string;
  readonly severity: 'act' | 'watch';
  readonly alarm: string;
  readonly text: string;
}
interface Finding {
  readonly database?: string;
  readonly check: string;
  readonly verdict: 'ok' | 'warn' | 'fail' | 'skip';
  readonly text: string;
}

const emitted = (seconds: number): string =>
  `insert into converge.outbox (event_id, topic, key, type, headers, payload, created_at)
   values (gen_random_uuid(), 'states.orders', 'k', 'order.placed', '{}', '{}', clock_timestamp() - interval '${seconds} s')`;
/** A relay that ended: it gave its lease back, or it was killed. */
const led = (end: string): string =>
  `insert into converge.lease (name, holder, term, expires_at) values ('relay', 'relay-1', 1, ${end})`;
const gaveBack = led(`'-infinity'`);
const killed = led(`clock_timestamp() - interval '1 hour'`);
const partitions = (since: string): string =>
  `with c as (insert into converge.inbox_consumer (name) values ('stock') returning name)
   insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset, wait_code, wait_reason, wait_since)
   select c.name, 'states.stock', n, 0, 0, 'breaker_open', 'the bank is down', ${since} from c, generate_series(0, 299) n`;

type State = readonly [
  name: string,
  what: string,
  made: readonly string[],
  home: readonly string[],
  doctor: readonly string[],
];

/** `home`: its items. `doctor`: what it finds beside them; that none may be wrong is what it says of all others. */
const states: readonly State[] = [
  ['fresh', 'in which nothing was ever emitted', [], [], []],
  ['begun', 'in which an event waits for the first relay to start', [emitted(5)], [], ['relay alarms warn']],
  [
    'forgotten',
    'that no relay has led while an event waits',
    [emitted(120)],
    ['relay_gone act', 'events_late watch'],
    [],
  ],
  ['stopped', 'whose service was stopped while nothing waits', [gaveBack], [], ['relay alarms warn']],
  [
    'left',
    'whose service was stopped while an event waits',
    [gaveBack, emitted(120)],
    ['relay_gone act', 'events_late watch'],
    [],
  ],
  [
    'died',
    'whose relay was killed an hour ago, as on a machine that slept',
    [killed],
    ['relay_gone act'],
    [],
  ],
  [
    'wide',
    'of a consumer with 300 partitions that wait',
    [partitions(`clock_timestamp() - interval '5 min'`)],
    ['breaker_open watch'],
    [],
  ],
  [
    'hasty',
    'whose statements end after 100 ms',
    [
      `do $$ begin execute format('alter database %I set statement_timeout = ''100ms''', current_database()); end $$`,
    ],
    [],
    [],
  ],
  [
    'newer',
    'that another team migrated with a newer version',
    [`insert into converge.migration (package, number, name, checksum) values ('inbox', 99, 'later', 'x')`],
    [],
    ['migrations warn'],
  ],
];

let shown: ConsoleUnderTest<string>;
let items: readonly Item[];
let unread: readonly { readonly database: string; readonly reason: string }[];
let findings: readonly Finding[];
const role = `states_${process.pid}`;

beforeAll(async () => {
  const { databaseUrl, brokers } = inject('stack');
  const away = { CONVERGE__DATABASES__AWAY: 'postgres://absent@127.0.0.1:1/away', KAFKA_BROKERS: brokers };
  shown = await startConsole(
    databaseUrl,
    states.map(([name]) => name),
    away,
  );
  const executorOf = (name: string): Executor => shown.databases[name]!.executor;
  for (const [name, , made] of states) for (const sql of made) await executorOf(name).query(sql);
  const bare = new URL(shown.environment['CONVERGE__DATABASES__FRESH'] ?? '');
  [bare.username, bare.password] = [role, 'bare'];
  await executorOf('fresh').query(`create role ${role} login password 'bare'`);
  const withoutRights = { ...away, CONVERGE__DATABASES__BARE: bare.href };
  const other = await startConsole(databaseUrl, [], { ...shown.environment, ...withoutRights });
  ({ items, unread } = (await other.get('/api/attention')) as never);
  await other.stop();
  const { stdout } = await cli(['doctor', '--json'], { ...shown.environment, ...withoutRights });
  ({ findings } = JSON.parse(stdout) as { findings: readonly Finding[] });
});
afterAll(async () => {
  await shown.databases['fresh']?.executor.query(`drop role if exists ${role}`);
  await shown.stop();
});

it.each(states)(
  'a database (%s) %s has the same name on home and in the doctor',
  (name, _what, _made, home, doctor) => {
    expect(
      items.filter(({ database }) => database === name).map(({ alarm, severity }) => `${alarm} ${severity}`),
    ).toEqual(home);
    const own = findings.filter(({ database, verdict }) => database === name && verdict !== 'ok');
    const alarms = own.filter(({ check }) => check.startsWith('alarm '));
    expect(
      alarms.map(({ check, verdict }) => `${check.slice(6)} ${verdict === 'fail' ? 'act' : 'watch'}`),
    ).toEqual(home);
    const others = own.filter(({ check }) => !check.startsWith('alarm '));
    expect(others.map(({ check, verdict }) => `${check} ${verdict}`).toSorted()).toEqual(doctor);
  },
);

it('a database that is away, and one that the login may not read, are named with one sentence, and hide nothing of the others', () => {
  expect(unread).toEqual(
    [
      { database: 'away', reason: expect.stringContaining('127.0.0.1:1') as string },
      { database: 'bare', reason: expect.stringMatching(/lacks a right: .*converge roles/) as string },
    ].toSorted(),
  );
  for (const { database, reason } of unread)
    expect(findings).toContainEqual({ database, check: 'postgres', verdict: 'fail', text: reason });
});
