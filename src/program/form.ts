// Between two bodies an update is a linear form a·x + b·p of the register x and the parameter p. Its coefficients are
// expressions of host scalars and of results of reductions: linear updates only change them, and cost nothing.

/** An expression over the values of a step: an index into them, or a sum or product. */
export type Expression =
  | { readonly kind: "value"; readonly index: number }
  | { readonly kind: "sum" | "product"; readonly left: Expression; readonly right: Expression };

/** a·x + b·p; by structure, `null` is 1 for a and 0 for b. */
export interface Form {
  readonly a: Expression | null;
  readonly b: Expression | null;
}

export const identityForm: Form = { a: null, b: null };

export const value = (index: number): Expression => ({ kind: "value", index });

const times = (left: Expression, right: Expression | null): Expression =>
  right ? { kind: "product", left, right } : left;

/** factor·(a·x + b·p) */
export function scaled({ a, b }: Form, factor: Expression): Form {
  return { a: times(factor, a), b: b && times(factor, b) };
}

/** a·x + (b + decay)·p */
export function decayed({ a, b }: Form, decay: Expression): Form {
  return { a, b: b ? { kind: "sum", left: b, right: decay } : decay };
}

/** The values of a step. */
export type Values = readonly number[] | Float64Array;

/** In double precision; rounded to f32 once, where it enters a loop. */
export function evaluate(expression: Expression | null, values: Values, absent: 0 | 1): number {
  if (!expression) return absent;
  if (expression.kind === "value") return values[expression.index]!;
  const left = evaluate(expression.left, values, 0);
  const right = evaluate(expression.right, values, 0);
  return expression.kind === "sum" ? left + right : left * right;
}
