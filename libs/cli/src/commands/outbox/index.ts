import { again, listOutbox } from '@convergekit/operate/source';
import { actCommand, listCommand } from '../../frame/act-command.ts';
import { statsCommand } from './stats.ts';
import { tailCommand } from './tail.ts';

export const outboxCommands = [statsCommand, listCommand(listOutbox), tailCommand, actCommand(again)];
