/** A number that its owner sets between steps. Made by {@link control}. */
class Control {
  #value = 0;

  constructor(initial: number) {
    this.value = initial;
  }

  get value(): number {
    return this.#value;
  }

  set value(next: number) {
    if (typeof next !== "number") {
      throw new TypeError(`control: value is of type ${typeof next}, expected a finite number`);
    }
    if (!Number.isFinite(next)) throw new RangeError(`control: value is ${next}, expected a finite number`);
    this.#value = next;
  }
}

export type { Control };

/**
 * Makes a number that can be set between steps, for any option that takes a schedule.
 *
 * @param initial a finite number
 * @returns an object whose `value` can be read and set; the next step uses it
 * @throws TypeError, now or when `value` is set, if it is not a number; RangeError if it is not finite
 *
 * @example
 * ```ts
 * const rate = control(1e-3);
 * rate.value = 1e-4;
 * rate.value; // => 1e-4
 * ```
 */
export function control(initial: number): Control {
  return new Control(initial);
}

/** Whether `value` was made by {@link control}. */
export function isControl(value: unknown): value is Control {
  return value instanceof Control;
}
