/*
 * chat: the page.  One conversation, one answer at a time.
 *
 * Everything that comes from the server goes in as text, never as markup.
 */
import { readEvents } from "./sse.js";
import { TextReader } from "./text.js";
import { chooseLanguage, wordsOf } from "./words.js";

const REASONS = ["complete", "stopped", "error", "limit"];
/* Keyboards in composition send Enter to accept a word; Safari tells it by
 * the old key code alone. */
const KEYCODE_IME = 229;

const language = chooseLanguage(navigator.languages);
const words = wordsOf(language);
const api = document.querySelector("meta[name=agentcgi-api]").content;
const [log, form, prompt, send, stop, renew, status, hint] =
	["log", "form", "prompt", "send", "stop", "renew", "status", "hint"]
		.map((id) => document.getElementById(id));

let sessionId = ""; /* given by the server, sent back with the next turn */
let running = null; /* AbortController of the answer under way */
let following = true; /* the reader is at the end: scroll along */

/* An outcome other than a complete answer, in words for the reader. */
class Failure extends Error {
	constructor(message, requestId = "") {
		super(message);
		this.requestId = requestId;
	}
}

/* --- What the server said --- */

function failureOf(error, fallback, requestId = "") {
	const text = words.codes[error?.code] ?? error?.message;
	return new Failure(
		typeof text === "string" && text !== "" ? text : fallback,
		typeof error?.requestId === "string" ? error.requestId : requestId);
}

function parseObject(json) {
	try {
		return JSON.parse(json) ?? {};
	} catch {
		return {};
	}
}

async function refusalOf(response) {
	const body = parseObject(await response.text());
	const failure = failureOf(body.error, words.refused(response.status),
		response.headers.get("X-Request-Id") ?? "");
	const seconds = response.headers.get("Retry-After");
	if (/^\d+$/.test(seconds ?? ""))
		failure.message += ` ${words.retryAfter(seconds)}`;
	return failure;
}

async function post(text, signal) {
	const body = sessionId === ""
		? { prompt: text } : { prompt: text, sessionId };
	const response = await fetch(`${api}invoke`, {
		method: "POST",
		headers: {
			"Accept": "text/event-stream",
			"Content-Type": "application/json",
		},
		body: JSON.stringify(body),
		cache: "no-store",
		signal,
	});
	if (!response.ok)
		throw await refusalOf(response);
	const type = response.headers.get("Content-Type") ?? "";
	if (!/^text\/event-stream\s*(;|$)/i.test(type))
		throw new Failure(words.nostream,
			response.headers.get("X-Request-Id") ?? "");
	return response;
}

/* Read one answer to its end.  Returns the reason it ended for, or throws a
 * Failure. */
async function readAnswer(response, answer, signal) {
	const requestId = response.headers.get("X-Request-Id") ?? "";
	const reader = new TextReader();
	let reason = "";
	let failure = null;

	for await (const { name, data } of readEvents(response.body)) {
		/* aborted, with events of the last read still to come */
		signal.throwIfAborted();
		const ours = name === "message" ? {} : parseObject(data);
		if (name === "session" && typeof ours.sessionId === "string")
			sessionId = ours.sessionId;
		else if (name === "error")
			failure = failureOf(ours.error ?? ours, words.failed,
				requestId);
		else if (name === "done" && REASONS.includes(ours.reason)) {
			reason = ours.reason;
			break;
		} else
			answer.add(reader.read(data));
	}
	if (reason === "complete")
		answer.add(reader.end());
	if (failure !== null || reason === "error")
		throw failure ?? new Failure(words.failed, requestId);
	if (reason === "")
		throw new Failure(words.cut, requestId);
	return reason;
}

/* --- What the reader sees --- */

function element(tag, className, text = "") {
	const node = document.createElement(tag);
	node.className = className;
	node.textContent = text;
	return node;
}

/* Kana tell Japanese, so that its characters get Japanese shapes. */
function markLanguage(node, text) {
	if (node.lang === "" && /[\u3040-\u30ff]/.test(text))
		node.lang = "ja";
}

function scrollAlong() {
	if (following)
		window.scrollTo(0, document.documentElement.scrollHeight);
}

/* One turn: the question, and an answer that grows.  Text is shown once a
 * frame, however often it comes. */
class Turn {
	#answer = element("div", "answer");
	#text = document.createTextNode("");
	#article = element("article", "turn");
	#pending = "";
	#frame = 0;

