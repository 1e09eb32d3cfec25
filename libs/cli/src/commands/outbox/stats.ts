import { outboxMigrations } from '@convergekit/outbox';
import type { OutboxLimit } from '@convergekit/outbox/engine';
import { relayMigrations } from '@convergekit/relay';
import { readOutbox } from '@convergekit/relay/operate';
import { command } from '../../frame/command.ts';
import { labelled } from '../../frame/fields.ts';
import { formatBytes, formatMs } from '@convergekit/operate/text';
import { result } from '../../frame/result.ts';
import { type Forecast, forecastOf } from './forecast.ts';

/** Shows backlog, age, rate, children, ticks, held topics. */
export const statsCommand = command({
  name: 'stats',
  summary: 'backlog, oldest event not published, rate, ticks, children, held topics',
  run: async (context) => {
    const { executor } = await context.database(outboxMigrations, relayMigrations);
    const found = await readOutbox(executor);
    const forecast = forecastOf({ ...found, totalBytes: found.limit.totalBytes });
    return result({ ...found, forecast: forecast ?? null }, () =>
      labelled([
        ['source', `${found.source}, epoch ${found.epoch}`],
        ['relay', found.holder ?? 'none leads'],
        ['not published', `${found.backlog} events of topics that flow`],
        ['oldest', found.backlog === 0 && found.held.length === 0 ? '-' : formatMs(found.oldestMs)],
        ['written', `${found.perMinute} events in the last minute`],
        ['bytes', bytesText(found.limit)],
        ['forecast', forecastText(forecast)],
        ['ticks', `settled ${found.doneTick}, latest ${found.latestTick}, ${found.ticks} kept`],
        ['children', `${found.children}, ${found.childrenAhead} ahead`],
        ...found.held.map(
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

function forecastText(forecast: Forecast | undefined): string {
  if (forecast === undefined) return 'none: too little was written';
  const { eventsPerDay, bytesPerEvent, bytesPerDay, measuredOverMs } = forecast;
  return `${eventsPerDay} events and ${formatBytes(bytesPerDay)} a day (${formatBytes(bytesPerEvent)} each), as in the last ${formatMs(measuredOverMs)}`;
}
