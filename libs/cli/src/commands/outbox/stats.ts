import { systemClock } from '@convergekit/core';
import { outboxMigrations } from '@convergekit/outbox';
import type { OutboxLimit } from '@convergekit/outbox/engine';
import type { Executor } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { survey } from '@convergekit/relay/operate';
import { command } from '../../frame/command.ts';
import { labelled } from '../../frame/fields.ts';
import { formatBytes, formatMs } from '../../frame/output.ts';
import { result } from '../../frame/result.ts';

/** Shows backlog, age, rate, children, ticks, held topics. */
export const statsCommand = command({
  name: 'stats',
  summary: 'backlog, oldest event not published, rate, ticks, children, held topics',
  run: async (context) => {
    const { executor } = await context.database(outboxMigrations, relayMigrations);
    const found = await survey(executor, { lease: 'relay', now: () => systemClock.now() });
    const pulse = await readPulse(executor);
    return result({ ...found, ...pulse }, () =>
      labelled([
        ['source', `${found.source}, epoch ${found.epoch}`],
        ['relay', found.holder ?? 'none leads'],
        ['not published', `${found.backlog} events of topics that flow`],
        ['oldest', found.backlog === 0 && pulse.held.length === 0 ? '-' : formatMs(found.oldestMs)],
        ['written', `${pulse.perMinute} events in the last minute`],
        ['bytes', bytesText(found.limit)],
        ['ticks', `settled ${pulse.doneTick}, latest ${pulse.latestTick}, ${pulse.ticks} kept`],
        ['children', `${found.children}, ${found.childrenAhead} ahead`],
        ...pulse.held.map(
          ({ topic, heldAt, reason }) => ['held', `${topic} from tick ${heldAt}: ${reason}`] as const,
        ),
      ]),
    );
  },
});

function bytesText({ waitingBytes, totalBytes, maxBytes, measuredAgoMs }: OutboxLimit): string {
  if (measuredAgoMs === undefined) return 'not measured yet: the relay that leads does';
  const limit = maxBytes === undefined ? 'no limit' : `limit ${formatBytes(maxBytes)}`;
  return `${formatBytes(waitingBytes)} wait (${limit}), ${formatBytes(totalBytes)} on disk`;
}

interface OutboxPulse {
  readonly doneTick: string;
  readonly latestTick: string;
  readonly ticks: number;
  /** Ids handed out in the last minute; rolled back ones among them. */
  readonly perMinute: number;
  readonly held: readonly { readonly topic: string; readonly heldAt: number; readonly reason: string }[];
}

// The statement reads the ends of the ticks' primary key, the ticks of a minute, and the few topics.
const pulseSql = `
  select s.done_tick::text as "doneTick", (select max(number)::text from converge.tick) as "latestTick",
         (select (max(number) - min(number) + 1)::float8 from converge.tick) as ticks,
         ((select last_value from converge.outbox_id) -
           coalesce((select ceil from converge.tick where created_at <= clock_timestamp() - interval '1 minute'
                      order by number desc limit 1), 0))::float8 as "perMinute",
         coalesce((select json_agg(json_build_object('topic', topic, 'heldAt', held_at, 'reason', held_reason) order by topic)
                     from converge.relay_topic where held_at is not null), '[]') as held
    from converge.relay_source s`;

async function readPulse(executor: Executor): Promise<OutboxPulse> {
  const { rows } = await executor.query<OutboxPulse>(pulseSql);
  const [row] = rows;
  if (row === undefined) throw new Error('converge.relay_source is empty: run `converge migrate`');
  return row;
}
