// @ts-check
// A multilayer perceptron by hand. It owns no parameters: it reads the optimizer's views and writes into its gradients.

/** @typedef {import("./data.js").Random} Random */
/** @typedef {{ kernel: Float32Array, bias: Float32Array }} Dense A layer; the kernel is inputs × outputs, row by row. */

/**
 * Fresh parameters: He's uniform initialisation (He and others, 2015) and biases of zero.
 *
 * @param {readonly number[]} sizes inputs, hidden layers, outputs
 * @param {Random} random
 */
export function createParams(sizes, random) {
  return sizes.slice(1).map((outputs, layer) => {
    const inputs = sizes[layer];
    const limit = Math.sqrt(6 / inputs);
    const data = Float32Array.from({ length: inputs * outputs }, () => (2 * random() - 1) * limit);
    return { kernel: { data, shape: [inputs, outputs] }, bias: new Float32Array(outputs) };
  });
}

export class Perceptron {
  /**
   * @param {readonly number[]} sizes inputs, hidden layers, outputs
   * @param {number} capacity the most examples in one batch
   */
  constructor(sizes, capacity) {
    this.sizes = sizes;
    /** What each layer puts out: rectified units, and class probabilities behind the last layer. */
    this.outputs = sizes.slice(1).map((size) => new Float32Array(capacity * size));
    /** The loss's derivative by what each layer computes before its activation function. */
    this.deltas = sizes.slice(1).map((size) => new Float32Array(capacity * size));
  }

  /**
   * Class probabilities of the first `count` examples, valid until the next call.
   *
   * @param {readonly Dense[]} params
   * @param {Float32Array} images
   * @param {number} count
   */
  forward(params, images, count) {
    let input = images;
    params.forEach(({ kernel, bias }, layer) => {
      const output = this.outputs[layer];
      multiply(output, input, kernel, { rows: count, inner: this.sizes[layer], columns: bias.length });
      if (layer < params.length - 1) addBiasAndRectify(output, bias, count);
      else addBiasAndSoftmax(output, bias, count);
      input = output;
    });
    return input;
  }

  /**
   * Writes the gradients of the mean cross-entropy of the examples that `forward` saw last; returns that mean.
   *
   * @param {readonly Dense[]} params
   * @param {readonly Dense[]} grads
   * @param {Float32Array} images
   * @param {Uint8Array} labels
   * @param {number} count
   */
  backward(params, grads, images, labels, count) {
    const last = params.length - 1;
    const loss = crossEntropy(this.deltas[last], this.outputs[last], labels, count, params[last].bias.length);
    for (let layer = last; layer >= 0; layer--) {
      const [inputs, outputs] = [this.sizes[layer], this.sizes[layer + 1]];
      const input = layer > 0 ? this.outputs[layer - 1] : images;
      const delta = this.deltas[layer];
      multiply(grads[layer].kernel, input, delta, { rows: inputs, inner: count, columns: outputs, transposed: true });
      sumRows(grads[layer].bias, delta, count);
      if (layer > 0) propagate(this.deltas[layer - 1], delta, params[layer].kernel, input, count, outputs);
    }
    return loss;
  }
}

/**
 * out = a · b, or aᵀ · b. Four terms at a time, so that a row of `out`, which fits the innermost cache, is read and
 * written a quarter as often; zeros in `a` are skipped: four fifths of the pixels are, and half of the hidden units.
 *
 * @param {Float32Array} out rows × columns
 * @param {Float32Array} a rows × inner, or inner × rows if transposed
 * @param {Float32Array} b inner × columns
 * @param {{ rows: number, inner: number, columns: number, transposed?: boolean }} shape
 */
