/*
 * selftest-chart: two rows of dots over one axis of time, when each tick was
 * sent and when it arrived, and a line between the two.  Upright lines are a
 * stream; lines that meet are ticks that were held back.
 *
 * Places along the axis are percentages, so that the text keeps its size on
 * any screen.  Colours are those of the style sheet.
 */
import { ON_TIME_MS } from "./selftest-verdict.js";

const SVG = "http://www.w3.org/2000/svg";
const SENT_Y = 24;
const ARRIVED_Y = 108;
const AXIS_Y = 136;
const DOT = 5;
/* At most so many parts of the axis have a label. */
const LABELS = 6;
const STEPS_MS = [500, 1000, 2000, 5000, 10_000, 20_000, 50_000];

function shape(name, attributes, text = "") {
	const node = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes))
		node.setAttribute(key, value);
	node.textContent = text;
	return node;
}

export class Chart {
	#svg = shape("svg", { class: "chart", role: "img" });
	#words;
	#planned; /* when the ticks should be sent */

	constructor(words, planned) {
		this.#words = words;
		this.#planned = planned;
	}

	get node() {
		return this.#svg;
	}

	/* Of what timesOf() returned, at any time of a measurement. */
	draw({ rows, sentSpread, arrivedSpread, latest }) {
		const end = Math.max(this.#planned.at(-1),
			...rows.map((row) => Math.max(row.sent, row.arrived)));
		const x = (ms) => `${100 * ms / end}%`;
		const dot = (ms, y, className) => shape("circle",
			{ cx: x(ms), cy: y, r: DOT, class: className });

		this.#svg.replaceChildren(
			...this.#axis(end, x),
			...this.#planned.slice(rows.length)
				.map((ms) => dot(ms, SENT_Y, "planned")),
			...rows.map((row) => shape("line", {
				x1: x(row.sent), y1: SENT_Y, x2: x(row.arrived), y2: ARRIVED_Y,
				class: row.late > ON_TIME_MS ? "way late" : "way",
			})),
			...rows.map((row) => dot(row.sent, SENT_Y, "sent")),
			...rows.map((row) => dot(row.arrived, ARRIVED_Y,
				row.late > ON_TIME_MS ? "arrived late" : "arrived")));
		this.#svg.setAttribute("aria-label", this.#words.chart(
			rows.length, sentSpread, arrivedSpread, latest));
	}

	*#axis(end, x) {
		for (const [y, word] of [[SENT_Y, this.#words.sent],
			[ARRIVED_Y, this.#words.arrived]])
			yield shape("text", { x: 0, y, dx: -16, class: "row-name" }, word);
		const step = STEPS_MS.find((ms) => end / ms <= LABELS)
			?? STEPS_MS.at(-1);
		for (let ms = 0; ms <= end; ms += step) {
			yield shape("line", { x1: x(ms), y1: SENT_Y - 16, x2: x(ms),
				y2: ARRIVED_Y + 12, class: "grid" });
			yield shape("text", { x: x(ms), y: AXIS_Y, class: "time" },
				`${ms / 1000} s`);
		}
	}
}
