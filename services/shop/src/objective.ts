/** The objective of the shop: the share of attempts, at every step of an order, that stay within their policies. */
const checkout = { name: 'checkout', target: 0.99 } as const;

/** The policies of every service of the shop: the attempts of its consumers and of its calls count for the objective. */
export const shopPolicies = { default: { objective: checkout } } as const;
