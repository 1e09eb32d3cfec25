import type { Rule } from 'eslint';

export declare const noAdHocRetry: Rule.RuleModule;
