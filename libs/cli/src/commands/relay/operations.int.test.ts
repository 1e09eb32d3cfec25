import { randomBytes } from 'node:crypto';
import { waitUntil } from '@convergekit/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cli, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { healthOf, proxiedOutbox, type ProxiedOutbox, ready } from '../../fixture/proxied-outbox.ts';

let outbox: ProxiedOutbox;
const topic = `cli.operations.${randomBytes(4).toString('hex')}`;

beforeAll(async () => {
  outbox = await proxiedOutbox();
});
afterEach(stopLeftovers);
afterAll(() => outbox.close());

async function emit(name: string, count: number): Promise<void> {
  await outbox.database.executor.query(
    `select converge.emit($1, 'secret-key-' || n, 'cli.thing', '{"n":1}', '{}') from generate_series(1, $2::int) n`,
    [name, count],
  );
}

const running = (settings: Readonly<Record<string, string>> = {}) =>
  healthOf(startedCli(['relay'], { ...outbox.env, ...settings }));

/** The value of a series, by its name and a part of its labels. */
function valueOf(text: string, name: string, label = ''): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(name) && one.includes(label));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
}

describe('/metrics of a relay', () => {
  it('/metrics of a relay has every instrument in base units, and no label without a bound', async () => {
    await cli(['topics', 'create', topic, '--partitions', '2'], outbox.env);
    const get = await running();
    await ready(get);
    await emit(topic, 50);
    await emit(`${topic}.missing`, 1);
    const scrape = async () => (await get('/metrics')).text;
    const text = await waitUntil(
      async () => {
        const found = await scrape();
        const done =
          valueOf(found, 'converge_relay_published_total', topic) === 50 &&
          valueOf(found, 'converge_relay_halted_topics') === 1 &&
          (valueOf(found, 'converge_outbox_age_seconds') ?? 0) > 0;
        return done ? found : undefined;
      },
      { what: 'everything to be counted' },
    );
    const { rows } = await outbox.database.executor.query<{ name: string }>(
      'select name from converge.source',
    );
    const source = `converge_source="${rows[0]?.name ?? ''}"`;
    expect(valueOf(text, 'converge_outbox_backlog', source)).toBe(0);
    expect(valueOf(text, 'converge_relay_leader', source)).toBe(1);
    expect(valueOf(text, 'converge_relay_epoch', source)).toBe(1);
    expect(valueOf(text, 'converge_relay_horizon_blockers', source)).toBeGreaterThanOrEqual(0);
    expect(valueOf(text, 'converge_relay_takeovers_total', source)).toBe(1);
    expect(valueOf(text, 'converge_relay_ticks_total', source)).toBeGreaterThan(0);
    expect(valueOf(text, 'converge_relay_tick_duration_seconds_count', source)).toBeGreaterThan(0);
    expect(valueOf(text, 'converge_relay_publish_duration_seconds_count', source)).toBeGreaterThan(0);
    expect(valueOf(text, 'converge_relay_batch_size_sum', source)).toBe(50);
    expect(valueOf(text, 'converge_relay_alarm', 'converge_alarm="topic_unknown"')).toBe(1);
    expect(valueOf(text, 'converge_relay_alarm', 'converge_alarm="no_child_ahead"')).toBe(0);
    expect(text).not.toContain('secret-key');
    const labels = new Set([...text.matchAll(/[{,]([a-z_]+)="/g)].map(([, name]) => name));
    const ofTarget = [...labels].filter((name) => /^(service|telemetry|host|os|process)_/.test(name ?? ''));
    for (const name of ofTarget) labels.delete(name);
    expect([...labels].toSorted()).toEqual(['converge_alarm', 'converge_source', 'converge_topic', 'le']);
  });
});

describe('health of a relay', () => {
  it('S71: a relay stays ready with a missing topic, and names the topic with its code', async () => {
    const get = await running();
    await emit(`${topic}.gone`, 1);
    const body = await waitUntil(
      async () => {
        const { text } = await get('/readyz');
        return text.includes(`${topic}.gone is halted`) ? text : undefined;
      },
      { what: 'the halted topic' },
    );
    expect(JSON.parse(body)).toMatchObject({
      ok: true,
      checks: {
        relay: {
          ok: true,
          detail: expect.stringContaining(`${topic}.gone is halted (TOPIC_UNKNOWN)`) as string,
        },
        alarms: { ok: true },
      },
    });
  });

  it('S71: a relay is live but not ready without a broker, and names the broker', async () => {
    const get = await running({ KAFKA_BROKERS: '127.0.0.1:1' });
    const { text } = await waitUntil(
      async () => {
        const found = await get('/readyz');
        return found.text.includes('127.0.0.1:1') ? found : undefined;
      },
      { what: 'the broker to be missed' },
    );
    expect(JSON.parse(text)).toMatchObject({
      ok: false,
      checks: { broker: { ok: false }, database: { ok: true } },
    });
    expect(await get('/livez')).toMatchObject({ status: 200 });
  });

  it('S71: a relay is live but not ready without the database, and ready again with it', async () => {
    const get = await running();
    await ready(get);
    outbox.proxy.cut();
    const { text } = await waitUntil(
      async () => {
        const found = await get('/readyz');
        return found.status === 503 && found.text.includes('Postgres') ? found : undefined;
      },
      { what: 'the database to be missed' },
    );
    expect(JSON.parse(text)).toMatchObject({ checks: { database: { ok: false } } });
    expect(await get('/livez')).toMatchObject({ status: 200 });
    outbox.proxy.restore();
    await ready(get);
  });
});
