/**
 * Ends a subquery over `unnest` of parameters: returns all rows, and hides their number from the planner. A statement that
 * a session keeps is otherwise planned anew each time: a plan for the one or two rows of given arrays looks cheaper than one
 * for the ten that are assumed without values, and the same plan results.
 */
export const sizeUnknownSql = 'limit (select null::bigint)';
