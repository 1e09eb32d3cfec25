/** The desk of an operator: commands, and what the log has, for the process that forked this one. */
import { kafkaSettings, openBroker, run } from 'convergekit/operate';
import type { Answer, Question, Recorded } from './desk-words.ts';

const { KAFKA_BROKERS: brokers, CONVERGE__LOCAL__URL: url } = process.env;
const settings = {
  broker: brokers === undefined ? ('local' as const) : ('kafka' as const),
  kafka: kafkaSettings.parse(brokers === undefined ? {} : { brokers }),
  local: { url },
};

process.on('message', (question: Question) => {
  void answer(question).then(
    (value) => process.send?.({ id: question.id, value } satisfies Answer),
    (error: unknown) => process.send?.({ id: question.id, error: String(error) } satisfies Answer),
  );
});

/** Commands print to the process, so there is one at a time. */
let last: Promise<unknown> = Promise.resolve();

function answer(question: Question): Promise<unknown> {
  const next = last.then(() =>
    question.kind === 'read' ? readLog(question.topics) : command(question.args, question.database),
  );
  last = next.catch(() => undefined);
  return next;
}

async function command(args: readonly string[], database: string): Promise<unknown> {
  process.env['DATABASE_URL'] = database;
  const written = { stdout: '', stderr: '' };
  const originals = {
    stdout: process.stdout.write.bind(process.stdout),
    stderr: process.stderr.write.bind(process.stderr),
  };
  for (const name of ['stdout', 'stderr'] as const)
    process[name].write = (text: string | Uint8Array) => {
      written[name] += String(text);
      return true;
    };
  try {
    const code = await run(args);
    return { code, ...written };
  } finally {
    process.stdout.write = originals.stdout;
    process.stderr.write = originals.stderr;
  }
}

async function readLog(topics: readonly string[]): Promise<readonly Recorded[]> {
  const broker = openBroker(settings, 'compare');
  try {
    const admin = await broker.admin();
    const found: Recorded[] = [];
    for (const topic of topics) {
      if ((await admin.describeTopic(topic)) === undefined) continue;
      for (const { partition, earliest, latest } of await admin.logEnds(topic))
        for await (const { key, value, headers } of admin.read(topic, partition, earliest, latest))
          found.push({
            topic,
            partition,
            key: String(key),
            value: String(value),
            headers: headers.map(([name, text]) => [name, String(text)]),
          });
    }
    return found;
  } finally {
    await broker.close();
  }
}
