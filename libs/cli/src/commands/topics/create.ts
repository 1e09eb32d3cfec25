import { BrokerError, type Admin, type NewTopic } from '@convergekit/broker/engine';
import { CliError } from '../../frame/cli-error.ts';
import { withAdmin, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { reportFindings } from '../../doctor/findings.ts';
import { topicsOfOutbox } from '../../doctor/outbox-topics.ts';
import { checkTopic } from '../../doctor/topic-checks.ts';

export interface CreateFlags {
  readonly partitions: number;
  readonly replicationFactor?: number;
  readonly config: Readonly<Record<string, string>>;
}

type Created = {
  readonly topic: string;
  readonly partitions: number;
  readonly outcome: 'created' | 'existed';
};

/** Makes topics that do not exist. One that exists with as many partitions is fine; another count is an error. */
export async function createTopics(
  { settings, output }: CommandContext,
  names: readonly string[],
  flags: CreateFlags,
): Promise<boolean> {
  return withAdmin(settings, async (admin) => {
    const done: Created[] = [];
    for (const name of new Set(names)) done.push(await createOne(admin, name, flags));
    output.result(done, () =>
      done.map(({ topic, partitions, outcome }) =>
        outcome === 'created'
          ? `created ${topic} with ${partitions} partitions`
          : `${topic} exists already with ${partitions} partitions`,
      ),
    );
    return true;
  });
}

async function createOne(admin: Admin, name: string, flags: CreateFlags): Promise<Created> {
  const { partitions, replicationFactor, config } = flags;
  const topic: NewTopic = {
    name,
    partitions,
    config,
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
  };
  const created = await admin.createTopic(topic).catch((error: unknown) => {
    throw error instanceof BrokerError && error.code === 'TOPIC_INVALID' ? refused(topic, error) : error;
  });
  if (created) return { topic: name, partitions, outcome: 'created' };
  const found = await admin.describeTopic(name);
  if (found !== undefined && found.partitions !== partitions)
    throw otherCount(name, found.partitions, partitions);
  return { topic: name, partitions, outcome: 'existed' };
}

// Kafka's answer is one number for each reason; these are all there are.
function refused({ name, replicationFactor, config }: NewTopic, cause: BrokerError): CliError {
  const doubts = [
    'the name (letters, digits, . _ -, at most 249)',
    ...(replicationFactor === undefined
      ? []
      : [`--replication-factor ${replicationFactor} (at most one per broker)`]),
    ...Object.entries(config ?? {}).map(([key, value]) => `--config ${key}=${value}`),
  ];
  return new CliError(
    `Kafka refused to create topic ${name} (${cause.message}): check ${doubts.join(', ')}`,
    {
      code: 'TOPIC_INVALID',
      category: 'configuration',
      cause,
    },
  );
}

// Changing the count moves keys to other partitions, and with that breaks their order: never by accident.
function otherCount(name: string, found: number, wanted: number): CliError {
  return new CliError(
    `topic ${name} exists with ${found} partitions, not ${wanted}: its keys are spread over ${found}, and changing that breaks their order; use --partitions ${found}, or another name`,
    { code: 'TOPIC_PARTITIONS_DIFFER', category: 'configuration' },
  );
}

/** Checks the named topics, or all that the outbox of DATABASE_URL uses. Resolves to false when one is unfit. */
export async function checkTopics(
  { settings, output }: CommandContext,
  names: readonly string[],
): Promise<boolean> {
  const wanted =
    names.length > 0
      ? names
      : await withDatabase(settings, 'converge-topics', (database) => topicsOfOutbox(database.executor));
  if (wanted.length === 0)
    output.progress('the outbox has no event yet, so it names no topic: give names to check');
  return withAdmin(settings, async (admin) => {
    const findings = [];
    for (const name of new Set(wanted)) findings.push(...checkTopic(name, await admin.describeTopic(name)));
    return reportFindings(output, findings);
  });
}