	constructor(question) {
		const asked = element("p", "question", question);
		for (const node of [asked, this.#answer])
			node.dir = "auto";
		markLanguage(asked, question);
		this.#answer.append(this.#text);
		this.#answer.ariaBusy = "true";
		this.#article.append(
			element("h2", "who", words.you), asked,
			element("h2", "who", words.agent), this.#answer);
		log.append(this.#article);
		following = true;
		scrollAlong();
	}

	get isEmpty() {
		return this.#pending === "" && this.#text.length === 0;
	}

	add(text) {
		if (text === "")
			return;
		this.#pending += text;
		this.#frame ||= requestAnimationFrame(() => this.#show());
	}

	#show() {
		cancelAnimationFrame(this.#frame);
		this.#frame = 0;
		markLanguage(this.#answer, this.#pending);
		this.#text.appendData(this.#pending);
		this.#pending = "";
		scrollAlong();
	}

	/* Shows what is left at once: a page in the background gets no
	 * frames. */
	end() {
		this.#show();
		this.#answer.ariaBusy = "false";
	}

	note(text) {
		this.#article.append(element("p", "note", text));
		scrollAlong();
	}

	fail(failure) {
		const line = element("p", "error", failure.message);
		line.setAttribute("role", "alert");
		if (failure.requestId !== "") {
			const id = element("code", "", failure.requestId);
			const small = element("small", "", `${words.request} `);
			small.append(id);
			line.append(" ", small);
		}
		this.#article.append(line);
		scrollAlong();
	}
}

function setBusy(busy) {
	const stopHadFocus = document.activeElement === stop;
	send.hidden = busy;
	stop.hidden = !busy;
	/* the hint's place is the status line's, once there is one */
	hint.hidden = busy || status.textContent !== "";
	renew.hidden = !busy && log.childElementCount === 0;
	if (stopHadFocus && !busy)
		prompt.focus();
}

function say(text) {
	status.textContent = text;
}

/* --- What the reader does --- */

function tellEnd(turn, reason) {
	if (reason === "stopped" || reason === "limit")
		turn.note(words[reason]);
	else if (turn.isEmpty)
		turn.note(words.silent);
	say(words[reason]);
}

function tellFailure(turn, failure, question) {
	turn.fail(failure);
	say("");
	/* nothing is lost: the question can be sent again */
	if (turn.isEmpty && prompt.value === "")
		prompt.value = question;
}

/* What went wrong, as a Failure; a network error names none itself. */
function asFailure(error, response) {
	if (error instanceof Failure)
		return error;
	if (!(error instanceof TypeError))
		console.error(error); /* a fault of this page */
	return response === null
		? new Failure(words.unreachable)
		: new Failure(words.cut, response.headers.get("X-Request-Id") ?? "");
}

async function ask(question) {
	const controller = new AbortController();
	const { signal } = controller;
	const turn = new Turn(question);
	let response = null;

	running = controller;
	say(words.answering);
	setBusy(true);
	let finish;
	try {
		response = await post(question, signal);
		const reason = await readAnswer(response, turn, signal);
		finish = () => tellEnd(turn, reason);
	} catch (error) {
		finish = signal.aborted
			? () => tellEnd(turn, "stopped")
			: () => tellFailure(turn, asFailure(error, response), question);
	}
	turn.end();
	if (running !== controller)
		return; /* a new conversation has begun meanwhile */
	running = null;
	finish();
	setBusy(false);
}

form.addEventListener("submit", (event) => {
	event.preventDefault();
	const question = prompt.value;
	prompt.focus();
	if (running !== null || question.trim() === "")
		return;
	prompt.value = "";
	ask(question);
});

prompt.addEventListener("keydown", (event) => {
	if (event.key !== "Enter" || event.shiftKey)
		return;
	if (event.isComposing || event.keyCode === KEYCODE_IME)
		return;
	event.preventDefault();
	if (running === null)
		form.requestSubmit();
});

/* Closing the connection is what cancels the run. */
stop.addEventListener("click", () => running?.abort());

renew.addEventListener("click", () => {
	running?.abort();
	running = null;
	sessionId = "";
	log.replaceChildren();
	say("");
	setBusy(false);
	prompt.focus();
});

document.addEventListener("scroll", () => {
	const page = document.documentElement;
	following =
		page.scrollHeight - window.scrollY - window.innerHeight < 48;
}, { passive: true });

document.documentElement.lang = language;
document.title = words.title;
log.ariaLabel = words.log;
for (const node of document.querySelectorAll("[data-words]"))
	node.textContent = words[node.dataset.words];
setBusy(false);