function multiply(out, a, b, { rows, inner, columns, transposed = false }) {
  const rowStride = transposed ? 1 : inner;
  const innerStride = transposed ? rows : 1;
  const values = new Float64Array(inner + 3);
  const offsets = new Uint32Array(inner + 3);
  out.fill(0, 0, rows * columns);
  for (let row = 0; row < rows; row++) {
    let terms = 0;
    for (let k = 0; k < inner; k++) {
      const value = a[row * rowStride + k * innerStride];
      if (value === 0) continue;
      values[terms] = value;
      offsets[terms++] = k * columns;
    }
    // Up to three terms of nothing (0 times b's first row) fill the last group of four.
    values.fill(0, terms, terms + 3);
    offsets.fill(0, terms, terms + 3);
    const o = row * columns;
    for (let t = 0; t < terms; t += 4) {
      const [v0, v1, v2, v3] = [values[t], values[t + 1], values[t + 2], values[t + 3]];
      const [b0, b1, b2, b3] = [offsets[t], offsets[t + 1], offsets[t + 2], offsets[t + 3]];
      for (let c = 0; c < columns; c++) {
        out[o + c] += v0 * b[b0 + c] + v1 * b[b1 + c] + v2 * b[b2 + c] + v3 * b[b3 + c];
      }
    }
  }
}

/**
 * Carries a layer's delta back through its kernel and through the rectifier before it.
 *
 * @param {Float32Array} previous the delta to write, one value for each unit of `units`
 * @param {Float32Array} delta
 * @param {Float32Array} kernel
 * @param {Float32Array} units the rectified units that went into the layer
 * @param {number} count
 * @param {number} outputs
 */
function propagate(previous, delta, kernel, units, count, outputs) {
  const inputs = kernel.length / outputs;
  for (let example = 0; example < count; example++) {
    for (let input = 0; input < inputs; input++) {
      const unit = example * inputs + input;
      let sum = 0;
      if (units[unit] > 0) {
        for (let o = 0; o < outputs; o++) sum += delta[example * outputs + o] * kernel[input * outputs + o];
      }
      previous[unit] = sum;
    }
  }
}

/**
 * @param {Float32Array} output
 * @param {Float32Array} bias
 * @param {number} count
 */
function addBiasAndRectify(output, bias, count) {
  for (let begin = 0; begin < count * bias.length; begin += bias.length) {
    for (let o = 0; o < bias.length; o++) output[begin + o] = Math.max(0, output[begin + o] + bias[o]);
  }
}

/**
 * @param {Float32Array} output
 * @param {Float32Array} bias
 * @param {number} count
 */
function addBiasAndSoftmax(output, bias, count) {
  for (let begin = 0; begin < count * bias.length; begin += bias.length) {
    let max = -Infinity;
    for (let o = 0; o < bias.length; o++) {
      output[begin + o] += bias[o];
      max = Math.max(max, output[begin + o]);
    }
    let sum = 0;
    for (let o = 0; o < bias.length; o++) {
      output[begin + o] = Math.exp(output[begin + o] - max);
      sum += output[begin + o];
    }
    for (let o = 0; o < bias.length; o++) output[begin + o] /= sum;
  }
}

/**
 * The mean cross-entropy, and its derivative by what went into the softmax.
 *
 * @param {Float32Array} delta written
 * @param {Float32Array} probabilities
 * @param {Uint8Array} labels
 * @param {number} count
 * @param {number} classes
 */
function crossEntropy(delta, probabilities, labels, count, classes) {
  let loss = 0;
  for (let index = 0; index < count * classes; index++) delta[index] = probabilities[index] / count;
  for (let example = 0; example < count; example++) {
    const index = example * classes + labels[example];
    loss -= Math.log(Math.max(probabilities[index], 1e-30));
    delta[index] -= 1 / count;
  }
  return loss / count;
}

/**
 * @param {Float32Array} sums written, one for each column
 * @param {Float32Array} matrix
 * @param {number} count its rows
 */
function sumRows(sums, matrix, count) {
  sums.fill(0);
  for (let begin = 0; begin < count * sums.length; begin += sums.length) {
    for (let column = 0; column < sums.length; column++) sums[column] += matrix[begin + column];
  }
}
