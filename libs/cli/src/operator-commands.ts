import type { Command } from 'commander';
import type { AcceptFlags } from './commands/topics-accept.ts';
import type { Act } from './program.ts';

/** Below `topics`: what an operator does when a topic changed. */
export function addAcceptCommand(topics: Command, act: Act): void {
  topics
    .command('accept')
    .description(
      'let a topic that got more partitions go on: drained with the old count, read to its end, switched',
    )
    .argument('<topic>', 'a topic that the relay halted with PARTITION_COUNT_CHANGED')
    .option('--group <name...>', 'consumer groups that read it: they are waited for')
    .option('--force', 'wait for no group: keys that move lose their order across the change')
    .option('--dry-run', 'show what it would do, and change nothing')
    .option('--yes', 'do not ask')
    .action((topic: string, flags: AcceptFlags, command: Command) =>
      act(command, async (context) =>
        (await import('./commands/topics-accept.ts')).acceptPartitions(context, topic, flags),
      ),
    );
}
