import { formatMs } from '@convergekit/operate/text';
import { eventPath, sagaPath } from '../../links.ts';
import type { SearchAnswer } from './schemas.ts';

type Found = Pick<SearchAnswer, 'events' | 'parked' | 'open' | 'sagas' | 'drift'>;
type Why = SearchAnswer['why'][number];

/** An event that is not published for this long is worth a line, in milliseconds. */
const UNPUBLISHED_MS = 5_000;

/** Says why a key is not done: what needs an operator first, then what continues by itself, the oldest first. Pure. */
export function whyOf(found: Found, now: number): readonly Why[] {
  const reasons = [
    ...parkedReasons(found, now),
    ...openReasons(found, now),
    ...eventReasons(found, now),
    ...driftReasons(found),
  ];
  const ended = new Set(found.open.map(({ id }) => id));
  const sagas = found.sagas.filter(
    ({ state, instance }) => state !== 'completed' && state !== 'compensated' && !ended.has(instance),
  );
  const all = [
    ...reasons,
    ...sagas.map(({ saga, instance, state, reason }) => ({
      needs: state === 'stuck' || state === 'expired',
      text: `saga ${saga} is ${state}${reason === null ? '' : `: ${reason}`}`,
      href: sagaPath(instance),
    })),
  ];
  return all.toSorted((a, b) => Number(b.needs) - Number(a.needs));
}

function parkedReasons({ parked }: Found, now: number): readonly Why[] {
  return parked.flatMap(
    ({ consumer, state, code, reason, since, nextAt, eventId, category }): readonly Why[] => {
      const age = formatMs(now - since.getTime());
      const why =
        code === null
          ? 'behind another event of its key'
          : `${code} (${category ?? 'unknown'}): ${reason ?? 'no reason'}`;
      const href = eventId === null ? {} : { href: eventPath(eventId) };
      if (state === 'dead')
        return [
          {
            needs: true,
            text: `${consumer} gave its event up ${age} ago, and its key waits: ${why}`,
            ...href,
          },
        ];
      if (state !== 'waiting') return [];
      const next = nextAt === null ? '' : `; it tries again ${nextText(nextAt.getTime() - now)}`;
      return [{ needs: false, text: `${consumer} parked its event ${age} ago: ${why}${next}`, ...href }];
    },
  );
}

const nextText = (ms: number): string => (ms <= 0 ? 'now' : `in ${formatMs(ms)}`);

function openReasons({ open }: Found, now: number): readonly Why[] {
  return open.map(({ kind, name, id, step, state, reason, since }) => ({
    needs: state === 'stuck',
    text: `${kind === 'step' ? `step ${step ?? '?'} of saga ${name}` : `call ${name}`} is ${state} for ${formatMs(now - since.getTime())}${reason === null ? '' : `: ${reason}`}`,
    ...(kind === 'step' && { href: sagaPath(id) }),
  }));
}

function eventReasons({ events }: Found, now: number): readonly Why[] {
  const waiting = events.filter(({ published, at }) => !published && now - at.getTime() > UNPUBLISHED_MS);
  const oldest = waiting.at(-1);
  if (oldest === undefined) return [];
  const many = waiting.length === 1 ? 'an event is' : `${waiting.length} events are`;
  return [
    {
      needs: false,
      text: `${many} not published yet, the oldest for ${formatMs(now - oldest.at.getTime())}: the relay or the broker is behind`,
      href: eventPath(oldest.eventId),
    },
  ];
}

function driftReasons({ drift }: Found): readonly Why[] {
  return drift
    .filter(({ state, reason }) => state === 'terminal' || reason !== null)
    .map(({ reconciler, state, reason }) => ({
      needs: state === 'terminal',
      text: `${reconciler} finds a drift${reason === null ? '' : `: ${reason}`}`,
    }));
}
