import { BrokerError, type Admin, type NewTopic } from '@convergekit/broker/engine';
import { InvalidArgumentError } from 'commander';
import { command } from '../../frame/command.ts';
import { refused, UsageError } from '../../frame/errors.ts';
import { count, type Flag, needed, someArguments } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';

type Config = Readonly<Record<string, string>>;

const config: Flag<Config> = {
  help: 'configuration of the topic; may be repeated',
  value: 'key=value',
  parse: (text, before = {}) => {
    const at = text.indexOf('=');
    if (at < 1) throw new InvalidArgumentError('It must be key=value');
    return { ...(before as Config), [text.slice(0, at)]: text.slice(at + 1) };
  },
};

/** Creates topics that do not exist. One that exists with as many partitions is fine; another count is an error. */
export const createCommand = command({
  name: 'create',
  summary: 'create topics that do not exist; an existing one with the same number of partitions is fine',
  args: { names: someArguments('topic names') },
  flags: {
    partitions: needed(count('partitions', 'partitions of each topic')),
    replicationFactor: count('copies', "copies of each partition (default: the brokers')"),
    config,
  },
  run: async (context, { names, ...wanted }) => {
    const admin = await context.admin();
    const done: Created[] = [];
    for (const name of new Set(names)) done.push(await createOne(admin, { name, ...wanted }));
    return result(done, () =>
      done.map(({ topic, partitions, outcome }) =>
        outcome === 'created'
          ? `created ${topic} with ${partitions} partitions`
          : `${topic} exists already with ${partitions} partitions`,
      ),
    );
  },
});

interface Wanted {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number | undefined;
  readonly config: Config | undefined;
}

interface Created {
  readonly topic: string;
  readonly partitions: number;
  readonly outcome: 'created' | 'existed';
}

async function createOne(
  admin: Admin,
  { name, partitions, replicationFactor, config: pairs = {} }: Wanted,
): Promise<Created> {
  const topic: NewTopic = {
    name,
    partitions,
    config: pairs,
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
  };
  const created = await admin.createTopic(topic).catch((error: unknown) => {
    throw error instanceof BrokerError && error.code === 'TOPIC_INVALID' ? invalid(topic, error) : error;
  });
  if (created) return { topic: name, partitions, outcome: 'created' };
  const found = await admin.describeTopic(name);
  // A different count moves keys to other partitions, and so breaks their order: it must not happen by accident.
  if (found !== undefined && found.partitions !== partitions)
    throw refused(
      'TOPIC_PARTITIONS_DIFFER',
      `topic ${name} exists with ${found.partitions} partitions, not ${partitions}: its keys are spread over ${found.partitions}, and changing that breaks their order; use --partitions ${found.partitions}, or another name`,
    );
  return { topic: name, partitions, outcome: 'existed' };
}

// Kafka's answer is one number for each reason; these are all there are.
function invalid({ name, replicationFactor, config: pairs }: NewTopic, { message }: BrokerError): UsageError {
  const doubts = [
    'the name (letters, digits, . _ -, at most 249)',
    ...(replicationFactor === undefined
      ? []
      : [`--replication-factor ${replicationFactor} (at most one per broker)`]),
    ...Object.entries(pairs ?? {}).map(([key, value]) => `--config ${key}=${value}`),
  ];
  return new UsageError(
    'TOPIC_INVALID',
    `Kafka refused to create topic ${name} (${message}): check ${doubts.join(', ')}`,
  );
}
