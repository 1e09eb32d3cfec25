/** The desk of an operator: commands, and what the log has, for the process that forked this one. */
import { kafkaSettings } from 'convergekit/kafka';
import { converge, openBroker } from 'convergekit/process';

/** What is asked of the desk, one after the other: the records of topics, or a command in a database. */
export type Ask =
  { readonly topics: readonly string[] } | { readonly args: readonly string[]; readonly database: string };

export interface Answer {
  readonly value?: unknown;
  readonly error?: string;
}

/** A record of the log, as text. */
export interface Recorded {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

process.on('message', (ask: Ask) => {
  const answer = (result: Answer) => process.send?.(result);
  ('topics' in ask ? readLog(ask.topics) : command(ask.args, ask.database)).then(
    (value) => answer({ value }),
    (error: unknown) => answer({ error: String(error) }),
  );
});

/** What the command prints to this process. */
let printed = { stdout: '', stderr: '' };
for (const name of ['stdout', 'stderr'] as const)
  process[name].write = (text: string | Uint8Array) => {
    printed[name] += String(text);
    return true;
  };

async function command(args: readonly string[], database: string): Promise<object> {
  process.env['DATABASE_URL'] = database;
  printed = { stdout: '', stderr: '' };
  const code = await converge(args);
  return { code, ...printed };
}

async function readLog(topics: readonly string[]): Promise<readonly Recorded[]> {
  const { KAFKA_BROKERS: brokers, CONVERGE__LOCAL__URL: url } = process.env;
  const broker = openBroker(
    {
      broker: brokers === undefined ? ('local' as const) : ('kafka' as const),
      kafka: kafkaSettings.parse(brokers === undefined ? {} : { brokers }),
      local: { url },
    },
    'compare',
  );
  try {
    const admin = await broker.admin();
    const found: Recorded[] = [];
    for (const topic of topics) {
      if ((await admin.describeTopic(topic)) === undefined) continue;
      for (const { partition, earliest, latest } of await admin.logEnds(topic))
        for await (const { key, value, headers } of admin.read(topic, partition, earliest, latest)) {
          const texts = headers.map(([name, text]) => [name, String(text)] as const);
          found.push({ topic, key: String(key), value: String(value), headers: texts });
        }
    }
    return found;
  } finally {
    await broker.close();
  }
}
