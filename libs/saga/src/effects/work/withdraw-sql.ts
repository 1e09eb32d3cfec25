/**
 * Returns the statement that ends the timers of a decided step, as a part of the one that decides it. The parameters are
 * SQL. It uses saga_work_step. A row that a worker has locked to record an outcome is left alone: the worker finds the
 * decided fence, and does nothing. A row that is only leased leaves all the same: its worker finds none.
 */
export function withdrawTimersSql(saga: string, instance: string, step: string, condition: string): string {
  return withdrawnSql(openTimersSql(saga, instance, step, condition));
}

/** Returns the statement that ends the timers whose ids a query gives. */
export function withdrawnSql(ids: string): string {
  return `
    delete from converge.saga_work where id in (${ids})`;
}

/** Returns the query of the ids of a step's open timers, which locks them. */
export function openTimersSql(saga: string, instance: string, step: string, condition: string): string {
  return `
      select id from converge.saga_work
       where saga = ${saga} and instance = ${instance} and step = ${step} and op in ('deadline', 'expire')
         and ${condition}
         for update skip locked`;
}
