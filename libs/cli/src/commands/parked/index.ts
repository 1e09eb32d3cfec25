import { type Command, Option } from 'commander';
import { PARKED_STATES } from '@convergekit/inbox/operate';
import type { ActFlags, EditFlags, ListFlags, RetryFlags } from './parked.ts';
import { type Act, positive, why } from '../../frame/command-parts.ts';

/** Events that wait with their key, and dead letters: look, try again, leave out, mend a copy. */
export function addParkedCommands(program: Command, act: Act): void {
  const parked = program.command('parked').description('keys that wait behind an event that failed');
  const commands = () => import('./parked.ts');
  filtered(parked.command('list').description('what is parked in DATABASE_URL, grouped by failure'))
    .option('--events', 'one by one, in the order in which they were parked')
    .option('--limit <n>', 'of --events: at most so many', positive, 50)
    .action((flags: ListFlags, command: Command) =>
      act(command, async (context) => (await commands()).listParkedEvents(context, flags)),
    );
  parked
    .command('show')
    .description('one event: headers, payload, every attempt, what operators did')
    .argument('<id>', 'as `parked list --events` shows it')
    .action((id: string, _flags: unknown, command: Command) =>
      act(command, async (context) => (await commands()).showParked(context, id)),
    );
  changing(
    filtered(
      parked
        .command('retry')
        .description('try dead letters again, as another run; what waits is tried now with --state waiting'),
    ),
  )
    .argument('[ids...]', 'as `parked list --events` shows them; or a filter, or --all')
    .option('--all', 'every dead letter in this database')
    .option('--rate <n>', 'events a second at most', positive, 50)
    .option('--limit <n>', 'refuse when more match', positive, 10_000)
    .option('--dry-run', 'show what it would do, and change nothing')
    .action((ids: string[], flags: RetryFlags, command: Command) =>
      act(command, async (context) => (await commands()).retryParkedEvents(context, ids, flags)),
    );
  changing(parked.command('skip').description('leave events out for good: kept on record, their keys go on'))
    .argument('<ids...>', 'as `parked list --events` shows them')
    .option('--dry-run', 'show what it would do, and change nothing')
    .action((ids: string[], flags: ActFlags, command: Command) =>
      act(command, async (context) => (await commands()).skipParkedEvents(context, ids, flags)),
    );
  changing(
    parked
      .command('edit')
      .description('put another payload in the place of one; the bytes as they came are kept'),
  )
    .argument('<id>', 'as `parked list --events` shows it')
    .requiredOption('--payload <json>', 'the new payload')
    .option('--dry-run', 'show what it would do, and change nothing')
    .action((id: string, flags: EditFlags, command: Command) =>
      act(command, async (context) => (await commands()).editParkedEvent(context, id, flags)),
    );
}

function filtered(command: Command): Command {
  return command
    .option('--consumer <name>', 'only of this consumer')
    .option('--topic <name>', 'only of this topic')
    .option('--key <key>', 'only of this key')
    .option('--category <category>', 'only what failed so')
    .option('--code <code>', 'only what failed with this code')
    .addOption(new Option('--state <state...>', 'only in these states').choices([...PARKED_STATES]));
}

function changing(command: Command): Command {
  return command
    .requiredOption('--reason <text>', 'why: it is kept with the event', why)
    .option('--yes', 'do not ask');
}
