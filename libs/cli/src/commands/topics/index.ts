import { accept, forget } from '@convergekit/operate/source';
import { actCommand } from '../../frame/act-command.ts';
import { checkCommand, createCommand } from './create.ts';

export const topicCommands = [createCommand, checkCommand, ...[accept, forget].map(actCommand)];
