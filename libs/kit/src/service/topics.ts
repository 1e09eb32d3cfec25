import type { Admin } from '@convergekit/broker';
import type { Environment } from '@convergekit/config';
import { failureTopic } from '@convergekit/contracts';
import { ConvergeError } from '@convergekit/core';

/** The partitions of topics that a service creates in development. */
export const PARTITIONS = 6;

/** How a service treats topics that are missing at its start. */
export type MissingTopics = 'check' | 'create';

/** Returns the declared treatment of missing topics, else that of the process's mode (pure). */
export function missingTopicsIn(env: Environment, declared: MissingTopics | undefined): MissingTopics {
  return declared ?? (env['NODE_ENV'] === 'development' ? 'create' : 'check');
}

/** Lists the topics that the broker does not have, in the order given. */
export async function missingTopics(
  admin: Pick<Admin, 'describeTopic'>,
  topics: readonly string[],
): Promise<readonly string[]> {
  const found = await Promise.all(topics.map((topic) => admin.describeTopic(topic)));
  return topics.filter((_, index) => found[index] === undefined);
}

/** Creates topics, and resolves with those that did not exist. */
export async function createTopics(
  admin: Pick<Admin, 'createTopic'>,
  topics: readonly string[],
): Promise<readonly string[]> {
  const created: string[] = [];
  for (const name of topics)
    if (await admin.createTopic({ name, partitions: PARTITIONS })) created.push(name);
  return created;
}

/**
 * Rejects while a partition of the topics has no leader. A consumer asks for the ends of its topics at its start, and would end
 * with an error; a broker that has just started, or was cut off for a moment, has leaders seconds later.
 */
export async function requireLeaders(
  admin: Pick<Admin, 'logEnds'>,
  topics: readonly string[],
): Promise<void> {
  await Promise.all(topics.map((topic) => admin.logEnds(topic)));
}

/**
 * Creates the error of missing topics: all of them, and the one command that creates them. `failing` are the consumers of other
 * services whose failures are handled: a topic of such a name that is created would hide a wrong one.
 */
export function topicsMissing(
  service: string,
  topics: readonly string[],
  failing: readonly string[],
): ConvergeError {
  const names = topics.join(' ');
  const absent = failing.filter((consumer) => topics.includes(failureTopic(consumer)));
  const before =
    absent.length === 0
      ? ''
      : `if onFailure(…) was given the right name of consumer ${absent.join(', ')}, which never ran on this broker, `;
  return new ConvergeError(
    `service ${service} cannot start, since the broker has no topic ${topics.join(', ')}: ${before}create with \`converge topics create ${names} --partitions ${PARTITIONS}\` (the number of partitions is final), or set NODE_ENV=development, where the service creates them`,
    { code: 'TOPIC_MISSING', category: 'configuration', certainty: 'not_applied' },
  );
}
