import { type Admin, BrokerError, createTopics, type NewTopic } from '@convergekit/broker/engine';
import { InvalidArgumentError } from 'commander';
import { command } from '../../frame/command.ts';
import { refused, UsageError } from '@convergekit/operate/errors';
import { anyArguments, count, type Flag } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { fromModules, topicsOfModules } from './declared-topics.ts';
import { checkTopic, topicsOfOutbox } from '@convergekit/operate';
import { resultOf } from '../doctor/findings.ts';

type Config = Readonly<Record<string, string>>;

const config: Flag<Config | undefined> = {
  help: 'configuration of the topic; may be repeated',
  value: 'key=value',
  parse: (text, before = {}) => {
    const at = text.indexOf('=');
    if (at < 1) throw new InvalidArgumentError('It must be key=value');
    return { ...(before as Config), [text.slice(0, at)]: text.slice(at + 1) };
  },
};

/**
 * Creates topics that do not exist. A named one that exists with another number of partitions is an error; a topic of a
 * module that exists is left as it is.
 */
export const createCommand = command({
  name: 'create',
  summary:
    'create topics that do not exist, named or of modules; an existing one of a module is left as it is',
  args: { names: anyArguments('topic names') },
  flags: {
    ...fromModules,
    partitions: count('partitions', 'partitions of each new topic'),
    replicationFactor: count('copies', "copies of each partition (default: the brokers')"),
    config,
  },
  run: async (context, { names, from, partitions, replicationFactor, config: pairs = {} }) => {
    if (names.length + from.length === 0)
      throw new UsageError(
        'NOTHING_NAMED',
        'name topics, or the modules that declare them: `converge topics create --from ./consumers.ts`',
      );
    const declared = from.length === 0 ? [] : await topicsOfModules(from);
    // A command that only lacks the number connects to nothing.
    if (partitions === undefined && declared.length === 0) throw partitionsMissing(names);
    const admin = await context.admin();
    const missing = new Set(names);
    const done: Created[] = [];
    for (const name of declared) {
      const found = await admin.describeTopic(name);
      if (found === undefined) missing.add(name);
      else if (!missing.has(name))
        done.push({ topic: name, partitions: found.partitions, outcome: 'existed' });
    }
    for (const name of missing) {
      if (partitions === undefined) throw partitionsMissing([...missing]);
      const copies = replicationFactor === undefined ? {} : { replicationFactor };
      done.push(await createOne(admin, { name, partitions, config: pairs, ...copies }));
    }
    return result(done, () => done.map(lineOf));
  },
});

function lineOf({ topic, partitions, outcome }: Created): string {
  return outcome === 'created'
    ? `created ${topic} with ${partitions} partitions`
    : `${topic} exists already with ${partitions} partitions`;
}

/** The error names all topics, so that its command can be typed as it is. */
function partitionsMissing(names: readonly string[]): UsageError {
  return new UsageError(
    'PARTITIONS_MISSING',
    `nothing was created: say how many partitions each topic gets; the number here suits most, and more later break the order of keys: \`${createTopics(names)}\``,
  );
}

interface Created {
  readonly topic: string;
  readonly partitions: number;
  readonly outcome: 'created' | 'existed';
}

async function createOne(admin: Admin, topic: NewTopic): Promise<Created> {
  const { name, partitions } = topic;
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

/** Checks the named topics, those of modules, or all that the outbox of DATABASE_URL uses. */
export const checkCommand = command({
  name: 'check',
  summary: 'check that topics exist and suit events',
  args: { names: anyArguments('topic names (default: those that the outbox of DATABASE_URL uses)') },
  flags: fromModules,
  run: async (context, { names, from }) => {
    const named = [...names, ...(from.length === 0 ? [] : await topicsOfModules(from))];
    const wanted = named.length > 0 ? named : await topicsOfOutbox((await context.database()).executor);
    if (wanted.length === 0)
      context.output.progress('the outbox has no event yet, so it names no topic: give names to check');
    const admin = await context.admin();
    const findings = [];
    for (const name of new Set(wanted)) findings.push(...checkTopic(name, await admin.describeTopic(name)));
    return resultOf(context.output, findings);
  },
});
