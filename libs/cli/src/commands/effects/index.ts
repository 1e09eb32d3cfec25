import { type Command, Option } from 'commander';
import { WORK_STATES } from '@convergekit/effects';
import type { EffectListFlags, EffectResolveFlags, EffectRetryFlags } from './effects.ts';
import { type Act, positive } from '../../frame/command-parts.ts';

/** Calls to other systems: what waits, what is stuck, and a person's word on it. */
export function addEffectCommands(program: Command, act: Act): void {
  const effects = program.command('effects').description('calls to other systems: what waits, what is stuck');
  effects
    .command('list')
    .description('intents in DATABASE_URL, the oldest first')
    .addOption(new Option('--state <state...>', 'only in these states').choices([...WORK_STATES]))
    .option('--effect <name>', 'only of this effect')
    .option('--limit <n>', 'at most so many', positive, 50)
    .action((flags: EffectListFlags, command: Command) =>
      act(command, async (context) => (await import('./effects.ts')).listEffects(context, flags)),
    );
  effects
    .command('show')
    .description('one intent: input, outcome, every attempt with what was waited for')
    .argument('<id>', 'as `effects list` shows it')
    .action((id: string, _flags: unknown, command: Command) =>
      act(command, async (context) => (await import('./effects.ts')).showEffect(context, id)),
    );
  effects
    .command('retry')
    .description(
      'try now what waits; call again what is stuck, although the call before may have taken effect',
    )
    .argument('<ids...>', 'as `effects list` shows them')
    .requiredOption('--reason <text>', 'why: it is kept with the intent')
    .option('--yes', 'do not ask')
    .action((ids: string[], flags: EffectRetryFlags, command: Command) =>
      act(command, async (context) => (await import('./effects.ts')).retryEffects(context, ids, flags)),
    );
  effects
    .command('resolve')
    .description('say what became of a call, from the records of the other side; the worker settles it')
    .argument('<id>', 'as `effects list` shows it')
    .addOption(new Option('--succeeded <json>', 'it took effect, with this result').conflicts('failed'))
    .option('--failed <code>', 'it certainly took no effect, for this reason')
    .requiredOption('--reason <text>', 'how you know: it is kept with the intent')
    .option('--yes', 'do not ask')
    .action((id: string, flags: EffectResolveFlags, command: Command) =>
      act(command, async (context) => (await import('./effects.ts')).resolveEffect(context, id, flags)),
    );
}
