/** Every reason to wait is made, and looked for on the console's home page, in `converge doctor` and among the alert rules. */
import { type AttentionItem, conditionOf, conditions } from '@convergekit/operate';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { readRules } from '../infra/prometheus/rules.ts';
import { parseOnly } from '../libs/cli/src/fixture/all-commands.ts';
import { cli } from '../libs/cli/src/fixture/cli.ts';
import { type ConsoleUnderTest, startConsole } from '../services/console/src/fixture/console-under-test.ts';
import { loggedAlone, madeWaits } from './waiting-made.ts';

interface Item extends Pick<AttentionItem, 'alarm' | 'severity' | 'text' | 'next'> {
  readonly database: string;
}
interface Finding {
  readonly database?: string;
  readonly check: string;
  readonly verdict: string;
  readonly text: string;
  readonly next?: string;
}
interface Seen {
  readonly items: readonly Item[];
  readonly findings: readonly Finding[];
}

/** No bound of the table has passed, and each has: most are 1 min or 15 min. */
const YOUNG_S = 5;
const OLD_S = 1_000;

const { databaseUrl, brokers } = inject('stack');
let shown: ConsoleUnderTest<'young' | 'old' | 'bare'>;
let seen: Seen;
beforeAll(async () => {
  shown = await startConsole(databaseUrl, ['young', 'old', 'bare'], { KAFKA_BROKERS: brokers });
  const { young, old, bare } = shown.databases;
  // Work has its workers, so that its own reason is shown; each kind of item that no state has is made in the old one.
  for (const { executor } of [young, old])
    await executor.query(`insert into converge.saga_worker (call, holder) select unnest($1::text[]), 'w'`, [
      ['ready', 'refused', 'calling', 'unknown', 'answered', 'cancel', 'deadline', 'expire', 'held'],
    ]);
  for (const { make } of madeWaits) {
    await make(young.executor, YOUNG_S);
    await make(old.executor, OLD_S);
  }
  for (const sql of others) await old.executor.query(sql);
  await bare.executor.query(
    `delete from converge.migration where ctid = (select max(ctid) from converge.migration)`,
  );
  seen = await look();
});
afterAll(() => shown.stop());

const since = `clock_timestamp() - interval '2 hours'`;
const others = [
  `insert into converge.saga_pause (saga, by, reason, paused_at) values ('trip', 'ann', 'audit', ${since})`,
  `insert into converge.reconciler (name, paused_at, paused_by, paused_reason) values ('copy-paused', ${since}, 'ann', 'audit')`,
  `insert into converge.reconciler (name, held_at, held_reason) values ('copy-held', ${since}, 'too many repairs')`,
  `insert into converge.reconciler (name, window_repairs, scheduled_until) values ('copy-burst', 1000, clock_timestamp())`,
  `insert into converge.inbox_consumer (name) values ('paused')`,
  `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset, state, halted_code, halted_reason, halted_at)
   values ('paused', 'shop', 0, 0, 0, 'halted', 'operator_paused', 'paused by ann: audit. It continues by …', ${since})`,
  `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, waits_since, due_at)
   values (gen_random_uuid(), 'orders', 'h', 'nowhere', 'k', 'k', '{}', '{"eventId":"e"}', ${since}, ${since})`,
  `insert into converge.inbox_gap (consumer, topic, partition, source, after_epoch, after_tick, after_id, up_to_epoch, up_to_tick, up_to_id,
                                   record_offset, passed_by)
   values ('orders', 'shop', 10, gen_random_uuid(), 1, 1, 1, 1, 2, 2, 1, 'policy')`,
];

async function look(): Promise<Seen> {
  const { items } = (await shown.get('/api/attention')) as unknown as Seen;
  const { stdout } = await cli(['doctor', '--json'], { ...shown.environment, KAFKA_BROKERS: brokers });
  const { findings } = JSON.parse(stdout) as Seen;
  return { items, findings };
}

