// What the host tells a pass in each step, and how a shader says it. An expression of host scalars alone is computed here,
// in double precision, and rounded once; one with a factor that stands on the device is multiplied there.

import { type Expression, evaluate, type Values } from "../../program/form.ts";

/** A factor on the device: its place among all factors; with `byLeaf` that of leaf 0. */
export interface DeviceFactor {
  readonly at: number;
  readonly byLeaf: boolean;
}

export type FactorsOf = (value: number) => DeviceFactor | undefined;

/** A scalar of a pass; integers keep their bits. */
export interface HostScalar {
  readonly integer: boolean;
  readonly read: () => number;
}

/** Whether a part of it stands on the device, and differs from leaf to leaf. */
export function whereIs(expression: Expression | null, factorOf: FactorsOf): "host" | "device" | "leaf" {
  if (!expression) return "host";
  if (expression.kind === "value") {
    const factor = factorOf(expression.index);
    return factor ? (factor.byLeaf ? "leaf" : "device") : "host";
  }
  const sides = [whereIs(expression.left, factorOf), whereIs(expression.right, factorOf)];
  return sides.includes("leaf") ? "leaf" : sides.includes("device") ? "device" : "host";
}

/** The scalars of one pass, in the order of its shader. */
export class Constants {
  readonly scalars: HostScalar[] = [];
  usesFactors = false;
  usesLeaf = false;
  readonly #values: Values;
  readonly #factorOf: FactorsOf;

  constructor(values: Values, factorOf: FactorsOf) {
    this.#values = values;
    this.#factorOf = factorOf;
  }

  number(read: () => number): string {
    return `bitcast<f32>(${this.#add({ integer: false, read })})`;
  }

  integer(read: () => number): string {
    return this.#add({ integer: true, read });
  }

  /** @param absent what `null` stands for */
  expression(expression: Expression | null, absent: 0 | 1): string {
    const where = whereIs(expression, this.#factorOf);
    if (!expression || where === "host") return this.number(() => evaluate(expression, this.#values, absent));
    this.usesFactors = true;
    this.usesLeaf ||= where === "leaf";
    if (expression.kind === "value") {
      const { at, byLeaf } = this.#factorOf(expression.index)!;
      return byLeaf ? `factors[${at}u+leaf]` : `factors[${at}]`;
    }
    const [left, right] = [this.expression(expression.left, 0), this.expression(expression.right, 0)];
    return `(${left}${expression.kind === "sum" ? "+" : "*"}${right})`;
  }

  #add(scalar: HostScalar): string {
    const at = this.scalars.push(scalar) - 1;
    return `constants[${at >> 2}][${at & 3}]`;
  }
}
