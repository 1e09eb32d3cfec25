import { explainCommand, historyCommand, listCommand, showCommand, simulateCommand } from './show.ts';
import { pathsCommand } from './paths.ts';
import { set } from '@convergekit/operate/policy';
import { actCommand } from '../../frame/act-command.ts';

export const policyCommands = [
  listCommand,
  showCommand,
  explainCommand,
  simulateCommand,
  pathsCommand,
  actCommand(set),
  historyCommand,
];
