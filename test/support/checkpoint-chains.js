// Chains with state of every kind, and what they are fed, for tests of checkpoints. In JavaScript, as processes of their
// own run them on the built package too; all numbers come from plain arithmetic, so that files hold on every engine.

/** Numbers in [-1, 1), the same for the same seed. */
export const numbers = (length, seed = 0) =>
  Float32Array.from({ length }, (_, i) => {
    const mixed = Math.imul(Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 31 - 1;
  });

export const params = () => ({
  encoder: { kernel: { data: numbers(12), shape: [3, 4] }, bias: numbers(5, 1) },
  head: [numbers(33, 2), { "a/b~": numbers(2, 3) }],
  gain: 0.5,
});

export const gradients = (step) => ({
  encoder: { kernel: numbers(12, 10 * step + 5), bias: numbers(5, 10 * step + 6) },
  head: [numbers(33, 10 * step + 7), { "a/b~": numbers(2, 10 * step + 8) }],
  gain: numbers(1, 10 * step + 9)[0],
});

const poisoned = (step) => ({ ...gradients(step), gain: step % 2 ? Number.NaN : Number.POSITIVE_INFINITY });

/** Leaves of a tree of arrays. */
const leavesOf = (tree) => (ArrayBuffer.isView(tree) ? [tree] : Object.values(tree).flatMap(leavesOf));

/** A state of everything that a file can hold; updates depend on it. */
function everything({ stateful }) {
  return stateful(
    (params) => ({
      calls: 0,
      factor: 1 / 3,
      momentum: leavesOf(params).map((leaf) => Float64Array.from(leaf, (x) => x / 3)),
      kinds: {
        ints: [Int8Array.of(-1), Int16Array.of(-2, 3), Int32Array.of(-(2 ** 31))],
        bytes: [Uint8Array.of(255), Uint8ClampedArray.of(7, 8), Uint16Array.of(65535), Uint32Array.of(2 ** 32 - 1)],
        floats: [Float32Array.of(Number.NaN, -0, Number.POSITIVE_INFINITY), new Float64Array(0)],
        bigs: [BigInt64Array.of(-(2n ** 63n)), BigUint64Array.of(2n ** 64n - 1n)],
      },
      numbers: [Number.NaN, -0, 0, Number.NEGATIVE_INFINITY, 5e-324, 2 ** 53, 0.1 + 0.2],
      others: [undefined, null, true, false, "", "\ud800 ~u0041 😀\0", 2n ** 70n, -5n, [], {}, [[]]],
      keys: JSON.parse('{ "__proto__": { "x": 1 }, "constructor": 2, "10": 3, "9": 4, "": 5, "a/b": 6, "\\ud800": 7 }'),
      tensor: { tensor: "params/gain", kind: "Float32Array" },
      number: { number: "5" },
    }),
    (updates, state) => {
      const momentum = state.momentum.map((kept, i) => {
        const leaf = leavesOf(updates)[i];
        const next = kept.map((m, k) => m * 0.9 + leaf[k] * state.factor);
        leaf.set(next);
        return next;
      });
      const big = state.others[6] * 3n + 1n;
      const others = state.others.map((old, i) => (i === 6 ? big : old));
      return [updates, { ...state, momentum, others, calls: state.calls + 1, factor: state.factor / 1.01 }];
    },
  );
}

/** Has a state at every other step only. */
const fleeting = ({ stateful }) =>
  stateful(
    () => ({ first: true }),
    (updates, state) => {
      for (const leaf of leavesOf(updates)) leaf.set(leaf.map((x) => (state === null ? x : 2 * x)));
      return [updates, state === null ? undefined : null];
    },
  );

/**
 * By name: `make` gives an update and what is to be done before each step, for one optimizer; `at` the steps at which to
 * save, if not 50.
 */
export function chainsOf(lanestep) {
  const { accumulate, adam, adamw, addDecayedWeights, addNoise, averageParams, chain, clip, clipByGlobalNorm } =
    lanestep;
  const { control, ema, freeze, identity, lookahead, masked, noisySgd, partition, radam, reduceOnPlateau } = lanestep;
  const { rmsprop, scale, scaleByAdam, scaleByState, scaleBySchedule, scaleByTrustRatio, sgd, skipNonFinite } =
    lanestep;
  const { stateless, trace, yogi, centralize, cosineDecay, zeroNans } = lanestep;

  const cases = {};
  const add = (name, update, options = {}) => {
    cases[name] = {
      at: [50],
      gradients,
      told: () => undefined,
      swaps: false,
      make: () => ({ update: update(), before() {} }),
      ...options,
    };
  };
  const names = [
    "adabelief",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "lamb",
    "lion",
    "noisySgd",
    "radam",
    "rmsprop",
    "sgd",
    "yogi",
  ];
  for (const name of names) add(name, () => lanestep[name]());
  add("rmsprop, centered, with momentum", () => rmsprop({ centered: true, momentum: 0.9, nesterov: true }));
  add("sgd with momentum", () => sgd({ momentum: 0.9 }), { at: [63, 64] });
  add("no rule", () => identity());

  // Gates.
  const phases = { at: [48, 49, 50, 51] };
  add("accumulate", () => accumulate(adam(), { every: 4 }), phases);
  add("accumulate a sum of ever more", () => accumulate(adam(), { every: (step) => 1 + step, mean: false }), phases);
  add(
    "accumulate at the end",
    () => chain(scale(-0.1), accumulate(identity(), { every: (step) => 1 + (step % 5) })),
    phases,
  );
  const skipping = {
    at: [50, 51],
    gradients: (step) => (step % 20 > 6 && step % 20 < 11 ? poisoned : gradients)(step),
  };
  add("skipNonFinite", () => skipNonFinite(adam(), { maxConsecutive: 4 }), skipping);
  add("accumulate what is finite", () => accumulate(skipNonFinite(clipByGlobalNorm().pipe(radam())), { every: 3 }), {
    ...phases,
    gradients: skipping.gradients,
  });
  add("skip, then accumulate", () => skipNonFinite(accumulate(adam(), { every: 3 })), { ...phases, ...skipping });
  add("accumulate twice", () => accumulate(accumulate(adamw(), { every: 2 }), { every: 3 }), phases);

  // Averages and what is remembered besides.
  add("lookahead", () => lookahead(adam(), { every: 6 }), { at: [47, 48, 49, 50] });
  add("averageParams", () => chain(adam(), averageParams({ decay: 0.9 })), { swaps: true });
  add("averageParams without debias", () => chain(adam(), averageParams({ debias: false })), { swaps: true });
  add("ema", () => chain(ema({ decay: 0.9 }), ema({ decay: 0.5, debias: false }), scale(-0.1)));
  add("reduceOnPlateau", () => chain(adam(), reduceOnPlateau({ patience: 3, cooldown: 7, factor: 0.9 })), {
    at: [50, 54, 58],
    told: (step) => ({ value: step < 20 ? 3 - step / 10 : 2 }),
  });

  // Groups.
  const label = (path, { shape }) => (path.startsWith("encoder/") ? "encoder" : shape.length ? "head" : "gain");
  add("partition", () => partition({ encoder: adam(), head: sgd({ momentum: 0.9 }), gain: yogi() }, label));
  add("partition with a frozen group, in norms", () =>
    chain(
      clipByGlobalNorm({ maxNorm: 0.5 }),
      partition({ encoder: freeze(), head: chain(clipByGlobalNorm(), adam()), gain: sgd() }, label),
      averageParams(),
    ),
  );
  add("masked decay", () =>
    chain(
      masked(addDecayedWeights({ decay: 0.1 }), {
        encoder: true,
        head: [false, true],
        gain: false,
        later: true,
        last: [false],
      }),
      adam(),
    ),
  );
  add("everything frozen", () => freeze());
  add("a partition in a partition, with a/b~ as a label", () =>
    partition(
      {
        encoder: partition({ "a/b~": adam(), "": rmsprop() }, (_path, { length }) => (length > 5 ? "a/b~" : "")),
        head: masked(trace(), (path) => path.endsWith("0")).pipe(scale(-0.1), trace()),
        gain: accumulate(adam(), { every: 3 }),
      },
      label,
    ),
  );
  // The rule behind the partition follows other counts in each group.
  const gated = (order) => () =>
    chain(
      partition(
        Object.fromEntries(
          order.map((name) => [
            name,
            name === "gain" ? skipNonFinite(sgd()) : accumulate(adam(), { every: name === "head" ? 2 : 5 }),
          ]),
        ),
        label,
      ),
      lookahead(averageParams({ decay: 0.95 }), { every: 4 }),
    );
  add("gates in groups, and rules behind them", gated(["encoder", "head", "gain"]), { ...phases });
  add("gates in groups the other way round", gated(["gain", "head", "encoder"]), { ...phases });

  // Options that change, and users' functions.
  add("controls", null, {
    make() {
      const [rate, decay, every] = [control(0.125), control(0.5), control(4)];
      const update = accumulate(chain(adam({ learningRate: rate }), trace({ decay }), scaleByState(rate)), { every });
      const before = (step) => {
        if (step === 20) [rate.value, decay.value, every.value] = [0.25, 0.75, 3];
        if (step === 0) rate.value = 0.5;
        if (step === 70) every.value = 2;
      };
      return { update, before };
    },
  });
  add("schedules", () =>
    chain(
      clip({ delta: (step) => 1 / (1 + step) }),
      adamw({ learningRate: cosineDecay({ initValue: 0.1, decaySteps: 80 }), decay: (step) => step / 1000 }),
      scaleBySchedule((step) => Math.min(step / 60, 1)),
    ),
  );
  add("noise", () =>
    chain(
      addNoise({ seed: 2n ** 64n - 1n, eta: 0.5 }),
      addNoise(),
      noisySgd({ seed: 7, gamma: (step) => 0.5 + step / 100 }),
    ),
  );
  add("norms", () =>
    chain(
      zeroNans(),
      centralize(),
      clipByGlobalNorm({ order: Number.POSITIVE_INFINITY }),
      scaleByTrustRatio(),
      scale(-0.1),
    ),
  );
  add("a state of everything", () => chain(scaleByAdam(), everything(lanestep), scale(-0.01)));
  add("a state that is null and undefined", () => chain(fleeting(lanestep), scale(-0.1)), { at: [49, 50] });
  add(
    "custom rules in groups",
    () =>
      partition(
        {
          encoder: chain(everything(lanestep), adam()),
          head: chain(
            stateless((updates) => updates),
            everything(lanestep),
            sgd(),
          ),
          gain: accumulate(chain(everything(lanestep), sgd()), { every: 3 }),
        },
        label,
      ),
    { at: [50, 51] },
  );
  add(
    "all at once",
    () =>
      chain(
        accumulate(
          skipNonFinite(
            chain(
              clipByGlobalNorm(),
              partition({ encoder: lookahead(adamw()), head: everything(lanestep), gain: ema({ decay: 0.5 }) }, label),
            ),
          ),
          { every: 3 },
        ),
        addNoise({ seed: 5 }),
        averageParams({ decay: 0.9 }),
        reduceOnPlateau({ patience: 2, cooldown: 3, factor: 0.9 }),
      ),
    { at: [49, 50, 51], gradients: skipping.gradients, told: (step) => ({ value: 1 + (step % 7) }) },
  );
  return cases;
}

/** Steps `from` up to `to`. Every seventh is made of update() and apply(); now and then the average is looked at. */
export function run(optimizer, { gradients, told, swaps }, before, from, to) {
  for (let step = from; step < to; step++) {
    before(step);
    if (step % 7 === 3) {
      optimizer.update(gradients(step), told(step));
      optimizer.apply();
    } else optimizer.step(gradients(step), told(step));
    if (swaps && step % 10 === 9) {
      optimizer.swapAverage();
      optimizer.swapAverage();
    }
  }
}

/** All that a value holds, in a string: kinds of arrays and objects, bits of numbers, keys in order. */
export function written(value) {
  if (ArrayBuffer.isView(value)) {
    return `${value[Symbol.toStringTag]}(${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")})`;
  }
  if (Array.isArray(value)) return `[${Array.from(value, written)}]`;
  if (typeof value === "object" && value !== null) {
    const isPlain = [null, Object.prototype].includes(Object.getPrototypeOf(value));
    return `${isPlain ? "" : "odd "}{${Object.entries(value).map(([key, child]) => `${JSON.stringify(key)}:${written(child)}`)}}`;
  }
  if (typeof value === "number" && Object.is(value, -0)) return "-0";
  return typeof value === "string" ? JSON.stringify(value) : `${String(value)}${typeof value === "bigint" ? "n" : ""}`;
}

/** Parameters, state and counts. */
export const heldBy = (optimizer) =>
  written([optimizer.params, optimizer.state, optimizer.count, optimizer.stats().skipped]);
