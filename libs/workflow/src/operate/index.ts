/** Exports for operators: reads and actions of workflows, for the CLI and the console. */
export { WORKFLOW_STATES, type WorkflowState } from '../entry.ts';
export { verifyWorkflow, type WorkflowRecord, type WorkflowVerdict } from '../verify.ts';
export {
  resolveWorkflow,
  retryWorkflow,
  type StatedResult,
  type StuckStep,
  stuckStepOf,
} from './act-on-workflow.ts';
export { verifyWorkflows } from './verify-all.ts';
export { listWorkflows, readWorkflow, type WorkflowFilter, type WorkflowView } from './workflow-sql.ts';
