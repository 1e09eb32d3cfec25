import { type Command, InvalidArgumentError } from 'commander';
import type { DisownFlags } from './disown.ts';
import type { RebaseFlags, ShowFlags } from './show.ts';
import type { Act } from '../../frame/command-parts.ts';

export function addSourceCommands(program: Command, act: Act): void {
  const source = program.command('source').description('who this outbox is, and its epochs');
  source
    .command('show')
    .description('show the source of DATABASE_URL and compare its log with it; 1 when a relay would refuse')
    .option('--phantoms', 'list what stood in the log beyond the fork of each epoch')
    .action((flags: ShowFlags, command: Command) =>
      act(command, async (context) => (await import('./show.ts')).showSource(context, flags)),
    );
  source
    .command('rebase')
    .description('begin a new epoch after a restore or a failover that lost commits; no relay may lead')
    .option('--reason <text>', 'kept with the epoch')
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action((flags: RebaseFlags, command: Command) =>
      act(command, async (context) => (await import('./show.ts')).rebaseCommand(context, flags)),
    );
  source
    .command('disown')
    .description(
      'say of a record in the name of this source that another writer forged it: relays pass over it',
    )
    .argument('<topic>', 'as the refusal of the relay names it')
    .argument('<partition>', 'its partition', partition)
    .argument('<offset>', 'its offset', offset)
    .requiredOption('--reason <text>', 'how you know: it is kept with the record')
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action((topic: string, place: number, at: bigint, flags: DisownFlags, command: Command) =>
      act(command, async (context) =>
        (await import('./disown.ts')).disownCommand(context, { topic, partition: place, offset: at }, flags),
      ),
    );
}

function partition(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 0 on.');
  return Number(text);
}

function offset(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 0 on.');
  return BigInt(text);
}
