/*
 * selftest: the page that measures whether the web server streams.
 *
 * It runs at once and on demand; what it finds it draws, says in words, and
 * leaves in data-verdict, data-compressed and data-authorization of the
 * document for programs.  Everything that comes from the server goes in as
 * text, never as markup.
 */
import { Chart } from "./selftest-chart.js";
import { measure } from "./selftest-measure.js";
import { reportOf } from "./selftest-report.js";
import { chooseApi, classify, timesOf } from "./selftest-verdict.js";
import { wordsOf } from "./selftest-words.js";
import { chooseLanguage, wordsOf as chatWordsOf } from "./words.js";

/* What agentcgi sends: so many, so far apart. */
const TICKS = 10;
const INTERVAL_MS = 300;
/* A page that is still busy with itself sees the first ticks late. */
const SETTLE_MS = 300;
const COPIED_MS = 2000;
/* Notes that have nothing to do with the verdict. */
const ASIDES =
	["compressedStreams", "authorizationLost", "authorizationChecked"];

const language = chooseLanguage(navigator.languages);
const words = wordsOf(language);
const { codes } = chatWordsOf(language); /* of agentcgi's errors */
const { api, rejected } = chooseApi(location.href,
	document.querySelector("meta[name=agentcgi-api]").content);
const root = document.documentElement;
const [verdict, headline, details, figure, todo, aside, measured, facts,
	numbers, rows, report, said, again, copyReport] =
	["verdict", "headline", "details", "figure", "todo", "aside", "measured",
		"facts", "numbers", "rows", "report", "said", "again", "copy"]
		.map((id) => document.getElementById(id));
const chart = new Chart(words,
	Array.from({ length: TICKS }, (_, i) => i * INTERVAL_MS));

const settled = new Promise((resolve) => window.addEventListener("load",
	() => setTimeout(resolve, SETTLE_MS), { once: true }));

let running = null; /* AbortController of the measurement under way */
let frame = 0; /* of the next drawing */

function element(tag, text, ...children) {
	const node = document.createElement(tag);
	node.textContent = text;
	node.append(...children);
	return node;
}

/* --- Copying --- */

/* For pages that came over plain HTTP, where there is no clipboard. */
function copySelected(node) {
	node.closest("details")?.setAttribute("open", "");
	getSelection().selectAllChildren(node);
	return document.execCommand("copy");
}

async function copy(node, button) {
	let isDone = true;
	try {
		await navigator.clipboard.writeText(node.textContent);
	} catch {
		isDone = copySelected(node);
	}
	const label = button.textContent;
	said.textContent = isDone ? words.copied : words.selected;
	if (!isDone || label === words.copied)
		return;
	button.textContent = words.copied;
	setTimeout(() => {
		button.textContent = label;
		said.textContent = "";
	}, COPIED_MS);
}

function copyButton(node) {
	const button = element("button", words.copy);
	button.type = "button";
	button.className = "small";
	button.addEventListener("click", () => copy(node, button));
	return button;
}

/* --- In words --- */

function say(text, found, seen) {
	return typeof text === "function" ? text(found, seen) : text;
}

function errorWords(error) {
	const text = codes[error.code] ?? error.message;
	return typeof text === "string" ? text : "";
}

function detailsOf(found, seen) {
	const all = [say(words.details[found.verdict], found, seen)];
	const error = seen.error ?? seen.failure;
	if (error !== null)
		all.push(errorWords(error));
	return all.filter((text) => text !== "");
}

function wordsFor(found, seen) {
	return {
		headline: say(words.headlines[found.verdict], found, seen),
		details: detailsOf(found, seen),
		notes: found.notes.map((note) => ({
			...note,
			text: say(words.notes[note.kind], { ...found, ...note }, seen),
		})),
	};
}

/* --- On the page --- */

function showChart(times) {
	chart.draw(times);
	rows.replaceChildren(...times.rows.map((row) => element("tr", "",
		...[row.tick, row.sent, row.arrived, row.late]
			.map((n) => element("td", String(Math.round(n)))))));
}

function noteElement({ text, line }) {
	const item = element("li", "", element("p", text));
	if (line !== "") {
		const code = element("code", line);
		const box = element("div", "", code, copyButton(code));
		box.className = "line";
		item.append(box);
	}
	return item;
}

function showNotes(section, notes) {
	section.hidden = notes.length === 0;
	section.querySelector(".notes").replaceChildren(...notes.map(noteElement));
}

function showFacts(found, seen) {
	const known = words.facts(found, seen)
		.filter(([, value]) => value !== "");
	facts.replaceChildren(...known.flatMap(([name, value]) =>
		[element("dt", name), element("dd", value)]));
}

/* Later, so that the next tick does not wait for the drawing of this one. */
function showRunning(seen) {
	frame ||= requestAnimationFrame(() => {
		frame = 0;
		details.replaceChildren(
			element("p", words.progress(seen.ticks.length, TICKS)));
		showChart(timesOf(seen.ticks));
	});
}

function endRunning() {
	cancelAnimationFrame(frame);
	frame = 0;
}

function showBeginning() {
	endRunning();
	for (const name of ["verdict", "compressed", "authorization"])
		delete root.dataset[name];
	verdict.dataset.tone = "none";
	headline.textContent = words.measuring;
	details.replaceChildren(element("p", words.progress(0, TICKS)));
	for (const node of [todo, aside, measured])
		node.hidden = true;
	figure.hidden = false;
	showChart(timesOf([]));
}

function toneOf({ verdict: name, isUneven }) {
	return name === "streams" ? "good" : isUneven ? "fair" : "bad";
}

function showResult(found, seen) {
	const told = wordsFor(found, seen);
	const isAside = ({ kind }) => ASIDES.includes(kind);

	endRunning();
	verdict.dataset.tone = toneOf(found);
	headline.textContent = told.headline;
	details.replaceChildren(...told.details.map((text) => element("p", text)));
	showChart(found.times);
	figure.hidden = numbers.hidden = seen.ticks.length === 0;
	showNotes(todo, told.notes.filter((note) => !isAside(note)));
	showNotes(aside, told.notes.filter(isAside));
	showFacts(found, seen);
	report.textContent = reportOf(seen, found, told, {
		when: new Date().toISOString(),
		browser: navigator.userAgent,
	});
	measured.hidden = false;
}

/* The verdict last: who waits for it finds the rest. */
function leaveResult(found) {
	if (found.times.rows.length > 0)
		root.dataset.compressed = found.compressed === "" ? "no" : "yes";
	if (found.authorization !== "")
		root.dataset.authorization = found.authorization;
	root.dataset.verdict = found.verdict;
}

async function start() {
	running?.abort();
	const controller = new AbortController();
	running = controller;
	showBeginning();
	try {
		await settled;
		const seen = await measure(`${api}selftest`, controller.signal,
			showRunning);
		const found = classify(seen);
		showResult(found, seen);
		leaveResult(found);
	} catch (error) {
		if (!controller.signal.aborted)
			throw error;
		/* another one runs now */
	}
}

root.lang = language;
document.title = words.title;
for (const node of document.querySelectorAll("[data-words]"))
	node.textContent = words[node.dataset.words];
if (rejected !== "") {
	const line = element("p", words.rejected(rejected));
	line.className = "note";
	verdict.before(line);
}
figure.prepend(chart.node);
for (const node of [again, verdict])
	node.hidden = false;
again.addEventListener("click", start);
copyReport.addEventListener("click", () => copy(report, copyReport));
start();
