import { gapRow, gapsOf, tables } from '@convergekit/operate/consumers';
import { keysBetween } from '@convergekit/relay/operate';
import { readsOf } from '../../frame/act-command.ts';
import { command } from '../../frame/command.ts';
import { argument, toggle } from '../../frame/flags.ts';
import { databases } from '../../frame/named-databases.ts';
import { result } from '../../frame/result.ts';

interface Listed extends ReturnType<typeof gapRow> {
  readonly state: string;
  /** null: not kept any more. */
  readonly keys?: readonly string[] | null;
}

/** Lists the gaps at which a consumer is halted, and those passed and not filled. */
export const gapsCommand = command({
  name: 'gaps',
  summary: 'what a consumer misses: gaps at which it is halted, and gaps that it passed',
  args: { consumer: argument('a consumer of DATABASE_URL') },
  flags: {
    keys: toggle("name the keys of the missing events, while the source's outbox keeps them"),
    ...databases,
  },
  run: async (context, { consumer, keys, database }) => {
    const reads = await readsOf(context, tables, { database });
    const listed: Listed[] = [];
    for (const { gap, source } of await gapsOf(reads, consumer))
      listed.push({
        ...gapRow(gap),
        state: gap.at.kind,
        ...(keys && { keys: (source && (await keysBetween(source, gap))) ?? null }),
      });
    return result(listed, () =>
      listed.length === 0
        ? [`no gaps: ${consumer} misses nothing`]
        : listed.flatMap((gap) => [
            `${gap.topic}/${gap.partition} ${gap.state}: events of ${gap.source} after ${gap.after}, up to ${gap.upTo}`,
            ...keyLines(gap.keys),
          ]),
    );
  },
});

function keyLines(keys: readonly string[] | null | undefined): readonly string[] {
  if (keys === null)
    return [
      '  its keys are not kept any more, or no known database is its source (--database names more): reconcile all keys',
    ];
  return (keys ?? []).map((key) => `  ${key}`);
}
