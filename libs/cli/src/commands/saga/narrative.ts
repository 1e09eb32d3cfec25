import { command } from '../../frame/command.ts';
import { result } from '../../frame/result.ts';
import { databases } from '../../history/named-databases.ts';
import { renderNarrative } from './narrative/render-narrative.ts';
import { instanceArgument, narrativeOf, wholeOutbox } from './show.ts';

export const narrativeCommand = command({
  name: 'narrative',
  summary: 'the history of one instance: what each step did and why, waits, parks, compensations, operators',
  args: { instance: instanceArgument },
  flags: { ...databases, ...wholeOutbox },
  run: async (context, { instance, database, whole }) => {
    const narrative = await narrativeOf(context, instance, database, whole);
    return result(narrative, () => renderNarrative(narrative));
  },
});
