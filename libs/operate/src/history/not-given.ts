import type { Executor } from '@convergekit/postgres';

/** A database that a story names and that was not given, by what it would have. */
export type NotGiven =
  /** The outbox of a source, from which a consumer of the story got an event. */
  | { readonly of: 'source'; readonly name: string }
  | { readonly of: 'consumer'; readonly name: string }
  /** Consumers of a topic to which an event of the story went. */
  | { readonly of: 'consumers of topic'; readonly name: string }
  | { readonly of: 'step'; readonly name: string };

/** What a given database has. */
export interface Given {
  /** The name under which it was given. */
  readonly database: string;
  /** The name of its source. */
  readonly source: string;
  readonly consumers: readonly string[];
  readonly topics: readonly string[];
  /** The sources of the events that its consumers read. */
  readonly sources: readonly { readonly consumer: string; readonly name: string }[];
}

/** What a story names. */
export interface Names {
  /** The consumers that got an event whose outbox row no given database has. */
  readonly withoutOrigin: readonly string[];
  readonly consumers: readonly string[];
  readonly topics: readonly string[];
  /** Steps that took place and of which no given database has a row. */
  readonly steps: readonly string[];
}

/** Finds what a story names and no given database has. Pure. */
export function notGiven(names: Names, given: readonly Given[]): readonly NotGiven[] {
  const has = (of: (one: Given) => readonly string[]): ReadonlySet<string> => new Set(given.flatMap(of));
  const [outboxes, consumers, topics] = [
    has(({ source }) => [source]),
    has((one) => one.consumers),
    has((one) => one.topics),
  ];
  const origins = new Set(names.withoutOrigin);
  const sources = given.flatMap((one) => one.sources.filter(({ consumer }) => origins.has(consumer)));
  const lacking = (
    of: NotGiven['of'],
    all: readonly string[],
    known: ReadonlySet<string>,
  ): readonly NotGiven[] =>
    [...new Set(all)].filter((name) => !known.has(name)).map((name) => ({ of, name }));
  return [
    ...lacking(
      'source',
      sources.map(({ name }) => name),
      outboxes,
    ),
    ...lacking('consumer', names.consumers, consumers),
    ...lacking('consumers of topic', names.topics, topics),
    ...lacking('step', names.steps, new Set()),
  ];
}

/** Says from which databases a story was read, and which ones it names besides. `how`: the way to give them. Pure. */
export function givenText(
  {
    readFrom,
    notGiven: lacking,
  }: { readonly readFrom: readonly string[]; readonly notGiven: readonly NotGiven[] },
  how: string,
): readonly string[] {
  const read = `read from ${readFrom.join(', ')}`;
  if (lacking.length === 0) return [read];
  return [`${read}; not given: ${lacking.map(textOf).join('; ')} (${how})`];
}

function textOf({ of, name }: NotGiven): string {
  switch (of) {
    case 'source':
      return `the database of source ${name}`;
    case 'consumer':
      return `the database of consumer ${name}`;
    case 'consumers of topic':
      return `the databases of consumers of ${name}, if there are any`;
    case 'step':
      return `the database of step ${name}`;
  }
}

// Consumers, their partitions and their sources are few.
const givenSql = `
  select (select name from converge.source) as source, array(select name from converge.inbox_consumer) as consumers,
         array(select distinct topic from converge.inbox_partition) as topics,
         (select coalesce(json_agg(json_build_object('consumer', c.name, 'name', s.name)), '[]')
            from converge.inbox_consumer c cross join lateral jsonb_each_text(c.sources) as s (source, name)) as sources`;

/** Reads what a database has, by the names that stories use. */
export async function readGiven(executor: Executor, database: string): Promise<Given> {
  const { rows } = await executor.query<Omit<Given, 'database'>>(givenSql);
  return { database, source: database, consumers: [], topics: [], sources: [], ...rows[0] };
}
