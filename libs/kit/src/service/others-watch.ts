import type { Admin } from '@convergekit/broker';
import { nearest } from '@convergekit/config/engine';
import { type Clock, type Service, systemClock } from '@convergekit/core';
import { loopService } from '@convergekit/core/engine';
import type { Logger } from '@convergekit/telemetry';
import type { Plan } from './plan.ts';

/** The time that other services get to start, in milliseconds. */
const AFTER_MS = 15_000;

interface OthersWatchParts {
  readonly admin: () => Promise<Pick<Admin, 'logEnds' | 'members' | 'close'>>;
  readonly plan: Pick<Plan<never>, 'others' | 'writes'> & {
    readonly consumers: readonly { readonly name: string }[];
  };
  readonly log: Pick<Logger, 'warn' | 'debug'>;
  /** @default the system's */
  readonly clock?: Clock;
}

/**
 * Looks once, some seconds after the start, for what other services must do: a topic without events, and a consumer that
 * does not run, are named, since a wrong name or another log would be waited for without a word.
 */
export function othersWatch({
  admin: open,
  plan: { consumers, others, writes },
  log,
  clock = systemClock,
}: OthersWatchParts): Service {
  const names = consumers.map(({ name }) => name);
  const look = async (): Promise<void> => {
    const admin = await open();
    try {
      for (const topic of others.topics)
        if ((await admin.logEnds(topic)).every(({ latest }) => latest === 0n))
          log.warn(unwritten(topic, nearest(topic, writes)));
      for (const name of others.consumers)
        if ((await admin.members(name)).length === 0) log.warn(absent(name, nearest(name, names)));
    } finally {
      await admin.close();
    }
  };
  return loopService({
    name: 'watch of other services',
    run: async (stopping) => {
      await clock.sleep(AFTER_MS, stopping);
      // A role may lack the right to look, and a broker that is down is reported by its users.
      if (!stopping.aborted)
        await look().catch((err: unknown) => log.debug({ err }, 'not looked for others'));
    },
  });
}

const PLACE =
  'with the same KAFKA_BROKERS, or with the same CONVERGE__LOCAL__URL where events are in Postgres';

function unwritten(topic: string, near: string | undefined): string {
  const typo =
    near === undefined ? '' : `correct its name in the event's definition if ${near} is meant, or `;
  return `topic ${topic} has no event yet, and this service writes none there: ${typo}start the service that does, ${PLACE}`;
}

function absent(consumer: string, near: string | undefined): string {
  const typo = near === undefined ? '' : `give ${near} to onFailure(…) if it is meant, `;
  return `no consumer ${consumer} runs, whose failures are handled here: ${typo}list it in \`consumers\` if it belongs to this service, or start the service that runs it, ${PLACE}`;
}
