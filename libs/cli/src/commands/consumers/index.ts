import { type Command, Option } from 'commander';
import type { FillFlags } from './fill.ts';
import type { GapsFlags } from './gaps.ts';
import type { ReplayFlags } from './replay.ts';
import type { ResumeFlags } from './resume.ts';
import type { DropFlags } from './types.ts';
import { type Act, instant, positive, whole, why } from '../../frame/command-parts.ts';

/** What an operator does for a consumer that stands still. */
export function addConsumerCommands(program: Command, act: Act): void {
  const consumers = program.command('consumers').description('help consumers that stand still');
  consumers
    .command('fill')
    .description(
      'put what a consumer of DATABASE_URL misses into its inbox, read from the outbox of its source',
    )
    .argument('<consumer>', 'a consumer with partitions that are halted at a gap')
    .option('--source-url <url>', "the source's database (default: SOURCE_DATABASE_URL, else DATABASE_URL)")
    .option('--limit <n>', 'refuse when more is missing in one partition', positive, 100_000)
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action((consumer: string, flags: FillFlags, command: Command) =>
      act(command, async (context) => (await import('./fill.ts')).fillConsumer(context, consumer, flags)),
    );
  consumers
    .command('resume')
    .description('let halted partitions go on; what was filled is handled first')
    .argument('<consumer>', 'a consumer with halted partitions')
    .option('--topic <name>', 'only of this topic')
    .option('--partition <n>', 'only this partition', whole)
    .option(
      '--continue',
      'pass what they stand at: a gap is kept for later, what an old primary wrote is skipped',
    )
    .option('--reject <offset>', 'take this record for forged: its position does not count', whole)
    .addOption(
      new Option('--from <place>', 'begin with what the log has, after it lost their place').choices([
        'earliest',
      ]),
    )
    .requiredOption('--reason <text>', 'why: it is kept with the partition', why)
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action((consumer: string, flags: ResumeFlags, command: Command) =>
      act(command, async (context) => (await import('./resume.ts')).resumeConsumer(context, consumer, flags)),
    );
  consumers
    .command('gaps')
    .description('what a consumer misses: gaps at which it stands, and those that it went past')
    .argument('<consumer>')
    .option('--keys', "name the keys of the missing events, while the source's outbox keeps them")
    .option('--source-url <url>', "the source's database (default: SOURCE_DATABASE_URL, else DATABASE_URL)")
    .action((consumer: string, flags: GapsFlags, command: Command) =>
      act(command, async (context) => (await import('./gaps.ts')).listGaps(context, consumer, flags)),
    );
  addReplayCommands(consumers, act);
  addTypeCommands(
    consumers.command('types').description('the types of events that consumers have registered'),
    act,
  );
}

function addReplayCommands(consumers: Command, act: Act): void {
  consumers
    .command('replay')
    .description(
      'set a consumer back, so that it handles events again; names the effects that it will repeat',
    )
    .argument('<consumer>')
    .requiredOption('--topic <name>', 'of this topic')
    .option('--partition <n>', 'only this partition', whole)
    .option('--everything', 'all that the log holds')
    .option('--since <time>', 'from the first record of that time on', instant)
    .option('--after <position>', 'what comes after this position, as `consumers list` shows it')
    .requiredOption('--reason <text>', 'why: it is kept with the partition', why)
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action((consumer: string, flags: ReplayFlags, command: Command) =>
      act(command, async (context) => (await import('./replay.ts')).replayConsumer(context, consumer, flags)),
    );
  consumers
    .command('list')
    .alias('lag')
    .description('state, watermarks, lag, parked keys and open gaps of every partition in DATABASE_URL')
    .argument('[consumer]', 'only this consumer')
    .action((consumer: string | undefined, _flags: unknown, command: Command) =>
      act(command, async (context) => (await import('./list.ts')).listConsumers(context, consumer)),
    );
}

function addTypeCommands(types: Command, act: Act): void {
  types
    .command('list')
    .description('which types a consumer of DATABASE_URL handles, in any version that ran')
    .argument('<consumer>')
    .action((consumer: string, _flags: unknown, command: Command) =>
      act(command, async (context) => (await import('./types.ts')).listTypes(context, consumer)),
    );
  types
    .command('drop')
    .description('withdraw a type that no version handles any more: partitions that wait for one skip it')
    .argument('<consumer>')
    .argument('<type>')
    .option('--topic <name>', 'only of this topic')
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action((consumer: string, type: string, flags: DropFlags, command: Command) =>
      act(command, async (context) =>
        (await import('./types.ts')).dropConsumerType(context, consumer, type, flags),
      ),
    );
}
