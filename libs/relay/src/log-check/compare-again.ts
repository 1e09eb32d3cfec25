import { BrokerError } from '@convergekit/kafka';
import type { CursorRecord } from '../leadership-sql.ts';
import { readCursors } from '../leadership-sql.ts';
import type { Leadership } from '../leadership.ts';
import type { Topic } from '../topic.ts';
import { saveComparison } from './facts-sql.ts';
import { compareLog, type LogCheckRequest, type LogComparison } from './log-check.ts';
import { LogCheckError } from './refusal.ts';

/** How long a comparison may take: a broker that does not answer must not keep the other topics waiting. */
const COMPARE_MS = 10_000;

/** As `compareLog`, within `COMPARE_MS`. What it finds forged stays on the leadership, for the alarm. */
export async function compareWithin(
  leader: Leadership,
  request: Omit<LogCheckRequest, 'until' | 'signingKey'>,
): Promise<LogComparison> {
  const stop = new AbortController();
  const until = leader.settings.clock.sleep(COMPARE_MS, stop.signal);
  try {
    const comparison = await compareLog({ ...request, signingKey: leader.settings.signingKey, until });
    leader.sawForged(comparison.forged);
    return comparison;
  } finally {
    stop.abort();
  }
}

/**
 * Compares topics that could not be read before. Only then may something be sent to them. Rejects with what was found:
 * the leadership ends then, and the next takeover finds it again.
 */
export async function compareAgain(leader: Leadership, topics: readonly Topic[]): Promise<void> {
  if (topics.length === 0) return;
  const names = topics.map(({ name }) => name);
  const cursors = await readCursors(leader.writes, names, leader.epoch);
  await compareTopics(leader, topics, cursors);
}

/** Compares topics with the given cursors. One that cannot be read is halted. */
export async function compareTopics(
  leader: Leadership,
  topics: readonly Topic[],
  cursors: readonly CursorRecord[],
): Promise<void> {
  const { writes, settings, source, term } = leader;
  const request = { executor: writes, broker: settings.broker, source, cursors };
  let silence: BrokerError | undefined;
  const comparison = await compareWithin(leader, request).catch((error: unknown) => {
    if (!(error instanceof BrokerError)) throw error;
    silence = error;
  });
  const [first, ...more] = comparison?.refusals ?? [];
  if (first !== undefined) throw new LogCheckError([first, ...more]);
  if (comparison !== undefined) await saveComparison(writes, term, comparison, settings.signingKey?.id);
  for (const topic of topics) {
    const found = comparison?.unread.find((one) => one.topic === topic.name);
    topic.isCompared = comparison !== undefined && found === undefined;
    if (topic.isCompared || topic.state.kind === 'halted') continue;
    leader.halt(topic, {
      code: found?.code ?? 'LOG_NOT_COMPARED',
      detail: found?.why ?? silence?.message ?? 'the broker does not answer',
    });
  }
}
