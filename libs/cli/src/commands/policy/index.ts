import { explainCommand, listCommand as listPolicies, showCommand, simulateCommand } from './show.ts';
import { pathsCommand } from './paths.ts';
import { history, set } from '@convergekit/operate/policy';
import { actCommand, listCommand } from '../../frame/act-command.ts';

export const policyCommands = [
  listPolicies,
  showCommand,
  explainCommand,
  simulateCommand,
  pathsCommand,
  actCommand(set),
  listCommand(history),
];
