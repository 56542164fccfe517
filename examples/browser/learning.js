// @ts-check
// The charts and figures of the training.

import { Chart, decades, percents } from "./chart.js";
import { byId, element, percent, whole } from "./dom.js";

/** @typedef {import("./fine-tuning.js").Point} Point */

const svg = (/** @type {string} */ id) => /** @type {SVGSVGElement} */ (/** @type {unknown} */ (byId(id)));

export class Learning {
  lossChart = new Chart(svg("loss-chart"));
  accuracyChart = new Chart(svg("accuracy-chart"));
  /** @type {Point[]} */
  history = [];
  fixed = { parameters: "–", backend: "–" };

  /**
   * @param {import("./worker.js").Params} params
   * @param {import("lanestep").BackendInfo} backend
   */
  begin(params, { name, path }) {
    const parameters = params.reduce((sum, { kernel, bias }) => sum + kernel.length + bias.length, 0);
    this.fixed = { parameters: whole(parameters), backend: `${name} (${path})` };
  }

  /** @param {Point[]} history */
  restart(history) {
    this.history = history;
    this.#progress(1);
    this.#draw(null);
  }

  /**
   * @param {Point} point
   * @param {import("./worker.js").Figures} figures
   * @param {number} done 1 for all
   */
  progress(point, figures, done) {
    this.history.push(point);
    this.#progress(done);
    this.#draw(figures);
  }

  /** @param {number} done */
  #progress(done) {
    const bar = /** @type {HTMLElement} */ (byId("progress").firstElementChild);
    bar.style.transform = `scaleX(${done === 1 ? 0 : done})`;
  }

  /** @param {import("./worker.js").Figures | null} figures */
  #draw(figures) {
    const { history } = this;
    const step = history[history.length - 1].step;
    const own = pointsOf(history, "own");
    const rehearsal = pointsOf(history, "rehearsal");
    const losses = [
      { name: "rehearsal", points: rehearsal },
      { name: "own", points: own },
    ];
    const said = (/** @type {[number, number][]} */ points) => points.at(-1)?.[1].toPrecision(2) ?? "not known yet";
    this.lossChart.show(
      losses,
      decades([...own, ...rehearsal].map(([, value]) => value)),
      `Loss after ${step} steps: on your digits ${said(own)}, on rehearsed digits ${said(rehearsal)}.`,
    );

    const accuracy = pointsOf(history, "accuracy");
    const [before, now] = [accuracy[0][1], accuracy[accuracy.length - 1][1]];
    const trained = {
      name: "trained",
      points: /** @type {[number, number][]} */ ([
        [0, before],
        [Math.max(step, 100), before],
      ]),
    };
    this.accuracyChart.show(
      [trained, { name: "accuracy", points: accuracy }],
      percents(accuracy.map(([, value]) => value)),
      `Of the held-out digits ${percent(now, 2)} are read rightly after ${step} steps, ${percent(before, 2)} as trained.`,
    );
    byId("accuracy-before").textContent = percent(before, 2);
    byId("accuracy-now").textContent = percent(now, 2);

    const shown = (/** @type {number | null | undefined} */ value, digits = 2) => value?.toPrecision(digits) ?? "–";
    const entries = {
      Steps: whole(step),
      "Learning rate": figures?.rate?.toExponential(0) ?? "–",
      "Gradient norm": shown(figures?.gradNorm) + (figures?.clipped ? ", clipped" : ""),
      "Update norm": shown(figures?.updateNorm),
      "Parameter norm": shown(figures?.paramNorm, 4),
      "A step in all": figures ? `${figures.stepMs.toFixed(1)} ms` : "–",
      "of it the optimizer": figures ? `${figures.optimizerMs.toFixed(2)} ms` : "–",
      Parameters: this.fixed.parameters,
      Backend: this.fixed.backend,
    };
    byId("figures").replaceChildren(
      ...Object.entries(entries).map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, value)),
      ),
    );
  }
}

/**
 * @param {readonly Point[]} history
 * @param {"own" | "rehearsal" | "accuracy"} name
 */
function pointsOf(history, name) {
  return history.flatMap((point) => {
    const value = point[name];
    return value === null ? [] : [/** @type {[number, number]} */ ([point.step, value])];
  });
}