const page = readFileSync(new URL('guides/waiting.md', import.meta.url), 'utf8');
const bounded = [...page.matchAll(/^\| `([^`]+)` \| .+ \| (.+) \| .+ \|$/gm)]
  .filter(([, , bound]) => bound !== 'ends')
  .map(([, state = '']) => state);

it('every reason to wait of the guide is made here, but for those that only the log has', () => {
  const made = new Set(madeWaits.flatMap(({ states }) => states));
  expect(bounded.filter((state) => !made.has(state))).toEqual(loggedAlone);
});

// Planted fault: a condition that only one of the two lists has is named here.
it.each(madeWaits.map((one) => [`${one.states[0] ?? ''}, ${one.alarm}`, one] as const))(
  'what waits as %s is on home and in the doctor with its reason after its bound, and not before',
  (_, { alarm, text, atOnce }) => {
    const of = (database: string) =>
      seen.items.filter(
        (item) => item.database === database && item.alarm === alarm && item.text.includes(text),
      );
    expect(of('old')).toHaveLength(1);
    expect(of('young')).toHaveLength(atOnce === true ? 1 : 0);
    const ofDoctor = seen.findings.filter((one) => one.check === `alarm ${alarm}` && one.text.includes(text));
    expect(ofDoctor.map(({ database }) => database).toSorted()).toEqual(
      atOnce === true ? ['old', 'young'] : ['old'],
    );
  },
);

it('S39: what waits for any reason of the guide has an alert rule', () => {
  const covered = new Set(
    readRules().flatMap(({ annotations }) => annotations?.['alarms']?.split(' ') ?? []),
  );
  const without = madeWaits.map(({ alarm }) => alarm).filter((alarm) => !covered.has(alarm));
  expect(without.filter((alarm) => conditionOf(alarm)?.page !== 'log')).toEqual([]);
});

it('the doctor and the home page name the same things in all databases of the settings, with one verdict and one next step', () => {
  const differing = seen.items.filter(
    ({ database, alarm, text, severity, next }) =>
      !seen.findings.some(
        (one) =>
          one.database === database &&
          // A moment is read by each anew.
          withoutAges(one.text).startsWith(withoutAges(text)) &&
          one.verdict === (severity === 'act' ? 'fail' : 'warn') &&
          one.next === next &&
          one.check === `alarm ${alarm}`,
      ),
  );
  expect(differing).toEqual([]);
  const alarms = seen.findings.filter(({ check }) => check.startsWith('alarm '));
  expect(
    alarms.filter(
      ({ database, text }) =>
        !seen.items.some(
          (item) => item.database === database && withoutAges(text).startsWith(withoutAges(item.text)),
        ),
    ),
  ).toEqual([]);
});

/** The commands that only show something: the others change what is looked at here, and are typed in tests of their own. */
const SHOWS = /^converge (?:[a-z]+ (?:list|show|diff|narrative|audit|gaps|history)|doctor|audit)\b/;

// Planted fault: a command that lacks an argument, or that names what its database does not know.
it('what home and the doctor advise is a command that works as typed on its database, or says what to do by hand', async () => {
  const advised = [...seen.items, ...seen.findings.filter(({ verdict }) => verdict !== 'ok')].flatMap(
    ({ database, next }) =>
      next?.startsWith('converge ') ? [{ database, next: next.split('; ')[0] ?? '' }] : [],
  );
  const distinct = [...new Map(advised.map((one) => [`${one.database} ${one.next}`, one])).values()];
  expect(distinct.length).toBeGreaterThan(15);
  const failed: string[] = [];
  for (const { database, next } of distinct) {
    const words = [...next.matchAll(/["']([^"']*)["']|<[^>]*>|(\S+)/g)].map(
      ([all, quoted, bare]) => quoted ?? bare ?? all,
    );
    if (!SHOWS.test(next)) await expect(parseOnly(words.slice(1)), next).resolves.toBeDefined();
    else {
      const { code, stderr } = await cli(words.slice(1), {
        ...shown.environment,
        KAFKA_BROKERS: brokers,
        DATABASE_URL: urlOf(database),
      });
      if (code !== 0) failed.push(`${next}: ${stderr}`);
    }
  }
  expect(failed).toEqual([]);
});
const urlOf = (database: string | undefined): string =>
  shown.environment[`CONVERGE__DATABASES__${(database ?? 'old').toUpperCase()}`] ?? '';

it('the name of each thing that home shows is a condition of the guide', () => {
  expect(seen.items.map(({ alarm }) => alarm).filter((name) => conditionOf(name) === undefined)).toEqual([]);
});

const withoutAges = (text: string): string => text.replaceAll(/for [\d.]+ s/g, 'for a while');

it('a forgotten pause of a saga or of a consumer needs an operator', () => {
  const pauses = seen.items.filter(({ alarm }) => alarm.endsWith('_paused'));
  expect(pauses.map(({ alarm, severity }) => `${alarm} ${severity}`).toSorted()).toEqual([
    'operator_paused act',
    'reconcile_paused watch',
    'saga_paused act',
  ]);
});

/** Another code of a partition's halt is noted and shown as `gap` is, and another reason of a topic as `topic_unknown` is. */
const LIKE_ANOTHER =
  /^(topic_(?!unknown)\w+|partition_stuck|type_ahead|epoch_superseded|position_jump|fork|source_not_listed|too_many_sources|offset_out_of_range|give_up_limit)$/;
/**
 * The conditions that rows do not make at once, with the test that has each: they need a standby, a broker, a lock that is waited
 * for, or a relay over minutes.
 */
const ELSEWHERE: Readonly<Record<string, string>> = {
  lease_lost_repeatedly: 'libs/operate/src/doctor/doctor-checks.test.ts',
  tick_commit_warned: 'libs/operate/src/doctor/doctor-checks.test.ts',
  commits_wait: 'libs/kit/src/service/demoted.int.test.ts',
  retention_held_back: 'libs/operate/src/doctor/doctor-checks.test.ts',
  no_child_ahead: 'libs/operate/src/doctor/doctor-checks.test.ts',
  outbox_filling: 'libs/relay/src/watch/alarms.test.ts',
  outbox_full: 'libs/relay/src/watch/alarms.test.ts',
  event_beyond_sequence: 'libs/relay/src/window/stray-id.int.test.ts',
  events_stalled: 'libs/operate/src/scans/scans.int.test.ts',
  consumer_gone: 'services/console/src/screens/find.int.test.ts',
  partition_hot: 'libs/operate/src/conditions/read-groups.test.ts',
  onfailure_unknown: 'libs/operate/src/conditions/read-groups.test.ts',
  server_is_standby: 'libs/kit/src/service/demoted.int.test.ts',
  locks_held: 'libs/operate/src/doctor/examine-database.int.test.ts',
};

// Planted fault: a new condition is made in no test.
it('every condition that a check finds is made here, or by the test that is named', () => {
  const made = new Set([
    ...seen.items.map(({ alarm }) => alarm),
    // A note has the name of its check.
    ...seen.findings.flatMap(({ text }) =>
      text.startsWith('no process runs copy') ? 'reconcile_unled' : [],
    ),
  ]);
  const found = conditions.filter((one) => typeof one.found !== 'string').map(({ name }) => name);
  const lacking = found.filter((name) => !made.has(name) && !LIKE_ANOTHER.test(name));
  expect(lacking).toEqual(Object.keys(ELSEWHERE));
  for (const [name, file] of Object.entries(ELSEWHERE))
    expect(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'), file).toContain(name);
});
