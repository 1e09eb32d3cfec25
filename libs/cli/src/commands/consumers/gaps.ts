import { formatPosition } from '@convergekit/contracts';
import { findGaps } from '@convergekit/inbox/operate';
import { inboxMigrations } from '@convergekit/inbox';
import { keysBetween } from '@convergekit/relay/operate';
import { withAdmin, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { withSourceDatabase } from './source-database.ts';

export interface GapsFlags {
  readonly keys?: boolean;
  readonly sourceUrl?: string;
}

/** What a consumer misses: gaps at which it stands, and those that it went past and that are not filled. */
export async function listGaps(
  { settings, output }: CommandContext,
  consumer: string,
  flags: GapsFlags,
): Promise<boolean> {
  return withDatabase(settings, 'converge-gaps', async (database) => {
    await requireMigrations(database.executor, [inboxMigrations]);
    const gaps = await withAdmin(settings, (admin) => findGaps(database.executor, admin, consumer));
    const listed = gaps.map((gap) => ({
      topic: gap.topic,
      partition: gap.partition,
      source: gap.source.name,
      after: formatPosition(gap.after),
      upTo: formatPosition(gap.upTo),
      state: gap.at.kind,
    }));
    if (flags.keys !== true) {
      output.result(listed, () => listed.map(describe));
      return true;
    }
    return withSourceDatabase(database, flags.sourceUrl, 'converge-gaps', async (source) => {
      const keys: (readonly string[] | null)[] = [];
      for (const gap of gaps) keys.push((await keysBetween(source.executor, gap)) ?? null);
      const named = listed.map((gap, at) => ({ ...gap, keys: keys[at] ?? null }));
      output.result(named, () =>
        named.flatMap((gap) => [
          describe(gap),
          ...(gap.keys?.map((key) => `  ${key}`) ?? [
            '  its keys are not kept any more, or this is not its source: look at all of them',
          ]),
        ]),
      );
      return true;
    });
  });
}

const describe = (gap: {
  readonly topic: string;
  readonly partition: number;
  readonly source: string;
  readonly after: string;
  readonly upTo: string;
  readonly state: string;
}): string =>
  `${gap.topic}/${gap.partition} ${gap.state}: events of ${gap.source} after ${gap.after}, up to ${gap.upTo}`;
