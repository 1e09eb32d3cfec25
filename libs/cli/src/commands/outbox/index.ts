import { again } from '@convergekit/operate/source';
import { actCommand } from '../../frame/act-command.ts';
import { listCommand, tailCommand } from './list.ts';
import { statsCommand } from './stats.ts';

export const outboxCommands = [statsCommand, listCommand, tailCommand, actCommand(again)];
