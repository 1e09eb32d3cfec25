import type { Command } from 'commander';
import type { Act } from '../../frame/command-parts.ts';
import type { StoryFlags } from './history.ts';

/** What is known of single events. */
export function addEventCommands(program: Command, act: Act): void {
  program
    .command('event')
    .description('look at single events')
    .command('story')
    .description('what happened to an event and why: emitted, tried, waited, parked, given up, compensated')
    .argument('<id>', "the event's id (ce_id)")
    .option('--database <url...>', 'more databases, of other services that the event went through')
    .option('--within <minutes>', 'how long after it answers are looked for in outboxes (default: 10)')
    .option('--whole', 'look at the whole of every outbox')
    .action((id: string, flags: StoryFlags, command: Command) =>
      act(command, async (context) => (await import('./history.ts')).storyCommand(context, id, flags)),
    );
}
