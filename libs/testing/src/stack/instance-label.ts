/** Marks every container of the kit with the folder of the instance that it belongs to. */
export const INSTANCE_LABEL = 'converge.stack.instance';
