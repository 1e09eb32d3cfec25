import type { Command } from 'commander';
import type { RebaseFlags, ShowFlags } from './commands/source.ts';
import type { Act } from './command-parts.ts';

export function addSourceCommands(program: Command, act: Act): void {
  const source = program.command('source').description('who this outbox is, and its epochs');
  source
    .command('show')
    .description('show the source of DATABASE_URL and compare its log with it; 1 when a relay would refuse')
    .option('--phantoms', 'list what stood in the log beyond the fork of each epoch')
    .action((flags: ShowFlags, command: Command) =>
      act(command, async (context) => (await import('./commands/source.ts')).showSource(context, flags)),
    );
  source
    .command('rebase')
    .description('begin a new epoch after a restore or a failover that lost commits; no relay may lead')
    .option('--reason <text>', 'kept with the epoch')
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action((flags: RebaseFlags, command: Command) =>
      act(command, async (context) => (await import('./commands/source.ts')).rebaseCommand(context, flags)),
    );
}
