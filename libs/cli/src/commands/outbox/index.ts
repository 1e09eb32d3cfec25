import { type Command, InvalidArgumentError } from 'commander';
import type { AgainFlags } from './again.ts';
import type { FilterFlags, ListFlags } from './list.ts';
import type { ForgetFlags } from '../topics/forget.ts';
import type { AcceptFlags } from '../topics/accept.ts';
import { type Act, instant, positive } from '../../frame/command-parts.ts';

/** Below `topics`: what an operator does when a topic changed. */
export function addAcceptCommand(topics: Command, act: Act): void {
  topics
    .command('accept')
    .description(
      'let a topic that got more partitions go on: drained with the old count, read to its end, switched',
    )
    .argument('<topic>', 'a topic that the relay halted with PARTITION_COUNT_CHANGED or TOPIC_RECREATED')
    .option('--group <name...>', 'consumer groups that read it: they are waited for')
    .option('--force', 'wait for no group: keys that move lose their order across the change')
    .option('--made-again', 'instead: it was deleted and made again; go on behind what was acknowledged')
    .option('--reason <text>', 'with --made-again: why, for the audit')
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action(
      (
        topic: string,
        flags: AcceptFlags & { readonly madeAgain?: boolean; readonly reason?: string },
        command: Command,
      ) =>
        act(command, async (context) =>
          flags.madeAgain === true
            ? (await import('../topics/forget.ts')).acceptMadeAgainCommand(context, topic, flags)
            : (await import('../topics/accept.ts')).acceptPartitions(context, topic, flags),
        ),
    );
  topics
    .command('forget')
    .description('give up what was not sent to a topic that was deleted for good, so that retention goes on')
    .argument('<topic>', 'a topic that the relay halted with TOPIC_UNKNOWN')
    .requiredOption('--reason <text>', 'why: it is kept with the topic')
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action((topic: string, flags: ForgetFlags, command: Command) =>
      act(command, async (context) =>
        (await import('../topics/forget.ts')).forgetCommand(context, topic, flags),
      ),
    );
}

/** What the outbox holds, and writing some of it again. */
export function addOutboxCommands(program: Command, act: Act): void {
  const outbox = program.command('outbox').description('look into the outbox, and emit events again');
  outbox
    .command('stats')
    .description('backlog, oldest event not published, rate, ticks, children, held topics')
    .action((_flags: unknown, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).outboxStats(context)),
    );
  filtered(outbox.command('list').description('the newest events first, and whether they are published'))
    .option('--id <id...>', 'event ids')
    .option('--published', 'only those in the log')
    .option('--pending', 'only those not in the log yet')
    .option('--from <time>', 'written at or after', instant)
    .option('--to <time>', 'written before', instant)
    .option('--limit <n>', 'at most so many', positive, 20)
    .action((flags: ListFlags, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).listOutbox(context, flags)),
    );
  filtered(outbox.command('tail').description('show events as they commit, until Ctrl-C')).action(
    (flags: FilterFlags, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).tailOutbox(context, flags)),
  );
  filtered(outbox.command('again').description('emit events again: new ids, ce_replayof names the old one'))
    .argument('[ids...]', 'event ids')
    .option('--from <time>', 'written at or after', instant)
    .option('--to <time>', 'written before', instant)
    .option('--limit <n>', 'refuse when more match', positive, 1_000)
    .option('--rate <n>', 'events a second at most', positive, 500)
    .option('--after-row <id>', 'go on where a run was stopped', rowId)
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action((ids: string[], flags: AgainFlags, command: Command) =>
      act(command, async (context) => (await import('./again.ts')).emitOutboxAgain(context, ids, flags)),
    );
}

function filtered(command: Command): Command {
  return command
    .option('--topic <name>', 'only of this topic')
    .option('--key <key>', 'only of this key')
    .option('--type <type>', 'only of this type');
}

function rowId(text: string): bigint {
  if (!/^\d{1,18}$/.test(text))
    throw new InvalidArgumentError('It must be a row id, as `outbox list` shows it first');
  return BigInt(text);
}
