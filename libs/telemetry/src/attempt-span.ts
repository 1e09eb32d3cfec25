import { type Context, context, createContextKey } from '@opentelemetry/api';
import { classify } from '@convergekit/resilience';
import { attributeNames, type Labels, spanNames } from './names.ts';
import { failSpan, inSpan, openSpan } from './spans.ts';

const EARLIER = createContextKey('converge.attempts.earlier');

/** Runs `fn` such that its attempts are numbered behind those of earlier runs, which a journal remembers. */
export function afterAttempts<T>(earlier: number, fn: () => Promise<T>): Promise<T> {
  return context.with(context.active().setValue(EARLIER, earlier), fn);
}

export interface AttemptSpanOptions {
  /** The name of the operation or call that is attempted. */
  readonly name: string;
  /** The number within this run, from 1. */
  readonly number: number;
  readonly labels: Labels;
}

/**
 * Runs one attempt in a span of its own under the active one, with its number over all runs. A failed attempt has its
 * reason, category and certainty; the message is not recorded, since it may contain business data.
 */
export async function inAttempt<T>(
  { name, number, labels }: AttemptSpanOptions,
  fn: () => Promise<T>,
): Promise<T> {
  const active = context.active();
  const attributes = { ...labels, [attributeNames.attempt]: earlierIn(active) + number };
  const span = openSpan(spanNames.attempt(name), { kind: 'client', attributes });
  try {
    // Attempts within this one are numbered by themselves.
    return await context.with(active.deleteValue(EARLIER), () => inSpan(span, fn));
  } catch (error) {
    const { category, certainty, code } = classify(error);
    span?.setAttributes({
      [attributeNames.reason]: code,
      [attributeNames.category]: category,
      [attributeNames.certainty]: certainty,
    });
    if (span !== undefined) failSpan(span, code);
    throw error;
  } finally {
    span?.end();
  }
}

function earlierIn(active: Context): number {
  const earlier = active.getValue(EARLIER);
  return typeof earlier === 'number' ? earlier : 0;
}
